"""`archspec doctor`: what can be said of a run before it is trained. Nothing of the run is changed.

A check is a function that looks at a `Subject` and yields findings: none where it does not apply.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from archspec.files import make_folder
from archspec.run import load_run
from archspec_torch.runtime.doctor import boxes, data, fits, places, rates, start
from archspec_torch.runtime.doctor.finding import Examination, Finding, Verdict
from archspec_torch.runtime.doctor.subject import Subject, subject_of
from archspec_torch.runtime.seeding import seeded
from archspec_torch.runtime.train import Job, prepare

__all__ = ["Examination", "Finding", "Subject", "Verdict", "doctor", "examine"]

RATES = "rates.png"
CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    data.labels,
    data.inputs,
    data.leak,
    data.neighbours,
    boxes.sizes,
    places.ranges,
    start.plan,
    start.scores,
    start.first_loss,
    start.regularisation,
    start.weights,
    start.units,
    start.gradients,
    fits.overfit,
    fits.generalises,
    fits.own_steps,
)


def doctor(
    run: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), out: str | Path | None = None
) -> Examination:
    """Looks at a run's data and network, and trains copies for some hundred steps. Takes seconds for small networks.

    `out`: a folder for the plot of the learning rates, `rates.png`. Raises SpecError as `train` does before it trains,
    and E505 for a plot that cannot be written.
    """
    return examine(prepare(load_run(run, overrides)), None if out is None else Path(out))


def examine(job: Job, out: Path | None = None) -> Examination:
    """The same for a job that is prepared."""
    if out is not None:
        make_folder(out)  # before the work
    found: list[Finding] = []

    def alike() -> AbstractContextManager[None]:
        return seeded(job.run.run.train.seed, job.device)  # each check has the same draws, whichever came before it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with alike():
            subject = subject_of(job)
        for check in CHECKS:
            with alike():
                found += check(subject)
        with alike():
            test = rates.rate_test(subject)
        found += rates.rate(subject, test)
    drawn = None
    if out is not None and test is not None:
        drawn = out / RATES
        rates.plot(test, fits.peak_rate(subject), f"{job.graph.name} on {job.source.name}", drawn)
    return Examination(job.run.name, tuple(found), drawn)
