"""A photograph through the fixed kernels of the zoo: blurred, sharpened, and its edges.

    python examples/fixed_kernels/edges.py                     the photograph that comes with scikit-learn
    python examples/fixed_kernels/edges.py mine.jpg -o mine.png

Nothing is trained and nothing is downloaded. The networks are specs of a few lines: `archspec summarize sobel`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor
from torchvision.transforms.v2 import functional as F

import archspec

PANELS = {
    "blur_gaussian_5": "blurred: binomial 5×5",
    "sharpen": "sharpened",
    "edge": "vertical edges: red to the dark, blue to the bright",
    "sobel": "steepness: Sobel",
    "scharr": "steepness: Scharr",
}


def answer(name: str, image: Tensor) -> Tensor:
    """What a network of the zoo makes of an image (C, H, W) of values from 0 to 1."""
    network = archspec.compile(archspec.load(name, input=list(image.shape))).eval()
    with torch.inference_mode():
        found: Tensor = network(image[None])[0]
    return found


def main() -> None:
    """Read the image, run the networks, draw the sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("image", nargs="?", type=Path, help="an image file; unwritten, a photograph from scikit-learn")
    parser.add_argument("-o", "--output", type=Path, default=Path("edges.png"), help="where the sheet goes")
    chosen = parser.parse_args()
    picture = Image.open(chosen.image) if chosen.image else Image.fromarray(load_sample_image("china.jpg"))
    photograph = F.to_dtype(F.to_image(picture.convert("RGB")), torch.float32, scale=True)

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, places = pyplot.subplots(2, 3, figsize=(15, 7.4), layout="constrained")
    places.flat[0].imshow(photograph.permute(1, 2, 0))
    places.flat[0].set_title("as it is")
    for place, (name, title) in zip(places.flat[1:], PANELS.items(), strict=True):
        made = answer(name, F.rgb_to_grayscale(photograph) if name == "edge" else photograph)
        if len(made) == 3:
            place.imshow(made.permute(1, 2, 0).clamp(0, 1))
        else:
            steep = float(numpy.quantile(made.abs(), 0.99))
            signed = name == "edge"
            place.imshow(made[0], cmap="RdBu_r" if signed else "gray", vmin=-steep if signed else 0, vmax=steep)
        place.set_title(f"{title}  ({name})")
    for place in places.flat:
        place.set_axis_off()
    figure.savefig(chosen.output, dpi=80)
    print(f"wrote {chosen.output}")


if __name__ == "__main__":
    main()
