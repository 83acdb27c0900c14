"""Decoders of detection heads and suppression as torch modules; what they compute is in `archspec_torch.detection`."""

from __future__ import annotations

from torch import Tensor, nn

from archspec.ops import detect
from archspec_torch.detection import coding
from archspec_torch.detection.suppress import detections
from archspec_torch.lowering.base import Site, lowers


class _Decoder(nn.Module):
    """Maps of a head and the image, whose size alone is read, to boxes (N, R, 4) and scores (N, R, C)."""

    def __init__(self, op: detect.Decoder):
        super().__init__()
        self.op = op

    def ended(self, boxes: Tensor, image: Tensor) -> Tensor:
        return coding.clipped(boxes, _size(image)) if self.op.clip else boxes

    def extra_repr(self) -> str:
        return self.op.label()


def _size(x: Tensor) -> coding.Size:
    return x.shape[-2], x.shape[-1]


class YoloBoxes(_Decoder):
    op: detect.YoloBoxes

    def forward(self, raw: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        anchors = coding.in_pixels(self.op.anchors, self.op.unit, _size(image), _size(raw))
        boxes = coding.yolo_boxes(raw, anchors, _size(image))
        return self.ended(boxes, image), coding.yolo_scores(raw, len(anchors), self.op.scores == "softmax")


class YoloV1Boxes(_Decoder):
    op: detect.YoloV1Boxes

    def forward(self, raw: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        boxes = coding.yolo_v1_boxes(raw, self.op.boxes, _size(image))
        return self.ended(boxes, image), coding.yolo_v1_scores(raw, self.op.boxes)


class SsdBoxes(_Decoder):
    op: detect.SsdBoxes

    def forward(self, scores: Tensor, places: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        op, size, grid = self.op, _size(image), _size(places)
        anchors = coding.in_pixels(op.anchors, op.unit, size, grid)
        defaults = coding.default_boxes(grid, anchors, size, op.stride, places)
        told = coding.by_cell(places, len(anchors)).flatten(1, 3)
        boxes = coding.ssd_decode(told, defaults, op.variances)
        probabilities = coding.shares(scores, len(anchors))[..., 1:]
        return self.ended(boxes, image), probabilities.flatten(1, 3)


class MultiBoxBoxes(_Decoder):
    op: detect.MultiBoxBoxes

    def forward(self, sure: Tensor, places: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.ended(coding.multibox_boxes(places, _size(image)), image), sure.sigmoid()[..., None]


class Nms(nn.Module):
    def __init__(self, op: detect.Nms):
        super().__init__()
        self.op = op

    def forward(self, boxes: Tensor, scores: Tensor) -> Tensor:
        return detections(boxes, scores, **self.op.model_dump())

    def extra_repr(self) -> str:
        return self.op.label()


@lowers(detect.YoloBoxes)
def yolo_boxes(site: Site[detect.YoloBoxes]) -> nn.Module:
    return YoloBoxes(site.op)


@lowers(detect.YoloV1Boxes)
def yolo_v1_boxes(site: Site[detect.YoloV1Boxes]) -> nn.Module:
    return YoloV1Boxes(site.op)


@lowers(detect.SsdBoxes)
def ssd_boxes(site: Site[detect.SsdBoxes]) -> nn.Module:
    return SsdBoxes(site.op)


@lowers(detect.MultiBoxBoxes)
def multibox_boxes(site: Site[detect.MultiBoxBoxes]) -> nn.Module:
    return MultiBoxBoxes(site.op)


@lowers(detect.Nms)
def nms(site: Site[detect.Nms]) -> nn.Module:
    return Nms(site.op)
