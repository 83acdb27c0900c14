"""What a check found, and all that was found of a run."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["ok", "doubt", "fault"]
WIDTH = 110
"""Characters of a line."""


@dataclass(frozen=True)
class Finding:
    """One check: what was found, with its numbers, and what to do where that is not as it should be."""

    check: str
    verdict: Verdict
    text: str
    advice: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """check, verdict, text, advice, figures."""
        figures = {"figures": self.figures}
        return {"check": self.check, "verdict": self.verdict, "text": self.text, "advice": self.advice, **figures}

    def __str__(self) -> str:
        first = f"{self.verdict:<6} {self.check:<15} "
        lines = textwrap.wrap(self.text, WIDTH - len(first), break_on_hyphens=False)
        if self.advice:
            lines += textwrap.wrap(f"→ {self.advice}", WIDTH - len(first), break_on_hyphens=False)
        return first + f"\n{' ' * len(first)}".join(lines)


@dataclass(frozen=True)
class Examination:
    """The findings about a run, in the order of the checks, and the plot of its rates where one was drawn."""

    name: str
    findings: tuple[Finding, ...]
    plot: Path | None = None

    def of(self, verdict: Verdict) -> tuple[Finding, ...]:
        """Those of one verdict."""
        return tuple(f for f in self.findings if f.verdict == verdict)

    @property
    def sound(self) -> bool:
        """Whether there is no fault."""
        return not self.of("fault")

    def to_json(self) -> dict[str, Any]:
        """name, sound, findings, plot."""
        found = [f.to_json() for f in self.findings]
        return {"name": self.name, "sound": self.sound, "findings": found, "plot": self.plot and str(self.plot)}

    def __str__(self) -> str:
        counted = [f"{len(self.of('fault'))} faults", f"{len(self.of('doubt'))} doubts", f"{len(self.of('ok'))} ok"]
        last = ", ".join(counted[i] if len(self.of(v)) != 1 else counted[i].removesuffix("s") for i, v in ORDER)
        plot = [f"plot of the rates: {self.plot}"] if self.plot else []
        return "\n".join([*map(str, self.findings), "", *plot, f"{self.name}: {last}"])


ORDER: tuple[tuple[int, Verdict], ...] = ((0, "fault"), (1, "doubt"), (2, "ok"))
