"""Whether the labels of data can be meant: classes without examples, numbers far beyond the others."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from archspec.errors import Diagnostic, Span, fail
from archspec_torch.runtime.data import Source, Target

SHOWN = 8
"""Names listed before the rest are counted."""


def check_labels(source: Source, scores: int, span: Span) -> None:
    """Raises SpecError E628 where labels exceed the network's own scores and most classes would be empty.

    One damaged label byte makes hundreds of classes of ten; a network is not widened for that.
    """
    classes = len(source.classes)
    if source.target is not Target.CLASS:  # several an image: numbered by their names
        return
    labels = torch.cat([source.labels_of(split) for split in source.sizes])
    present = len(torch.unique(labels))
    if classes <= scores or 2 * present >= classes:
        return
    beyond = labels[labels >= scores]
    verb = "lies" if len(beyond) == 1 else "lie"
    message = (
        f"{len(beyond):,} of {len(labels):,} labels {verb} beyond the network's {scores} classes, the highest "
        f"is {int(labels.max())}; {classes - present} of {classes} classes would have no example"
    )
    hint = "the labels may be damaged; where they are meant, number the classes without gaps"
    raise fail("E628", message, span, hint)


def lacking(source: Source, span: Span) -> Iterator[Diagnostic]:
    """A warning (W621) for each split that has no example of some classes, naming them."""
    for split in source.sizes:
        counts = source.target.totals(source.labels_of(split), len(source.classes)).tolist()
        names = [name for name, count in zip(source.classes, counts, strict=True) if not count]
        if names:
            more = f", … and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            what = f"{len(names)} of {len(source.classes)} classes have" if len(names) > 1 else "one class has"
            message = f"{what} no example in '{split}': {', '.join(names[:SHOWN])}{more}"
            yield Diagnostic("W621", message, span, severity="warning")
