"""Objects in pictures, found by a trained detector: read, looked at whole or in tiles, drawn, written."""

from archspec_torch.runtime.detecting.detect import detect
from archspec_torch.runtime.detecting.found import Detected, Detections, Thing, Times

__all__ = ["Detected", "Detections", "Thing", "Times", "detect"]
