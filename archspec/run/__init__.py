"""Run files: what to train, on what, and how.

model: lenet5
data: {kind: digits}
train: {epochs: 30, batch: 64, optimizer: adam, schedule: cosine, seed: 0}
"""

from archspec.run.reading import RunFile, load_run
from archspec.run.sections import Run

__all__ = ["Run", "RunFile", "load_run"]
