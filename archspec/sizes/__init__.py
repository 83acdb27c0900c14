"""Sizes that a spec leaves open: exact functions of H and W, and what may be asked of them."""

from archspec.sizes.admissible import ANY, NONE, Sizes
from archspec.sizes.forms import Untold, counting
from archspec.sizes.number import NoNumber
from archspec.sizes.open import Open, Undecided, assuming, common_divisor, larger, smaller, symbol
from archspec.sizes.proof import forget
from archspec.sizes.requirement import Requirement
from archspec.sizes.text import PEOPLE, PROGRAMS
from archspec.sizes.volume import Volume

__all__ = [
    "ANY",
    "NONE",
    "PEOPLE",
    "PROGRAMS",
    "NoNumber",
    "Open",
    "Requirement",
    "Sizes",
    "Undecided",
    "Untold",
    "Volume",
    "assuming",
    "common_divisor",
    "counting",
    "forget",
    "larger",
    "smaller",
    "symbol",
]
