"""A run's directory: what it holds, and how it is begun and opened again.

run.yaml            the run with every default written; `archspec train` takes it as it is
spec.yaml           the network, with variant and overrides written in
preprocessing.json  what happens to an image before the network sees it; the names of the classes
colors.json         the principal components of the training images' colours, where `pca_color` shifts along them
metrics.jsonl       a line an epoch; metrics.csv and, where asked for, tensorboard/ hold the same
best.safetensors    the weights of the epoch with the best validation accuracy
last.safetensors    the newest weights: those of the newest checkpoint
snapshots/          the weights at the end of each cycle of the learning rate, where asked for
checkpoints/        all that is needed to go on from the newest of them (see `checkpoints`)
curves.png          loss and accuracy over the epochs
report.html         all of it as one page: curves, confusion, calibration, mistakes, network, settings
test.json           how the best weights did on the test split, where there is one
split.json          which example is in which split (see `kept`)
left_out.txt        what the data holds and could not be read, if anything
plugins.json        the plugins that the network's layers are from, if any; their files are copied to plugins/
.lock               the process that trains into it, while one does
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archspec import source
from archspec.errors import Diagnostic, did_you_mean, fail
from archspec.files import write_text
from archspec.graph import TypedGraph
from archspec.loading import load
from archspec.plugins.records import check_record
from archspec.run import RunFile, load_run
from archspec_torch.compiler import compile
from archspec_torch.runtime.curves import CURVES
from archspec_torch.runtime.kept import SPLIT
from archspec_torch.runtime.locks import Taken, held
from archspec_torch.runtime.preprocess import Preprocessing, read_preprocessing
from archspec_torch.runtime.records import CSV, EVENTS, JSONL
from archspec_torch.runtime.weights import load_weights

RUN, SPEC, PREPROCESSING = "run.yaml", "spec.yaml", "preprocessing.json"
BEST, LAST = "best.safetensors", "last.safetensors"
TEST, LEFT_OUT, CHECKPOINTS = "test.json", "left_out.txt", "checkpoints"
COLORS, LOCK, SNAPSHOTS, REPORT = "colors.json", ".lock", "snapshots", "report.html"
WEIGHTS = {"best": BEST, "last": LAST}
CONTENT = (
    *(RUN, SPEC, PREPROCESSING, JSONL, CSV, EVENTS, BEST, LAST, CURVES, TEST, LEFT_OUT),
    *(SPLIT, COLORS, CHECKPOINTS, SNAPSHOTS, LOCK, REPORT, "plugins.json", "plugins"),
)
"""All that a run leaves in its directory."""


def check_unused(out: Path) -> None:
    """Raises SpecError E605 where a run directory would fall on something that is there, the lock of a run that was
    killed at once aside."""
    if out.is_dir() and any(path.name != LOCK for path in out.iterdir()):
        begun = " or go on with --resume" if (out / CHECKPOINTS).is_dir() else ""
        raise fail("E605", f"{out} is not empty", hint=f"runs are never overwritten: choose another --out{begun}")
    if out.exists() and not out.is_dir():
        raise fail("E605", f"{out} is a file", hint="--out names the run directory")


def make_directory(out: Path | None, name: str, begun: bool = False) -> Path:
    """The directory asked for, or the first free of runs/NAME-1, …

    `begun`: it may hold what a run has left that was ended before its first checkpoint. Raises SpecError E605, E505.
    """
    try:
        if out is not None:
            if not begun:
                check_unused(out)
            out.mkdir(parents=True, exist_ok=True)
            return out
        number = 1
        while True:
            try:
                directory = Path("runs", f"{name}-{number}")
                directory.mkdir(parents=True)
                return directory
            except FileExistsError:
                number += 1
    except OSError as error:
        raise fail("E505", f"{error.filename or out} cannot be made: {error.strerror or error}") from error


@contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """While this process trains into a directory. Raises SpecError E691 where another one does, E505."""
    with ExitStack() as stack:
        try:
            stack.enter_context(held(directory / LOCK))
        except Taken as holder:
            hint = "two processes would overwrite each other's checkpoints: wait until it ends, or end it"
            raise fail("E691", f"{holder} trains into {directory}", hint=hint) from holder
        yield


def write_description(directory: Path, graph: TypedGraph, preprocessing: Preprocessing) -> None:
    """spec.yaml and preprocessing.json, which using the weights needs as run.yaml. Raises SpecError E505."""
    write_text(directory / SPEC, source.dump(_without_counts(graph.resolved)))
    preprocessing.write(directory / PREPROCESSING)


def write_run(directory: Path, run: RunFile) -> None:
    """run.yaml. Raises SpecError E505."""
    resolved = run.resolved()
    kept = {key: value for key, value in resolved["model"].items() if key in ("weights", "replace")}
    resolved["model"] = {"spec": SPEC, **kept}
    origin = source.dump({"model": run.run.model.model_dump(exclude_none=True, exclude_defaults=True)})
    head = "# Resolved by archspec; `archspec train` takes this file as it is. It was written with\n"
    head += "".join(f"#   {line}\n" for line in origin.splitlines())
    write_text(directory / RUN, head + source.dump(resolved))


def _without_counts(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec without the assertions that hold only for it as its author wrote it."""
    kept = [a for a in spec.get("assert", []) if isinstance(a, dict)]
    return {k: kept if k == "assert" else v for k, v in spec.items() if k != "assert" or kept}


