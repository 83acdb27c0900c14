"""What is measured of detections: average precision, kinds of mistakes, what is taken for what."""
