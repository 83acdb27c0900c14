"""Detections scored against the truth: COCO's figures, VOC's average precision, kinds of mistakes; on arrays alone."""
