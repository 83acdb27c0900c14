"""The stages in a row: from the name of a spec to its typed graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from archspec import source, zoo
from archspec.build import inputs
from archspec.drafting import draft
from archspec.errors import SpecError, each_once, fail, in_text_order
from archspec.form import FormError, validate
from archspec.graph import TypedGraph
from archspec.network import network, slid
from archspec.overrides import NO_EDITS, Edits, check_variants
from archspec.source import Value
from archspec.spec import Spec


def load(
    spec: str | Path,
    variant: str | None = None,
    *,
    overrides: Sequence[str] = (),
    input: str | Sequence[int | str] | None = None,
    dense: bool = False,
    **variables: object,
) -> TypedGraph:
    """The typed graph of a spec: `load("resnet50", classes=10)`.

    `spec` is a path or the name of a zoo network, `variant` one of the spec's variants (also written
    `SPEC@VARIANT`), `overrides` edits as `--set` takes them ("vars.depths=[2,2,2,2]"), `input` another input
    size ("3x256x256", [3, 256, 256]; "3xHxW" leaves it open), and keywords set the spec's variables. With `dense`
    the network is made for its own size, and then slid over an image of the size `input`, its fully connected layers
    as convolutions with the weights that they have (`passes.dense`). Raises
    SpecError with all that is wrong; the spec's own assertions among it, except those on counts where something
    is overridden.
    """
    path, found = zoo.locate(spec)
    edits = Edits(variant or found, tuple(overrides), input, variables)
    if dense:
        return slid_network(Text.of(path), edits)
    return network(Text.of(path).network_spec(edits), edits.overriding)


def slid_network(text: Text, edits: Edits) -> TypedGraph:
    """The network at its own size, slid over an image of the size that the edits give. Raises SpecError of both."""
    made = replace(edits, input=None)
    graph = network(text.network_spec(made), made.overriding)
    return slid(graph, inputs(text.network_spec(edits)) if edits.input is not None else {})


@dataclass(frozen=True)
class Text:
    """What was read of a file: its tree, or why it is none, told with what else is wrong."""

    path: Path
    read: Value | source.Unreadable

    @classmethod
    def of(cls, path: Path) -> Text:
        """Raises SpecError of a file that cannot be opened."""
        try:
            return cls(path, source.read(path))
        except source.Unreadable as error:
            return cls(path, error)

    @property
    def tree(self) -> Value | None:
        """The tree, as far as there is one."""
        return self.read.tree if isinstance(self.read, source.Unreadable) else self.read

    def spec(self, edits: Edits = NO_EDITS) -> Spec:
        """The parsed spec with the edits written in, not yet built. Raises SpecError with all that is wrong."""
        try:
            if isinstance(self.read, source.Unreadable):
                raise self.read
            _, tree = validate(self.read)
        except (source.Unreadable, FormError):
            raise self._all_wrong(edits) from None
        if check_variants(tree):
            raise self._all_wrong(edits)
        drafted = draft(tree, self.path, edits)
        if drafted.mistakes:
            from archspec.recovery import mistakes  # only the mistaken wait for it

            raise SpecError(in_text_order(each_once(mistakes(drafted)), str(self.path)))
        return drafted.spec

    def network_spec(self, edits: Edits = NO_EDITS) -> Spec:
        """As `spec`, of a file that describes a network. Raises SpecError E504 for one that does not."""
        parsed = self.spec(edits)
        if not parsed.layers and parsed.inputs:
            hint = "`layers:`, and below it a list: `  - conv: 16`"
            raise fail("E504", "this spec has an input but no `layers`", parsed.tree.span, hint)
        if not parsed.layers:
            message = f"'{self.path}' has no layers: it only holds blocks, to be brought in by `use`"
            raise fail("E504", message, parsed.tree.span)
        return parsed

    def _all_wrong(self, edits: Edits) -> SpecError:
        from archspec.recovery import all_wrong  # only the mistaken wait for it

        return all_wrong(self.read, self.path, edits)
