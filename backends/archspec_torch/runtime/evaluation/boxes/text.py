"""Figures of detections, in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archspec_torch.boxes import printed
from archspec_torch.boxes.printed import short
from archspec_torch.runtime.evaluation.figures import percent
from archspec_torch.runtime.evaluation.text import WORST

if TYPE_CHECKING:
    from archspec_torch.runtime.evaluation.boxes.figures import BoxFigures, BoxMistake


def facts(figures: BoxFigures) -> list[tuple[str, str]]:
    """What the page of a run tells besides."""
    told = figures.scores.figures
    return [("recall (AR100)", share(told["AR100"])), ("objects", f"{sum(figures.sizes().values()):,}")]


def headline(figures: BoxFigures) -> list[tuple[str, str]]:
    """Average precision and recall over all classes, and by the size of the objects."""
    told, sizes, truth = figures.scores.figures, figures.sizes(), figures.scores.truth
    spared = int((truth.difficult | truth.crowd).sum())
    objects = f"{len(truth.labels):,}" + (f", {spared:,} of them difficult or crowds" if spared else "")
    by_size = ", ".join(f"{share(told[f'AP{name[0]}'])} {name} ({n:,})" for name, n in sizes.items())
    return [
        ("objects", f"{objects}; {len(figures.scores.found.scores):,} detections"),
        ("mAP@0.5", f"{share(told['VOC_AP50'])}  (VOC's; with 11 points {share(told['VOC_AP50_11'])})"),
        ("mAP", f"{share(told['AP'])}  (COCO's; {share(told['AP50'])} at 0.5, {share(told['AP75'])} at 0.75)"),
        ("mAP by size", by_size),
        ("recall", ", ".join(f"{share(told[f'AR{n}'])} of {n}" for n in (1, 10, 100)) + " detections an image"),
    ]


def tables(figures: BoxFigures, width: int) -> list[str]:
    """Classes, kinds of mistakes, confusion, the worst mistakes."""
    scores = figures.scores
    parts = [printed.classes(scores, width), printed.errors(scores, width), printed.confusion(scores, width)]
    return [*parts, _mistakes(figures, width)]


def share(value: float) -> str:
    """In per cent; a dash for a figure of nothing."""
    return "–" if value < 0 else percent(value)


def _mistakes(figures: BoxFigures, width: int) -> str:
    wrong = [one for one in figures.mistakes if one.score is not None][:WORST]
    missed = [one for one in figures.mistakes if one.score is None][:WORST]
    parts = []
    for head, mistakes in (("surest mistakes", wrong), ("largest objects missed", missed)):
        if mistakes:
            parts.append("\n".join([head, *(short(_mistake(one), width) for one in mistakes)]))
    return "\n\n".join(parts)


def _mistake(one: BoxMistake) -> str:
    at = "" if one.score is None else f" at {percent(one.score)}"
    place = ", ".join(str(round(v)) for v in one.box)
    return f"  {one.words}{at}: {short(one.image, 24)} ({place})"
