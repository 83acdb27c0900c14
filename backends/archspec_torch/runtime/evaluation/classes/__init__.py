"""One class an image: figures, and their text."""
