"""All that is wrong or doubtful in a file: as written, and in each of its variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from archspec import source, zoo
from archspec.build import check_words
from archspec.effort import counted
from archspec.errors import Diagnostic, SpecError, each_once, fail, in_text_order
from archspec.graph import TypedGraph
from archspec.loading import Text, slid_network
from archspec.network import network
from archspec.overrides import Edits
from archspec.spec import Spec

MAX_VARIANTS, MAX_LAYERS = 200, 100_000
"""How much `check` looks at: variants of one file, and layers of all of them together."""


def check(
    spec: str | Path,
    strict: bool = False,
    *,
    overrides: Sequence[str] = (),
    input: str | Sequence[int | str] | None = None,
    dense: bool = False,
    **variables: object,
) -> list[Diagnostic]:
    """Everything wrong or doubtful in a spec, without raising: the file as written and each of its variants.

    Errors come first, then warnings, each in the order of the text; what several variants give is told once. A
    variant, or a network of the zoo by its name, is looked at alone, and so is a spec with edits (`overrides`,
    `input` and keywords, as `load` takes them). With `dense` each network is slid over an image of the size `input`, as
    `load` slides it, and looked at so. With `strict` warnings count as errors.
    """
    edits = Edits(None, tuple(overrides), input, variables)
    try:
        path, variant = zoo.locate(spec)
        text = Text.of(path)
        tree = text.tree
        variants = tree.get("variants") if isinstance(tree, source.Mapping) else None
        names: list[str | None] = [variant]
        alone = variant is not None or edits.overriding
        if Path(str(spec)).is_file() and not alone and isinstance(variants, source.Mapping):
            names += variants.keys()
        if isinstance(variants, source.Mapping) and len(variants.entries) > MAX_VARIANTS:
            message = f"{len(variants.entries):,} variants are more than the {MAX_VARIANTS} a file may have"
            raise fail("E116", message, variants.span)
        whole = not alone and not dense and (len(names) > 1 or variants is None)
        with counted():
            if isinstance(text.read, source.Mapping) and variant is None and not _is_network(text.read):
                found = _in_blocks(text, edits)
            else:
                found = _in_networks(text, [replace(edits, variant=name) for name in names], whole, dense)
    except SpecError as error:
        return list(error.diagnostics)
    return [replace(d, severity="error") for d in found] if strict else found


def _is_network(tree: source.Mapping) -> bool:
    return not {"layers", "input", "inputs"}.isdisjoint(tree.keys())


def _in_blocks(text: Text, edits: Edits) -> list[Diagnostic]:
    """What is wrong or doubtful in a file that only holds blocks. Raises SpecError where its form is wrong."""
    from archspec.rules import lint_file
    from archspec.rules.file import SpecFile

    parsed = text.spec(edits)
    return check_words(parsed) or lint_file(SpecFile(parsed, ()))


def _in_networks(text: Text, variants: Sequence[Edits], whole: bool, dense: bool) -> list[Diagnostic]:
    """What is wrong in a file with each of these edits, slid if `dense`, and what the rules say of them and, if
    `whole`, of it."""
    from archspec.rules import lint, lint_file
    from archspec.rules.file import SpecFile

    specs: list[Spec] = []
    graphs: list[TypedGraph] = []
    errors: list[Diagnostic] = []
    for edits in variants:
        try:
            specs.append(text.network_spec(edits))
            graphs.append(slid_network(text, edits) if dense else network(specs[-1], edits.overriding))
        except SpecError as error:
            errors += error.diagnostics
            if any(d.code == "E116" for d in error.diagnostics):
                break  # the others are as large
        if sum(len(graph.nodes) for graph in graphs) > MAX_LAYERS:
            message = f"the variants of this file make more than {MAX_LAYERS:,} layers together: check them one by one"
            span = source.at(specs[0].tree, ("variants", str(edits.variant)), key=True)
            errors.append(Diagnostic("E116", message, span))
            break
    if not errors and whole:
        return lint_file(SpecFile(specs[0], tuple(graphs)))
    return [*in_text_order(each_once(errors), str(text.path)), *lint(*graphs)]
