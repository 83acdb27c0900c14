"""What a user may write: the document (pydantic) and its layers, parsed but not yet expanded.

`Document` holds the shape of a spec file and is what its JSON Schema comes from. Layers keep the
values as written, with their spans, since what they mean depends on variables known only in `build`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from archspec import source
from archspec.errors import Frame, Span
from archspec.source import Scalar, Value

MODIFIERS = ("name", "from", "when", "repeat", "each", "join", "own", "was")
STRUCTURAL = ("layers", "branches", "residual", "act", "share", "map")
ORDER = (
    "archspec", "name", "cite", "allow", "task", "input", "inputs", "use", "vars", "defaults",
    "variants", "blocks", "layers", "heads", "detect", "outputs", "assert",
)  # fmt: skip
"""Keys of a spec as they are read: what it is called, what comes in, what it is made of, what must hold."""
PARAMETER_TYPES = ("int", "float", "number", "str", "bool", "list", "layers", "name")
RESERVED = ("in", "prev", "index")
JOINS = ("concat", "add", "subtract", "multiply", "mean", "max", "none")
SHORTCUTS = ("identity", "project", "when_same")

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
OutputName = Annotated[str, Field(pattern=r"^[A-Za-z_$][A-Za-z0-9_.:*$]*$")]
"""What an output may be called: a name, or the path and tensor that it has where none is given it."""
Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class BlockDocument(_Part):
    """A block: parameters (a type: required; else the default), what flows in and out, and its layers."""

    params: dict[Identifier, Any] = {}
    inputs: Literal["many"] | list[Identifier] | None = None
    outputs: list[str] | dict[Identifier, str] | None = None
    layers: list[Any]


class HeadDocument(_Part):
    """An output beside the main one; `only: train` leaves it out of the deployed network."""

    from_: Any = Field(alias="from")
    was: Text | list[Text] | dict[str, Text | list[Text]] | None = None
    only: Literal["train"] | None = None
    weight: Annotated[float, Field(ge=0)] = 1.0
    layers: Annotated[list[Any], Field(min_length=1)]


class DetectDocument(_Part):
    """What a detector finds boxes with: heads on anchors, how their numbers become boxes, which of those are kept."""

    anchors: dict[str, Any] | None = None
    heads: Annotated[list[Any], Field(min_length=1)]
    decode: str | dict[str, Any]
    nms: dict[str, Any] = {}


class Document(_Part):
    """A spec file."""

    archspec: Literal[1]
    name: Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$")] = "network"
    cite: Text | None = None
    allow: list[Text] = []
    task: Literal["classify", "localise", "detect", "regress", "segment", "embed"] = "classify"
    input: Annotated[list[Any], Field(min_length=1, max_length=4)] | None = None
    inputs: dict[Identifier, Annotated[list[Any], Field(min_length=1, max_length=4)]] | None = None
    use: Text | list[Text] = []
    vars: dict[Identifier, Any] = {}
    variants: dict[str, dict[Identifier, Any]] = {}
    blocks: dict[Identifier, BlockDocument] = {}
    defaults: dict[Identifier, dict[Identifier, Any]] = {}
    layers: list[Any] | None = None
    heads: dict[Identifier, HeadDocument] = {}
    detect: DetectDocument | None = None
    outputs: (
        Annotated[list[str], Field(min_length=1)] | Annotated[dict[OutputName, str], Field(min_length=1)] | None
    ) = None
    assert_: list[str | dict[Literal["always"], str]] = Field(default=[], alias="assert")

    @model_validator(mode="after")
    def _one_kind_of_input(self) -> Document:
        if self.input is not None and self.inputs is not None:
            raise ValueError("a spec has `input` or `inputs`, not both")
        if self.layers is not None and self.input is None and self.inputs is None:
            raise ValueError("a spec with layers needs `input: [channels, height, width]`")
        if self.layers is not None and not self.layers:
            raise ValueError("`layers` is empty: a network needs at least one layer")
        return self


@dataclass(frozen=True, slots=True)
class Layer:
    """One entry of a list of layers, as written. `body` holds the layers inside a group or residual,
    `branches` those of a fork; `args` what stands behind the word."""

    word: str
    span: Span
    args: Value | None = None
    name: Scalar | None = None
    origin: Value | None = None
    when: Value | None = None
    repeat: Value | None = None
    each: source.Mapping | None = None
    join: Value | None = None
    own: bool = False
    was: Value | None = None
    body: tuple[Layer, ...] = ()
    branches: tuple[Layer, ...] = ()
    shortcut: Value | None = None
    shortcut_layers: tuple[Layer, ...] = ()
    lost: bool = False
    """Whether it could not be read: what was wrong has been told."""

    @property
    def modified(self) -> bool:
        """Whether anything but the word and its arguments was written."""
        written = (self.name, self.origin, self.when, self.repeat, self.each, self.was)
        return self.own or any(x is not None for x in written)


@dataclass(frozen=True, slots=True)
class Block:
    """A named stretch of layers with parameters. The first parameter may stand alone in a call."""

    name: str
    span: Span
    params: Mapping[str, Value]
    inputs: Literal["many"] | tuple[str, ...] | None
    outputs: Mapping[str, Value] | None
    layers: tuple[Layer, ...]
    lost: bool = False
    """Whether its form is wrong, so that nothing can be said of those who call it."""

    @property
    def main(self) -> str | None:
        return next(iter(self.params), None)


@dataclass(frozen=True, slots=True)
class HeadSpec:
    name: str
    span: Span
    origin: Value
    only_train: bool
    weight: float
    layers: tuple[Layer, ...]
    was: Value | None = None


@dataclass(frozen=True, slots=True)
class DetectSpec:
    """The section `detect`: its heads parsed, the rest as written."""

    span: Span
    heads: tuple[Layer, ...]
    anchors: source.Mapping | None
    decode: Value
    nms: source.Mapping | None


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole spec: variant and overrides applied, used blocks brought in, nothing expanded yet."""

    name: str
    task: str
    tree: source.Mapping
    inputs: Mapping[str, source.Sequence]
    variables: Mapping[str, Value]
    blocks: Mapping[str, Block]
    defaults: Mapping[str, source.Mapping]
    layers: tuple[Layer, ...]
    heads: tuple[HeadSpec, ...]
    outputs: Mapping[str, Value] | None
    asserts: tuple[tuple[Value, bool], ...]
    """Each with True where it was written `always:` and so holds under overrides too."""
    block_texts: Mapping[str, Value] = field(default_factory=dict)
    """Used blocks as they were written, by name."""
    mistakes: frozenset[tuple[str, str]] = frozenset()
    """Code and place of what is wrong with its form, and has been told."""
    detect: DetectSpec | None = None
    variant: Frame | None = None
    """The variant that was written in, and where it stands: the outermost step of every trail."""


def walk(layers: tuple[Layer, ...]) -> Iterator[Layer]:
    """Every layer of a list, those inside groups, branches and residuals too."""
    for layer in layers:
        yield layer
        yield from walk(layer.body)
        yield from walk(layer.branches)
        yield from walk(layer.shortcut_layers)
