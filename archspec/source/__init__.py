"""YAML text → values that know where they were written. Strict, bounded, every error placed.

The one way in: spec files, run files and overrides all pass through `read`, `parse` or `from_plain`.
"""

from archspec.source.compose import Unreadable, parse
from archspec.source.text import read
from archspec.source.values import Lost, Mapping, Scalar, Sequence, Value, at, from_plain, is_lost, lost, to_plain
from archspec.source.write import dump

__all__ = [
    "Lost",
    "Mapping",
    "Scalar",
    "Sequence",
    "Unreadable",
    "Value",
    "at",
    "dump",
    "from_plain",
    "is_lost",
    "lost",
    "parse",
    "read",
    "to_plain",
]
