"""YAML text → values that know where they were written. Strict, bounded, every error placed.

The one way in: spec files, run files and overrides all pass through `read`, `parse` or `from_plain`.
"""

from archspec.source.compose import parse
from archspec.source.text import read
from archspec.source.values import Mapping, Scalar, Sequence, Value, at, from_plain, to_plain
from archspec.source.write import dump

__all__ = ["Mapping", "Scalar", "Sequence", "Value", "at", "dump", "from_plain", "parse", "read", "to_plain"]
