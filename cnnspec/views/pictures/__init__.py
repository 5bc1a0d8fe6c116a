"""Pictures of networks: the graph and the volumes."""
