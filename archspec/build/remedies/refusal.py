"""A layer that refused what flows into it, kept until the errors are told: by then it is known what is behind it."""

from __future__ import annotations

from dataclasses import dataclass

from archspec.errors import Span
from archspec.graph import Tap
from archspec.ops.base import Operator, OperatorError, Types


@dataclass(frozen=True, slots=True)
class Refusal:
    """A layer that refused what flows into it. `key` is the code and place of the error that tells so.

    `shortcut` is the kind of shortcut where the layer is the sum that ends a residual.
    """

    key: tuple[str, str]
    path: str
    op: Operator
    taps: tuple[Tap, ...]
    types: Types
    span: Span
    error: OperatorError
    shortcut: str | None = None
