"""`digits`: 1,797 handwritten digits of 8×8 pixels, bundled with scikit-learn."""

from __future__ import annotations

import numpy
import torch

from archspec.run.sections import Digits
from archspec_torch.runtime.data.arrays import Arrays, arrays_of
from archspec_torch.runtime.data.examples import Where


def open_digits(section: Digits, where: Where) -> Arrays:
    """Grey images (1797, 8, 8), their 17 levels of ink spread over 0 … 255, white on black, split as the section says.

    Raises SpecError E626, E629.
    """
    from sklearn.datasets import load_digits  # slow to import, and needed for these data alone

    found = load_digits()
    images = numpy.rint(found.images * (255 / 16)).astype(numpy.uint8)
    files = {"train": (images, torch.from_numpy(found.target.astype(numpy.int64)))}
    return arrays_of(files, section.split, "0123456789", "digits", where, {"train": "kind"})
