"""Any number of classes an image: figures, and their text."""
