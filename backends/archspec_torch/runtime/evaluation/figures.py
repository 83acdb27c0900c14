"""What is measured of answers whatever the task: the form that all figures have."""

from __future__ import annotations

import csv
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from PIL import Image

MISTAKES = 24
"""Wrong answers that are kept, the surest first."""


@dataclass(frozen=True)
class Errors:
    """`wrong` of `n` answers, and the standard error of that share."""

    wrong: int
    n: int
    deviation: float

    @property
    def share(self) -> float:
        return self.wrong / self.n

    @classmethod
    def counted(cls, wrong: int, examples: int, answers: int = 1, squares: float | None = None) -> Errors:
        """Of examples with so many answers each, which go together, so that an example counts as one drawing.

        squares: Σ over the examples of the square of their share of wrong answers; with one answer each, `wrong`.
        The deviation is that of the examples and two more, one all right and one all wrong, so that none wrong is not
        certainty: (wrong + 1) / (n + 2) for one answer each.
        """
        mean = (wrong / answers + 1) / (examples + 2)
        square = ((wrong if squares is None else squares) + 1) / (examples + 2)
        return cls(wrong, examples * answers, math.sqrt((square - mean**2) / examples))

    @classmethod
    def of_each(cls, wrong: Sequence[int], answers: Sequence[int]) -> Errors:
        """Of examples with any number of answers, given how many each has and how many of them are wrong.

        The deviation is that of a ratio of sums over the examples and two more, as of `counted`, with as many answers
        as one has on average.
        """
        total, mean = max(1, sum(answers)), max(1.0, sum(answers) / len(answers))
        pairs = [*zip(wrong, answers, strict=True), (0.0, mean), (mean, mean)]
        share = sum(w for w, _ in pairs) / sum(n for _, n in pairs)
        square = sum((w - share * n) ** 2 for w, n in pairs) / len(pairs)
        return cls(sum(wrong), total, math.sqrt(square / len(answers)) / mean)


class Mistake(Protocol):
    """A wrong answer to an example, by its position in the split, with the probability it was told at."""

    @property
    def example(self) -> int: ...
    @property
    def told(self) -> str:
        """What is wrong, in words that a title has room for."""

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Words:
    """What a kind of task calls itself, and the rows and columns of its table of confusion."""

    task: str
    rows: str
    columns: str


@dataclass(frozen=True)
class Gallery:
    """How mistakes are shown as pictures: so many beside each other, rows of so many inches; on the page of a run their
    longer side, in pixels, at most, so that letters drawn on them stay readable."""

    columns: int = 6
    row: float = 1.9
    side: int = 480
    legend: str = ""
    """What is drawn into them."""


class Figures(ABC):
    """All figures of one set of answers to `n` examples: what printing, drawing and comparing need, whatever the task.

    `names`: the classes. `confusion`: counts, its rows and columns as `words` says.
    """

    words: ClassVar[Words]
    plots: ClassVar[tuple[str, ...]] = ()
    """What is drawn of them besides confusion and mistakes: names of `evaluation.pictures.PLOTS`."""
    gallery: ClassVar[Gallery] = Gallery()
    n: int
    confusion: tuple[tuple[int, ...], ...]

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The classes."""

    @property
    def confused(self) -> tuple[str, ...]:
        """Names of the rows and columns of the confusion."""
        return self.names

    @property
    def totals(self) -> Sequence[int]:
        """What the counts in each row of the confusion are shares of."""
        return [sum(row) for row in self.confusion]

    @property
    @abstractmethod
    def errors(self) -> Errors:
        """The wrong answers, as bias and variance are told by."""

    @property
    @abstractmethod
    def worst(self) -> Sequence[Mistake]:
        """The surest mistakes."""

    @abstractmethod
    def brief(self) -> dict[str, float]:
        """The main figures by name, as in metrics.jsonl; the one that tells the better network first."""

    def facts(self) -> list[tuple[str, str]]:
        """What the page of a run tells besides, named, as text."""
        return []

    @abstractmethod
    def headline(self) -> list[tuple[str, str]]:
        """The figures of all classes together, named, as text."""

    @abstractmethod
    def tables(self, width: int) -> list[str]:
        """What follows as text: classes, confusion, mistakes, each at most so wide."""

    def picture(self, mistake: Mistake, image: Image.Image) -> Image.Image:
        """How a mistake is shown; `image` is what the network was given."""
        return image

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Everything, as plain data."""

    @abstractmethod
    def to_csv(self) -> str:
        """A line a class, then the averages."""

    def confusion_csv(self) -> str:
        """A line a row of the table of confusion."""
        rows: list[list[Any]] = [[f"{self.words.rows} \\ {self.words.columns}", *self.confused]]
        return csv_text(rows + [[name, *row] for name, row in zip(self.confused, self.confusion, strict=True)])


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def csv_text(rows: Sequence[Sequence[Any]]) -> str:
    """Rows as CSV, quoted where they must be; None is an empty cell."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()
