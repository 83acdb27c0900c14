"""A detector opened to be used: its weights, how images come to it, and what its suppression keeps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from archspec.errors import Diagnostic, fail
from archspec.graph import Node, TypedGraph
from archspec.infer import infer
from archspec.loading import load
from archspec.ops.detect import Decoder, Nms
from archspec_torch.compiler import compile, out_of_memory
from archspec_torch.keymap import key_map
from archspec_torch.runtime.detecting import names
from archspec_torch.runtime.device import choose_device, wait
from archspec_torch.runtime.images import Frame, ImageProblem, frame_of
from archspec_torch.runtime.inspecting.network import GREY, IMAGENET
from archspec_torch.runtime.network import image_input
from archspec_torch.runtime.preprocess import Normalize, Preprocessing
from archspec_torch.runtime.rundir import RUN, WEIGHTS, open_run
from archspec_torch.runtime.weights import load_weights
from archspec_torch.weights import imported


@dataclass(frozen=True)
class Plain:
    """What is said of a spec whose weights come from a file; a run directory says it itself."""

    map: str | Path | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    fit: str | None = None
    classes: str | Path | Sequence[str] | None = None
    overrides: Sequence[str] = ()
    input: str | Sequence[int] | None = None

    @property
    def said(self) -> list[str]:
        """Options that are given."""
        words = {"overrides": "set"}
        return [f"--{words.get(name, name)}" for name, value in vars(self).items() if value not in (None, ())]

    def check_unsaid(self, said: Sequence[str]) -> None:
        """Raises SpecError E739 for options that are not for a run directory."""
        if said:
            message = f"{' and '.join(said)}: a run directory holds its own network and preprocessing"
            raise fail("E739", message, hint="leave it out, or name the spec and `--weights RUNDIR/best.safetensors`")


@dataclass(frozen=True)
class Limits:
    """Other values for the arguments of the layer `nms`: those that are not None."""

    score: float | None = None
    iou: float | None = None
    keep: int | None = None

    def checked(self) -> dict[str, float | int]:
        """Those that are given. Raises SpecError E739."""
        for name in ("score", "iou"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise fail("E739", f"--{name} is a number from 0 to 1, not {value:g}")
        if self.keep is not None and self.keep < 1:
            raise fail("E739", f"--keep is the most detections of an image, 1 or more, not {self.keep}")
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Answer:
    """Detections (keep, 6) of each image in pixels of its frame, on the CPU; seconds of the network, and of what is
    behind its heads."""

    rows: Sequence[Tensor]
    network: float
    decoding: float


class Finder(Protocol):
    """What finds objects in images."""

    preprocessing: Preprocessing
    device: torch.device
    one_size: bool
    """Whether all images come in one size, so that several are looked at at once."""
    notes: tuple[str, ...]
    """What a person should know of its answers."""

    def frame(self, width: int, height: int) -> Frame:
        """How an image of that size comes to it. Raises ImageProblem for one that cannot."""

    def __call__(self, images: Tensor) -> Answer:
        """Of uint8 images (n, c, h, w). Raises ImageProblem where they take more memory than there is."""


class Detector:
    """A network that answers with boxes, in evaluation mode on its device."""

    one_size = True
    notes: tuple[str, ...] = ()

    def __init__(self, graph: TypedGraph, model: nn.Module, preprocessing: Preprocessing, device: torch.device):
        import torchvision.ops  # noqa: F401 - now, not inside the first answer, which is timed

        self.graph, self.model, self.device = graph, model, device
        self.preprocessing = preprocessing
        self.normalize = Normalize(preprocessing, device)
        self.output, node = detections_of(graph)
        assert isinstance(node.op, Nms)
        self.nms: Nms = node.op
        self._behind = 0.0
        for layer in graph.layers():
            if layer.phase == "infer":
                module = model.get_submodule(layer.name)
                module.register_forward_pre_hook(self._begun)
                module.register_forward_hook(self._ended)

    def __call__(self, images: Tensor) -> Answer:
        """Of uint8 images (n, c, h, w). Raises ImageProblem where they take more memory than there is."""
        self._behind = 0.0
        begun = time.perf_counter()
        try:
            with torch.inference_mode():
                told = self.model(self.normalize(images.to(self.device)))
                rows = (told if isinstance(told, Tensor) else told[self.output]).float().cpu()
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            size = "×".join(map(str, images.shape[2:]))
            raise ImageProblem(f"is {size} pixels to the network, and its maps do not fit into memory") from error
        whole = time.perf_counter() - begun
        return Answer(list(rows), whole - self._behind, self._behind)

    def frame(self, width: int, height: int) -> Frame:
        return self.preprocessing.frame

    def _begun(self, *_: object) -> None:
        wait(self.device)
        self._behind -= time.perf_counter()

    def _ended(self, *_: object) -> None:
        wait(self.device)
        self._behind += time.perf_counter()


def find_detections(graph: TypedGraph) -> tuple[str, Node] | None:
    """Name of the output that holds detections, and the suppression that gives it; None where there is none."""
    for name, tap in graph.outputs.items():
        node = graph.nodes[tap.node]
        if isinstance(node.op, Nms):
            return name, node
    return None


def detections_of(graph: TypedGraph, where: str | Path = "") -> tuple[str, Node]:
    """The same. Raises SpecError E735 for a network without."""
    found = find_detections(graph)
    if found is None:
        message = f"the network '{graph.name}' finds no boxes: it is for the task '{graph.task}'"
        hint = "`archspec predict RUNDIR IMAGE` says what images show; a detector has the section `detect`"
        if graph.task in ("classify", "localise"):
            hint += "; --dense asks every window of an image"
        raise fail("E735", message, hint=hint)
    return found


def open_detector(
    target: str | Path, weights: str, device: str, plain: Plain, limits: Limits
) -> tuple[Detector, tuple[Diagnostic, ...]]:
    """A run directory with its `best`, `last` or a file's weights, or a spec with those of a file; and warnings.

    Raises SpecError E606 to E608 of the directory, of the spec, E611 and E315 for one that takes no image of one size,
    E701 to E709 of the weights and the map, E721 for a spec without a file of weights, E735 for a network that finds no
    boxes, E739 for options that do not fit.
    """
    chosen = choose_device(device)
    changes = limits.checked()
    if is_run(target):
        plain.check_unsaid(plain.said)
        trained = open_run(target)
        graph = _limited(trained.graph, changes)
        model, _ = replace(trained, graph=graph).model(weights, chosen)
        return Detector(graph, model, trained.preprocessing, chosen), trained.warnings
    graph = _limited(load(target, overrides=plain.overrides, input=plain.input), changes)
    check_file(target, weights)
    count = max((node.op.classes for node in graph.layers() if isinstance(node.op, Decoder)), default=1)
    preprocessing = preprocessing_of(graph, plain, count)
    return Detector(graph, loaded(graph, Path(weights), plain.map, chosen), preprocessing, chosen), ()


def is_run(target: str | Path) -> bool:
    """Whether a run directory is meant, and no spec."""
    return (Path(target) / RUN).is_file() or Path(target).is_dir()


def check_file(target: str | Path, weights: str) -> None:
    """Raises SpecError E721 where no file of weights is named for a spec."""
    if weights in WEIGHTS:
        hint = "--weights FILE.safetensors, or another program's file with --map; or name a run directory"
        raise fail("E721", f"{target} is a spec, which has no weights to detect with", hint=hint)


def _limited(graph: TypedGraph, changes: dict[str, Any]) -> TypedGraph:
    """The graph with other arguments of its suppression. Raises SpecError E735."""
    _, node = detections_of(graph)
    if not changes:
        return graph
    op = node.op.model_copy(update=changes)
    return infer(replace(graph, nodes={**graph.nodes, node.name: replace(node, op=op)}))


def loaded(graph: TypedGraph, file: Path, map: str | Path | None, device: torch.device) -> nn.Module:
    """The network with the weights of a file, in evaluation mode. Raises SpecError E701 to E709."""
    model = compile(graph)
    if map is None and file.suffix == ".safetensors":
        load_weights(model, file)
    else:
        tensors, _ = imported(graph, file, key_map(map or "identity", graph.name))
        model.load_state_dict(tensors)
    return model.to(device).eval()


def preprocessing_of(graph: TypedGraph, plain: Plain, classes: int) -> Preprocessing:
    """How images come to a spec's network, which tells so many classes. Raises SpecError E739, E611, E315."""
    frame = frame_of(image_input(graph), plain.fit or "stretch", graph.name)
    usual = IMAGENET if frame.channels == 3 else GREY
    numbers = []
    for name, said, other in (("mean", plain.mean, usual[0]), ("std", plain.std, usual[1])):
        values = tuple(other if said is None else said)
        values = values * frame.channels if len(values) == 1 else values
        if len(values) != frame.channels:
            raise fail("E739", f"--{name} has {len(values)} numbers, and images have {frame.channels} channels")
        numbers.append(values)
    if min(numbers[1]) <= 0:
        raise fail("E739", "--std is above 0 for every channel", hint="of values 0 … 1, as 0.229,0.224,0.225")
    return Preprocessing(frame, numbers[0], numbers[1], class_names(plain.classes, classes))


def class_names(said: str | Path | Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Names of so many classes: a list, `a,b,c`, a file with a name a line, `voc` or `coco`; their numbers where
    nothing is said. Raises SpecError E739 for more or fewer."""
    if said is None:
        return tuple(str(number) for number in range(count))
    if isinstance(said, str | Path):
        told = str(said)
        if (known := names.known(told, count)) is not None:
            return known
        if Path(told).is_file():
            try:
                lines = Path(told).read_text(encoding="utf-8-sig").splitlines()
            except (OSError, ValueError) as error:
                raise fail("E739", f"--classes: the file '{told}' cannot be read: {error}") from None
            said = [line.strip() for line in lines if line.strip()]
        else:
            said = [name.strip() for name in told.split(",")]
    found = tuple(said)
    if len(found) != count:
        message = f"--classes names {len(found)} class{'es' if len(found) != 1 else ''}, and the network tells {count}"
        raise fail("E739", message, hint="a file with a name a line, or a,b,c; coco has 80 or 90, voc 20")
    return found
