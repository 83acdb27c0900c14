"""What is random about an example, from where the run stands alone: no state that would have to be saved."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Draws:
    """Seeds for what is drawn in one epoch, as an image is mirrored or two are mixed.

    Each is a function of the run's seed, the epoch, and what it is for: the same in any worker process, in any
    order, and in a run that goes on from the middle of an epoch.
    """

    seed: int
    epoch: int
    """Counted from 0."""
    first: int = 0
    """Number of the first batch that is asked for: in a run that goes on, those before it are not."""

    def example(self, position: int) -> int:
        """Seed (63 bits) of the example at that position of its split."""
        return self._of("example", position)

    def batch(self, number: int) -> int:
        """Seed (63 bits) of the batch of that number, counted from 0 at the first that is asked for."""
        return self._of("batch", self.first + number)

    def _of(self, what: str, number: int) -> int:
        text = f"{self.seed} {self.epoch} {what} {number}".encode()
        return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") >> 1
