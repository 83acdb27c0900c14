"""The classes of two data sets in the order in which published weights have them."""

from __future__ import annotations

VOC = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""Everingham et al., The Pascal Visual Object Classes Challenge, 2010, in the order of their names."""

COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
    "hair drier", "toothbrush",
)  # fmt: skip
"""Lin et al., arXiv:1405.0312: the 80 that are annotated."""

UNUSED = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
"""Of COCO's 90 numbers, from 1, those that no annotation has."""


def known(name: str, count: int) -> tuple[str, ...] | None:
    """The classes that `voc` or `coco` means for a network of so many; None for another word or another number.

    With 90 a network has COCO's own numbers, those that nothing has among them; they are called by their number.
    """
    found = {"voc": VOC, "coco": COCO}.get(name)
    if name == "coco" and count == len(COCO) + len(UNUSED):
        names = iter(COCO)
        return tuple(str(n) if n in UNUSED else next(names) for n in range(1, count + 1))
    return found if found is not None and len(found) == count else None
