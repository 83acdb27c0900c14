"""W311: `allow` silences a warning that nothing gives

A spec that means what a rule warns about says so: `allow: [W317]`. The warning was mended meanwhile, or never came:
without it the next one of its kind would pass in silence. All variants are looked at.

Bad:

    archspec: 1
    input: [3, 32, 32]
    allow: [W317]
    layers:
      - conv: {out: 16, kernel: 3, bias: false}
      - batch_norm
      - relu
      - global_avg_pool
      - linear: 10

Good:

    archspec: 1
    input: [3, 32, 32]
    allow: [W317]
    layers:
      - conv: {out: 16, kernel: 3}
      - batch_norm
      - relu
      - global_avg_pool
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator

from archspec import source
from archspec.errors import Diagnostic, did_you_mean
from archspec.rules.telling import warning
from archspec.source import Mapping, Scalar

CODE = "W311"


def codes(tree: Mapping) -> set[str]:
    """The codes that a spec allows."""
    return {item.text for item in _items(tree)}


def unknown(tree: Mapping) -> list[Diagnostic]:
    """An error (E101) for each item of `allow` that is the code of no rule."""
    from archspec import rules

    known = rules.codes()
    wrong = [item for item in _items(tree) if item.text not in known]
    message = "`allow` names rules by their codes, and '{}' is none"
    return [
        Diagnostic("E101", message.format(item.text), item.span, did_you_mean(item.text, known, "rules"))
        for item in wrong
    ]


def without_effect(tree: Mapping, given: set[str]) -> Iterator[Diagnostic]:
    """A warning for each allowed code that is not among those that all other rules have given."""
    for item in _items(tree):
        if item.text not in given and item.text != CODE:
            yield warning(CODE, f"nothing here gives {item.text}", item.span, "remove it from `allow`")


def _items(tree: Mapping) -> Iterator[Scalar]:
    allowed = tree.get("allow")
    items = allowed.items if isinstance(allowed, source.Sequence) else ()
    return (item for item in items if isinstance(item, Scalar))
