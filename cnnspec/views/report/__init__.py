"""One page that holds a whole network: no script, nothing from outside."""
