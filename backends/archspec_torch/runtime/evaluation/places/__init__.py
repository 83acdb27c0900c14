"""Figures of what is told to be where, one thing an image: an object with its box, or points."""
