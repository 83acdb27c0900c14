"""How good the weights of a run are, on a split of its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archspec.errors import Diagnostic, did_you_mean, fail
from archspec_torch.runtime.data import open_source
from archspec_torch.runtime.device import choose_device
from archspec_torch.runtime.loop import measure
from archspec_torch.runtime.preprocess import Normalize
from archspec_torch.runtime.progress import table
from archspec_torch.runtime.rundir import open_run
from archspec_torch.runtime.tasks import Tally, task_of


@dataclass(frozen=True)
class Evaluation:
    """Accuracy (share of images whose best score is the label's) and mean cross-entropy on a split."""

    split: str
    weights: str
    epoch: int | None
    n: int
    accuracy: float
    loss: float
    per_class: Mapping[str, tuple[int, int]]
    """Class name to right answers and images."""
    warnings: tuple[Diagnostic, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """split, weights, epoch, n, accuracy, loss; per_class: name → n, right, accuracy (or null)."""
        return {
            "split": self.split,
            "weights": self.weights,
            "epoch": self.epoch,
            "n": self.n,
            "accuracy": self.accuracy,
            "loss": self.loss,
            "per_class": {
                name: {"n": n, "right": right, "accuracy": right / n if n else None}
                for name, (right, n) in self.per_class.items()
            },
        }

    def __str__(self) -> str:
        right = sum(r for r, _ in self.per_class.values())
        of = f" (epoch {self.epoch})" if self.epoch is not None else ""
        rows = [
            ("split", f"{self.split}, {self.n:,} images"),
            ("weights", f"{self.weights}{of}"),
            ("accuracy", f"{100 * self.accuracy:.2f} %  ({right:,} of {self.n:,})"),
            ("loss", f"{self.loss:.4f}"),
        ]
        width = max(len(name) for name in self.per_class)
        classes = [
            f"  {name:{width}}  {f'{100 * right / n:6.2f} %' if n else '     – ':>8}  ({right:,} of {n:,})"
            for name, (right, n) in self.per_class.items()
        ]
        return "\n".join([table(rows), "by class", *classes])


def evaluation_of(tally: Tally, classes: Sequence[str], split: str, weights: str, epoch: int | None) -> Evaluation:
    """What was tallied, named."""
    counts = zip(tally.right.tolist(), tally.seen.tolist(), strict=True)
    per_class = dict(zip(classes, counts, strict=True))
    return Evaluation(split, weights, epoch, tally.examples, tally.accuracy, tally.loss, per_class)


def evaluate(
    rundir: str | Path,
    split: str | None = None,
    weights: str = "best",
    device: str = "auto",
    overrides: Sequence[str] = (),
) -> Evaluation:
    """Measures a run's `best` or `last` weights on its `train`, `val` or `test` images.

    Without `split` it is `test`, or `val` where the data has no test images. The split, the preprocessing and
    the classes are the run's own; `overrides` may say where the data lies now ("data.root=…").
    Raises SpecError E606 to E608 for the directory, E62x for the data, E627 for a split it does not have,
    E701 and E708 for the weights.
    """
    trained = open_run(rundir, overrides)
    chosen = choose_device(device)
    run, preprocessing = trained.run, trained.preprocessing
    source = open_source(run.run.data, lambda *keys: run.span("data", *keys))
    if split is None:
        split = "test" if "test" in source.sizes else "val"
    if split not in source.sizes:
        known = list(source.sizes)
        raise fail("E627", f"the data has no split '{split}'", run.span("data"), did_you_mean(split, known, "splits"))
    if source.classes != preprocessing.classes:
        ours, theirs = preprocessing.classes, source.classes
        message = f"the run was trained on {_listed(ours)}; the data has {_listed(theirs)}"
        raise fail("E622", message, run.span("data"))
    task = task_of(trained.graph, preprocessing.classes, run.run.train.loss)
    model, epoch = trained.model(weights, chosen)
    warnings = list(trained.warnings)
    examples = source.load(split, preprocessing.frame, warnings.append)
    plan = run.run.train
    normalize = Normalize(preprocessing, chosen)
    tally = measure(model, task, examples, normalize, plan.batch, plan.workers, chosen)
    found = evaluation_of(tally, task.classes, split, weights, epoch)
    return replace(found, warnings=tuple(warnings))


def _listed(names: Sequence[str]) -> str:
    return f"{len(names)} classes ({', '.join(names[:4])}{', …' if len(names) > 4 else ''})"
