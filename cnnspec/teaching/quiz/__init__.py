"""Questions with their laws, and the named mistakes that give the wrong choices."""
