"""The learning-rate range test: the loss while the rate grows from step to step.

Source: L. N. Smith, Cyclical Learning Rates for Training Neural Networks, 2017, section 3.3.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archspec.files import write_bytes
from archspec_torch.runtime.doctor.finding import Finding
from archspec_torch.runtime.doctor.fits import peak_rate
from archspec_torch.runtime.doctor.subject import Subject, learning
from archspec_torch.runtime.optimize import make_optimizer, set_rate

LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 140
SMOOTH = 0.85
"""What the mean loss keeps of the former at each step."""
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"


@dataclass(frozen=True)
class RateTest:
    """Rates, the batch losses at them, and their moving mean; where it was lowest, where it had diverged."""

    rates: list[float]
    losses: list[float]
    means: list[float]
    start: float

    @property
    def lowest(self) -> float:
        """The rate at which the mean loss was lowest."""
        return self.rates[min(range(len(self.means)), key=self.means.__getitem__)]

    @property
    def learned(self) -> bool:
        """Whether some rate brought the loss down by 2 %."""
        return min(self.means) < 0.98 * self.means[0]

    @property
    def suggested(self) -> float:
        """A tenth of the rate of the lowest loss, to one figure: the usual rule, on the safe side of divergence."""
        return float(f"{self.lowest / 10:.0e}")

    @property
    def diverged(self) -> float | None:
        """The rate from which on the mean loss is above that of scores of 0 and above the first, or None."""
        limit = 1.3 * max(self.start, self.means[0])
        above = len(self.means)
        while above and self.means[above - 1] > limit:
            above -= 1
        return self.rates[above] if above < len(self.rates) else None


def rate_test(subject: Subject) -> RateTest | None:
    """Steps with the run's own optimiser, each at a rate a little higher, until the loss has diverged."""
    model = subject.fresh()
    if not learning(model):
        return None
    state = subject.begun(model, make_optimizer(subject.plan, model))
    rates, losses, means, mean = [], [], [], 0.0
    for step, parts in enumerate(subject.steps(STEPS)):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
        set_rate(state.optimizer, rate)
        loss = float(subject.step(state, parts))
        if not math.isfinite(loss):
            break
        mean = SMOOTH * mean + (1 - SMOOTH) * loss
        rates.append(rate)
        losses.append(loss)
        means.append(mean / (1 - SMOOTH ** (step + 1)))
        if step > 20 and means[-1] > 6 * max(means[0], subject.job.task.at_start() or 0.0):
            break
    return RateTest(rates, losses, means, subject.job.task.at_start() or 0.0) if rates else None


def rate(subject: Subject, test: RateTest | None) -> Iterator[Finding]:
    """The run's highest rate against what the range test suggests."""
    if test is None:
        yield Finding("learning rate", "fault", "no rate could be tried: the first loss is not finite, or none learns")
        return
    own = peak_rate(subject)
    figures = {"own": own, "suggested": test.suggested, "lowest": test.lowest, "diverged": test.diverged}
    blown = f", diverges from {test.diverged:.1g} on" if test.diverged else ""
    text = f"the run's highest is {own:g}; the loss is lowest at {test.lowest:.1g}{blown}: suggested {test.suggested:g}"
    advice = f"try --set train.optimizer.lr={test.suggested:g}"
    if not test.learned:
        advice = "see the other findings: the rate is not what is wrong"
        yield Finding("learning rate", "doubt", "no rate brought the loss down", advice, figures)
    elif own > 50 * test.lowest or (test.diverged and own > 3 * test.diverged):
        yield Finding("learning rate", "fault", f"too large: {text}", advice, figures)
    elif own < test.suggested / 300:
        yield Finding("learning rate", "fault", f"too small: {text}", advice, figures)
    elif own > 3 * test.lowest or own < test.suggested / 30:
        yield Finding("learning rate", "doubt", text, advice, figures)
    else:
        yield Finding("learning rate", "ok", text, "", figures)


def plot(test: RateTest, own: float, title: str, path: Path) -> None:
    """The loss over the rate: 300 dots an inch, 5 inches wide."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot(test.rates, test.losses, color="0.75", linewidth=0.8, label="batch")
    axes.plot(test.rates, test.means, color=BLUE, linewidth=1.6, label="moving mean")
    if test.start:
        axes.axhline(test.start, color="0.5", linewidth=0.7, linestyle=":", label="scores of 0")
    axes.axvline(test.suggested, color=GREEN, linewidth=1.2, label=f"suggested {test.suggested:g}")
    axes.axvline(own, color=VERMILION, linewidth=1.2, linestyle="--", label=f"the run's {own:g}")
    axes.set_xscale("log")
    low, high = min(*test.losses, *test.means), max(test.start, test.means[0])
    axes.set_ylim(max(0.0, low - 0.1 * (high - low)), high + 0.6 * max(high - low, 0.1 * high))
    axes.set_xlabel("learning rate", fontsize=8)
    axes.set_ylabel("training loss", fontsize=8)
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=7)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=300)
    write_bytes(path, image.getvalue())
