"""Facts about a typed graph, one kind a file."""
