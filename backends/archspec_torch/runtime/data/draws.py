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

    def example(self, position: int) -> int:
        """Seed (63 bits) of the example at that position of its split."""
        return self._of("example", position)

    def batch(self, position: int) -> int:
        """Seed (63 bits) of the batch whose first example is at that position: the same wherever a run goes on."""
        return self._of("batch", position)

    def _of(self, what: str, number: int) -> int:
        text = f"{self.seed} {self.epoch} {what} {number}".encode()
        return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") >> 1
