"""A detector whose boxes are known: a cell of 16×16 pixels that is red is an object; green or blue tell its class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

SPEC = """archspec: 1
name: squares
task: detect
input: [3, 64, 64]
layers:
  - avg_pool: 16
detect:
  anchors: {kind: grid, boxes: [[16, 16]]}
  heads:
    - layers: [conv: 5 + 2]
      name: cells
  decode: yolo
  nms: {score: 0.01, iou: 0.5, keep: 20}
"""
YELLOW, PINK = (255, 255, 0), (255, 0, 255)


@pytest.fixture
def squares(tmp_path: Path) -> dict[str, Any]:
    """What `detect` is called with besides images: the objectness of a cell is σ(20·red − 10), that of a class the same
    of green and of blue; places and sizes are those of the cell."""
    (tmp_path / "squares.yaml").write_text(SPEC)
    weight, bias = torch.zeros(7, 3, 1, 1), torch.zeros(7)
    for channel, color in ((4, 0), (5, 1), (6, 2)):
        weight[channel, color], bias[channel] = 20, -10
    save_file({"cells.conv1.weight": weight, "cells.conv1.bias": bias}, tmp_path / "squares.safetensors")
    return {
        "target": tmp_path / "squares.yaml",
        "weights": str(tmp_path / "squares.safetensors"),
        "mean": (0.0,),
        "std": (1.0,),
        "classes": ("yellow", "pink"),
        "device": "cpu",
    }


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a black picture with coloured boxes: `picture("a.png", (128, 96), {(32, 24, 64, 48): YELLOW})`."""

    def write(name: str, size: tuple[int, int], boxes: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        painted(size, boxes).save(path)
        return path

    return write


def painted(size: tuple[int, int], boxes: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> Image.Image:
    image = Image.new("RGB", size)
    for box, color in boxes.items():
        image.paste(color, box)
    return image
