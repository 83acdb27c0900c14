"""W313: a classifier's scores go through an activation

The loss of `task: classify`, softmax cross-entropy, takes raw scores and applies a softmax of its own. Behind a
softmax or a sigmoid scores lie between 0 and 1, and then the loss of C classes cannot fall below
ln(1 + (C − 1) / e), 1.46 for ten, however sure the network is; behind a ReLU a class whose scores are all negative
gets no gradient. `archspec predict` gives probabilities without it. A network that is only deployed may end in one:
`allow: [W313]`.

Bad:

    archspec: 1
    input: [1, 28, 28]
    layers:
      - flatten
      - linear: 64
      - relu
      - linear: 10
      - softmax

Good:

    archspec: 1
    input: [1, 28, 28]
    layers:
      - flatten
      - linear: 64
      - relu
      - linear: 10
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, inf, log1p

from archspec.errors import Diagnostic
from archspec.graph import TypedGraph
from archspec.rules.ranges import GIVES, Range
from archspec.rules.scores import scores
from archspec.rules.telling import about

CODE = "W313"

VIEWS = ("flatten", "reshape", "identity")


def check(graph: TypedGraph) -> Iterator[Diagnostic]:
    """Outputs with a loss that are an activation's, for two classes or more (one has a warning of its own: W314)."""
    for tap in scores(graph):
        classes = graph.type_of(tap).channels
        node = graph.nodes[tap.node]
        while node.op.word in VIEWS:
            node = graph.nodes[node.inputs[0].node]
        if node.op.word in GIVES and classes > 1:
            message = f"the scores end in {node.op.word}: {_consequence(GIVES[node.op.word], classes)}"
            hint = "remove it: `predict` gives probabilities all the same; or say what else it is for: `task: regress`"
            yield about(CODE, [node], message, hint)


def _consequence(bounds: Range, classes: int) -> str:
    if bounds.low == -inf:
        return "the loss takes the logarithm itself, and that of this one changes nothing"
    if bounds.high == inf:
        return "no score can fall below 0, and a class that rests there gets no gradient"
    least = log1p((classes - 1) * exp(bounds.low - bounds.high))
    return f"they lie {bounds}, and the loss of {classes:,} classes cannot fall below {least:.2f}"
