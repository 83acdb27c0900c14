"""The torch backend: compiles typed graphs to `nn.Module`s, trains them, and brings in trained weights.

torch itself is imported when a function is first called, so that importing this package costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archspec.analysis.agreement import Measured
    from archspec.devices import Device
    from archspec.errors import Diagnostic
    from archspec.graph import TypedGraph
    from archspec.ops.base import Operator, Types
    from archspec_torch.boxes import Annotated
    from archspec_torch.boxes.checking import BoxInventory
    from archspec_torch.boxes.clusters import Anchors
    from archspec_torch.boxes.evaluating import BoxScores
    from archspec_torch.boxes.formats import Format
    from archspec_torch.compiler import Network
    from archspec_torch.runtime import Diagnosis, Evaluation, Prediction, RunResult
    from archspec_torch.runtime.detecting import Detections
    from archspec_torch.runtime.doctor import Examination
    from archspec_torch.runtime.inventory import Inventory
    from archspec_torch.runtime.tuning import TuneResult
    from archspec_torch.weights import Report

for _package in ("torch", "safetensors"):
    if find_spec(_package) is None:  # told here, where whoever looks for a backend can say how to install it
        raise ModuleNotFoundError(f"No module named '{_package}'", name=_package)

__all__ = [
    "anchors",
    "calibrate",
    "check_boxes",
    "check_data",
    "compare",
    "compile",
    "convert_boxes",
    "detect",
    "diagnose",
    "disagreements",
    "doctor",
    "evaluate",
    "evaluate_boxes",
    "import_weights",
    "inspect",
    "latencies",
    "plot_runs",
    "predict",
    "report_run",
    "show_data",
    "train",
    "tune",
]


def compile(network: str | Path | TypedGraph) -> Network:
    """The `nn.Module` of a network, by name, path or typed graph: see `archspec_torch.compiler.compile`."""
    from archspec_torch import compiler

    return compiler.compile(network)


def train(
    run: str | Path | Mapping[str, Any], out: str | Path | None = None, overrides: Sequence[str] = (), **options: Any
) -> RunResult:
    """Train as a run file says, into a run directory: see `archspec_torch.runtime.train`."""
    from archspec_torch import runtime

    return runtime.train(run, out, overrides, **options)


def doctor(run: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), **options: Any) -> Examination:
    """Examine a run before it is trained: see `archspec_torch.runtime.doctor`."""
    from archspec_torch.runtime import doctor as examining

    return examining.doctor(run, overrides, **options)


def tune(run: str | Path | Mapping[str, Any], search: str | Path | Mapping[str, Any], **options: Any) -> TuneResult:
    """Search values of a run: see `archspec_torch.runtime.tuning`."""
    from archspec_torch.runtime import tuning

    return tuning.tune(run, search, **options)


def evaluate(runs: str | Path | Sequence[str | Path], **options: Any) -> Evaluation:
    """Measure trained runs on their data: see `archspec_torch.runtime.evaluate`."""
    from archspec_torch import runtime

    return runtime.evaluate(runs, **options)


def diagnose(runs: str | Path | Sequence[str | Path], **options: Any) -> Diagnosis:
    """Bias, variance and what to do next: see `archspec_torch.runtime.evaluate`."""
    from archspec_torch import runtime

    return runtime.diagnose(runs, **options)


def predict(rundir: str | Path, images: Sequence[str | Path], **options: Any) -> list[Prediction]:
    """Name what images show: see `archspec_torch.runtime.predict`."""
    from archspec_torch import runtime

    return runtime.predict(rundir, images, **options)


def detect(
    target: str | Path, images: Sequence[str | Path], out: str | Path | None = None, **options: Any
) -> Detections:
    """Find objects in images, draw and write them: see `archspec_torch.runtime.detecting.detect`."""
    from archspec_torch.runtime import detecting

    return detecting.detect(target, images, out, **options)


def latencies(rundirs: Sequence[str | Path], **options: Any) -> list[float]:
    """How long the networks of runs take to answer: see `archspec_torch.runtime.latency`."""
    from archspec_torch.runtime import latency

    return latency.latencies(rundirs, **options)


def plot_runs(records: Mapping[str, Sequence[Mapping[str, float]]], path: Path) -> None:
    """Curves of several runs in one picture: see `archspec_torch.runtime.curves`."""
    from archspec_torch.runtime import curves

    curves.plot_runs(records, path)


def report_run(
    rundir: str | Path, path: str | Path | None = None, **options: Any
) -> tuple[Path, tuple[Diagnostic, ...]]:
    """The page of a run: see `archspec_torch.runtime.report`."""
    from archspec_torch.runtime import report

    return report.report_run(rundir, path, **options)


def show_data(run: str | Path | Mapping[str, Any], out: str | Path, *options: Any) -> str:
    """A contact sheet of a run's examples: see `archspec_torch.runtime.sheet.show_data`."""
    from archspec_torch.runtime import sheet

    return sheet.show_data(run, out, *options)


