"""This machine measured: what its operations reach, as a device file, and networks timed against their estimates."""

from archspec_torch.bench.calibrate import calibrate
from archspec_torch.bench.compare import compare, measure

__all__ = ["calibrate", "compare", "measure"]
