"""What a layer asks of the open sizes, and what all layers together leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archspec.errors import Frame, Span
from archspec.sizes.admissible import Sizes
from archspec.sizes.words import all_described, described, listed, numbered


@dataclass(frozen=True, slots=True)
class Requirement:
    """Sizes that one layer refuses: each of `refused`; or, `together`, only all of them at once."""

    layer: str
    word: str
    """Its operator."""
    span: Span
    trail: Frame | None
    refused: Mapping[str, Sizes]
    left: Mapping[str, Sizes]
    """The sizes of the same symbols that are left: what the layers up to this one take."""
    together: bool
    example: Mapping[str, int]
    """A number for every symbol, that this layer refuses."""
    message: str
    """What the layer says of the example."""

    def refuses(self, sizes: Mapping[str, int]) -> bool:
        """Whether it refuses an image of those sizes."""
        hits = [sizes[name] in refused for name, refused in self.refused.items()]
        return all(hits) if self.together else any(hits)

    @property
    def condition(self) -> str:
        """What sizes must be: "H and W must be divisible by 32"."""
        if not self.together:
            return "; ".join(all_described(self.left))
        short = dict.fromkeys(max(sizes.few, default=0) for sizes in self.refused.values())
        if len(short) == 1 and all(sizes.finite for sizes in self.refused.values()):
            return f"{listed(self.refused, 'or')} must be above {next(iter(short)):,}"
        told = (f"{name} is {listed(described(sizes)) or 'any'}" for name, sizes in self.refused.items())
        return f"refused together: {' and '.join(told)}"

    def __str__(self) -> str:
        return f"{self.layer}: {self.message}, at {numbered(self.example)}"
