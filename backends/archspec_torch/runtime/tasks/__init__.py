"""Tasks: targets, loss, metrics and decoding of each together, one file a task."""
