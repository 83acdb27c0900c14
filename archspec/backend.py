"""Where compile targets plug in: installed packages that register under `archspec.backends`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from archspec.errors import fail

INSTALL = {"torch": "pip install 'archspec-nn[torch]'"}
TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun puts into the environment of each process that it starts."""


def backend(name: str) -> ModuleType:
    """The backend package called `name`. Raises SpecError E590 where it or what it needs is not installed."""
    found = {point.name: point for point in entry_points(group="archspec.backends")}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise fail("E590", f"there is no backend '{name}'", hint=f"installed backends: {known}")
    try:
        return cast(ModuleType, found[name].load())
    except ModuleNotFoundError as error:
        raise fail(
            "E590",
            f"the {name} backend needs the package '{error.name}', which is not installed",
            hint=INSTALL.get(name, f"install what the {name} backend needs"),
        ) from error


def compile(graph: Any, target: str = "torch") -> Any:
    """The network as a module of the backend: for torch an `nn.Module` whose state-dict keys are layer names.

    `graph` is a typed graph, a path or a zoo name. The module returns a tensor where the network has one
    output and a dict by name where it has several.
    """
    return backend(target).compile(graph)


def processes() -> tuple[int, int]:
    """The rank of this process among those that torchrun has started, and how many they are: (0, 1) without it."""
    found = [os.environ.get(name) for name in TORCHRUN]
    return (int(found[0]), int(found[2])) if found[0] and found[2] and all(found) else (0, 1)


def train(run: Any, out: Any = None, overrides: Sequence[str] = (), **options: Any) -> Any:
    """Train what a run file says; returns what was reached and where it lies. See `archspec train`."""
    if isinstance(run, str | Path) and Path(run).is_file() and processes()[1] == 1:
        from archspec.run import load_run

        load_run(run, overrides)  # what is wrong with it is told before torch is waited for
    return backend("torch").train(run, out=out, overrides=overrides, **options)


def doctor(run: Any, overrides: Sequence[str] = (), **options: Any) -> Any:
    """Examine what a run file says before it is trained; nothing is changed. See `archspec doctor`."""
    return backend("torch").doctor(run, overrides, **options)


def tune(run: Any, search: Any, out: Any = None, overrides: Sequence[str] = (), **options: Any) -> Any:
    """Search values of a run; returns the trials, the best among them. See `archspec tune`."""
    if isinstance(search, str | Path):
        from archspec.run.search import check_paths, load_search

        check_paths(run, overrides, load_search(search))  # what is wrong with it is told before torch is waited for
    return backend("torch").tune(run, search, out=out, overrides=overrides, **options)


def evaluate(runs: Any, **options: Any) -> Any:
    """Measure a run, or several together, on one of its data splits. See `archspec evaluate`."""
    return backend("torch").evaluate(runs, **options)


def diagnose(runs: Any, **options: Any) -> Any:
    """Bias, variance and what to do next. See `archspec evaluate --bias-variance`."""
    return backend("torch").diagnose(runs, **options)


def report_run(rundir: Any, path: Any = None, **options: Any) -> Any:
    """The page of a finished run; returns its path and what was doubtful. See `archspec report`."""
    return backend("torch").report_run(rundir, path, **options)


def predict(rundir: Any, images: Sequence[Any], **options: Any) -> Any:
    """The classes a finished run gives to images. See `archspec predict`."""
    return backend("torch").predict(rundir, images, **options)


def detect(target: Any, images: Sequence[Any], out: Any = None, **options: Any) -> Any:
    """The objects in images, by a finished run or by a spec with weights. See `archspec detect`."""
    return backend("torch").detect(target, images, out, **options)


def inspect(target: Any, out: Any, **options: Any) -> Any:
    """Pictures of what a network has learnt; returns their paths. See `archspec inspect`."""
    return backend("torch").inspect(target, out, **options)


def import_weights(spec: Any, source: Any, map: str, out: Any, **options: Any) -> Any:
    """Weights of another implementation under this spec's layer names. See `archspec weights import`."""
    return backend("torch").import_weights(spec, source, map, out, **options)


def evaluate_boxes(truth: Any, detections: Any, **options: Any) -> Any:
    """Score detections in files against annotations in files. See `archspec evaluate-boxes`."""
    return backend("torch").evaluate_boxes(truth, detections, **options)


def anchors(data: Any, k: int, **options: Any) -> Any:
    """Widths and heights that stand for the boxes of a data set. See `archspec anchors`."""
    return backend("torch").anchors(data, k, **options)
