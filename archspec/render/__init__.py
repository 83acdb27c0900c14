"""A typed graph as text and pictures."""