@dataclass(frozen=True)
class Trained:
    """A run directory, opened."""

    directory: Path
    run: RunFile
    graph: TypedGraph
    preprocessing: Preprocessing
    warnings: tuple[Diagnostic, ...] = ()

    def model(self, weights: str, device: torch.device) -> tuple[nn.Module, int | None]:
        """The network in evaluation mode with its `best` or `last` weights or those of a file, and their epoch.

        Raises SpecError of `weights_file`, E701 and E708 of the file.
        """
        model = compile(self.graph)
        epoch = load_weights(model, weights_file(self.directory, weights))
        return model.to(device).eval(), epoch


def weights_file(directory: Path, word: str) -> Path:
    """The file of the `best` or `last` weights, or the one named: in the run's directory, or as it is written.

    Raises SpecError E608 for what is neither, and for a name that means one file there and another one here; E701 for
    best weights before any epoch was finished.
    """
    if word in WEIGHTS:
        path = directory / WEIGHTS[word]
        if not path.is_file() and word == "best":
            hint = f"there are {LAST}" if (directory / LAST).is_file() else None
            raise fail("E701", f"there is no file {path}: no epoch was finished", hint=hint)
        return path
    own, here = directory / word, Path(word)
    if own.is_file() and here.is_file() and not own.samefile(here):
        message = f"'{word}' is a file in {directory}, and another one in the working directory"
        raise fail("E608", message, hint=f"name all of its path: {own.absolute()}, or {here.absolute()}")
    if own.is_file():
        return own
    if here.is_file() or here.suffix == ".safetensors":
        return here
    raise fail("E608", f"there are no '{word}' weights", hint=did_you_mean(word, list(WEIGHTS)))


def weights_of(directory: Path, word: str) -> list[str]:
    """What a word for weights means: `snapshots` all that the run kept at the ends of cycles, others themselves.

    Raises SpecError E608 where there are none.
    """
    if word != SNAPSHOTS:
        return [word]
    found = sorted((directory / SNAPSHOTS).glob("*.safetensors"))
    if not found:
        hint = "train with schedule: {kind: cosine, cycles: 5, snapshots: true}"
        raise fail("E608", f"{directory} holds no snapshots", hint=hint)
    return [str(path.absolute()) for path in found]


def open_run(directory: str | Path, overrides: Sequence[str] = ()) -> Trained:
    """A run directory. Raises SpecError E606 for what is none, E607 and others for damaged files, E557 where its
    plugins are not loaded."""
    path = Path(directory)
    if not (path / RUN).is_file():
        what = f"it holds no {RUN}" if path.is_dir() else "it is a file" if path.exists() else "it is not there"
        raise fail("E606", f"{path} is no run directory: {what}", hint="`archspec train` makes one")
    run, warnings = load_run(path / RUN, overrides), tuple(check_record(path))
    return Trained(path, run, load(path / SPEC), read_preprocessing(path / PREPROCESSING), warnings)
