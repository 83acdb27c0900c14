"""Whether the labels of data can be meant: classes without examples, numbers far beyond the others, points without
their other side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from archspec.errors import Diagnostic, Span, fail
from archspec.run import RunFile
from archspec.run.sections import Landmarks
from archspec.run.sections.augment import Mirror
from archspec_torch.detection.sides import counterparts, lonely
from archspec_torch.runtime.data import Source, Target, pairs_of

SHOWN = 8
"""Names listed before the rest are counted."""
FEW = 4
"""The same within a sentence."""


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


def mirrored(run: RunFile, source: Source) -> tuple[list[Diagnostic], list[str]]:
    """Of points that are trained on mirrored: a warning (W659) where some should change places and do not, and a note
    of those that do."""
    places = [i for i, entry in enumerate(run.run.augment) if isinstance(entry, Mirror)]
    pairs = pairs_of(run.run.data)
    if not places or source.target is not Target.POINTS:
        return [], []
    names = source.classes
    turned = counterparts(names, pairs)
    both = [f"{name} and {names[turned[i]]}" for i, name in enumerate(names) if i < turned[i]]
    alone = [name for i, name in enumerate(names) if turned[i] == i]
    note = f"in mirrored images {_listed(both)} change places" if both else "in mirrored images no points change places"
    note += f"; {_listed(alone)} {'keeps its' if len(alone) == 1 else 'keep their'} own" if both and alone else ""
    return list(unpaired(source, pairs, run.spans("augment")[places[0]])), [note]


def unpaired(source: Source, pairs: Sequence[Sequence[str]] | None, span: Span | None) -> Iterator[Diagnostic]:
    """A warning (W659) for data of points that are looked at mirrored, and some of which should change places then, as
    the left and the right eye do, and do not. `pairs`: those that the data names, which is believed."""
    if pairs is not None or source.target is not Target.POINTS:
        return
    names, single = source.classes, lonely(source.classes)
    hint = "data: {pairs: [[p1, p2], …]} names all points that change places, and pairs: [] says that none does"
    if single:
        verb = "has no point" if len(single) == 1 else "have no points"
        message = f"{_listed(single)} {verb} of the other side to change places with in mirrored images"
        yield Diagnostic("W659", message, span, hint, severity="warning")
    elif len(names) > 1 and counterparts(names) == tuple(range(len(names))):
        message = (
            f"no two of the points {_listed(names)} are left and right by their names: in mirrored images all keep"
        )
        yield Diagnostic("W659", f"{message} theirs", span, hint, severity="warning")


def unmeasured(source: Source, loss: object, span: Span) -> list[str]:
    """A note, if any, of images that are learned and not measured: they do not show both points whose distance errors
    are parts of. Raises SpecError E657 where no image of `val` would be."""
    if not isinstance(loss, Landmarks) or not loss.between:
        return []
    numbers = [source.classes.index(name) for name in loss.between]
    one, other = (f"'{name}'" for name in loss.between)
    seen = source.labels_of("val")[:, numbers, 2] > 0
    count, lacking = len(seen), int((~seen.all(1)).sum())
    if lacking == count:
        message = f"no image of 'val' shows both {one} and {other}, whose distance errors would be parts of"
        raise fail("E657", message, span, "between: two points that most images show, or leave it out")
    if not lacking:
        return []
    verb, end = ("does", "is") if lacking == 1 else ("do", "are")
    return [f"{lacking:,} of {count:,} images of val {verb} not show both {one} and {other}, and {end} not measured"]


def _listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    if len(names) <= FEW:
        return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
    return f"{', '.join(names[: FEW - 1])} and {len(names) - FEW + 1} more"