def check_data(run: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Inventory:
    """What a run's data holds: see `archspec_torch.runtime.inventory.check_data`."""
    from archspec_torch.runtime import inventory

    return inventory.check_data(run, overrides)


def holds_boxes(path: str | Path) -> bool:
    """Whether a path is annotated boxes: see `archspec_torch.boxes.formats.is_annotations`."""
    from archspec_torch.boxes import formats

    return formats.is_annotations(path)


def check_boxes(path: str | Path, classes: Sequence[str] = (), **options: Any) -> BoxInventory:
    """What annotated boxes hold and what is wrong with them: see `archspec_torch.boxes.checking.check_boxes`."""
    from archspec_torch.boxes import checking

    return checking.check_boxes(path, classes, **options)


def convert_boxes(source: str | Path, to: str | Path, kind: Format, **options: Any) -> Annotated:
    """Annotated boxes in another format: see `archspec_torch.boxes.formats.convert`."""
    from archspec_torch.boxes import formats

    return formats.convert(source, to, kind, **options)


def evaluate_boxes(truth: str | Path, detections: str | Path, **options: Any) -> BoxScores:
    """Detections in files scored: see `archspec_torch.boxes.evaluating.evaluate_boxes`."""
    from archspec_torch.boxes import evaluating

    return evaluating.evaluate_boxes(truth, detections, **options)


def anchors(data: str | Path, k: int, **options: Any) -> Anchors:
    """Widths and heights that stand for boxes: see `archspec_torch.boxes.clusters.anchors`."""
    from archspec_torch.boxes import clusters

    return clusters.anchors(data, k, **options)


def inspect(target: str | Path, out: str | Path, **options: Any) -> list[Path]:
    """Pictures of what a network has learnt: see `archspec_torch.runtime.inspecting`."""
    from archspec_torch.runtime import inspecting

    return inspecting.inspect(target, out, **options)


def import_weights(spec: str | Path | TypedGraph, source: str | Path, map: str | Path, out: str | Path) -> Report:
    """Bring a checkpoint's tensors to a spec's names: see `archspec_torch.weights.import_weights`."""
    from archspec_torch import weights

    return weights.import_weights(spec, source, map, out)


def calibrate(**options: Any) -> Device:
    """This machine measured, as a device file has it: see `archspec_torch.bench.calibrate`."""
    from archspec_torch import bench

    return bench.calibrate(**options)


def compare(graphs: Iterable[TypedGraph], device: Device, **options: Any) -> Iterator[Measured]:
    """Networks timed on this machine beside their estimates: see `archspec_torch.bench.compare`."""
    from archspec_torch import bench

    return bench.compare(graphs, device, **options)


def disagreements(op: Operator, inputs: Types, outputs: Types) -> Iterator[str]:
    """What an operator's layer does otherwise than its rules say: see `archspec_torch.conformance`."""
    from archspec_torch import conformance

    return conformance.disagreements(op, inputs, outputs)
