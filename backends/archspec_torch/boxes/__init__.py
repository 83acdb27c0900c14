"""Annotated boxes in files: read, written, converted, checked, clustered into anchors; and detections scored on them.

Nothing here needs torch or a network. Boxes are x1, y1, x2, y2 in pixels, counted from 0 at the image's top left
corner, x2 and
y2 one past the last pixel: width is x2 − x1 in every format.
"""

from __future__ import annotations

from archspec_torch.boxes.annotated import Annotated as Annotated
from archspec_torch.boxes.annotated import ImageEntry as ImageEntry
from archspec_torch.boxes.annotated import Object as Object
