"""What a table says below its lines: totals, the memory of inference and training, what dominates."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from textwrap import wrap

from archspec.analysis.detector import detector
from archspec.analysis.memory import Moment
from archspec.analysis.summary import Summary
from archspec.render.rows import Line
from archspec.render.units import binary, cells_wide, decimal, grouped, share
from archspec.tensor import at

Paint = Callable[[str, str], str]
BOLD, DIM = "1", "2"


def totals(summary: Summary, width: int, paint: Paint) -> list[str]:
    """What the whole network costs, a figure a line; with the needs of training where they were asked for."""
    t = summary.figures(summary.totals)
    frozen = t.params - t.trainable_params
    trained = f"{grouped(t.trainable_params)} trainable, {grouped(frozen)} frozen" if frozen else "all trainable"
    each = f", batch {summary.batch}" if summary.batch > 1 else ""
    entries = [
        ("params", grouped(t.params), trained if t.params else ""),
        ("buffers", grouped(t.buffers), f"weights and buffers {binary(t.weight_bytes)}" if t.weight_bytes else ""),
        ("MACs", decimal(t.macs), f"FLOPs {decimal(t.flops)}, element-wise {decimal(t.elementwise_ops)}{each}"),
        ("activations", binary(t.activation_bytes), f"input and all outputs{each}"),
        ("inference", binary(summary.inference.peak.bytes), _inference(summary, each)),
        *_detector(summary),
        *training(summary),
    ]
    if summary.params_with_aux is not None:
        heads = ", ".join(summary.training_heads)
        told = f"params with {heads}; all else is of the network as deployed"
        entries.insert(1, ("in training", grouped(summary.params_with_aux), told))
    if not t.buffers:
        size = binary(t.weight_bytes)
        entries = [e if e[0] != "params" or not t.params else (e[0], e[1], f"{e[2]}, {size}") for e in entries]
        entries = [e for e in entries if e[0] != "buffers"]
    label = max(len(e[0]) for e in entries)
    figure = max(len(e[1]) for e in entries)
    found = []
    for name, number, text in entries:
        first, *more = _wrapped(text, max(width - label - figure - 4, 20)) or [""]
        found.append(f"{paint(BOLD, f'{name:<{label}}')}  {number:>{figure}}  {first}".rstrip())
        found += [f"{'':{label + figure + 4}}{line}" for line in more]
    return found


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines, a number beside its unit."""
    kept = re.sub(r"(?<=\d) (?=[KMGTP]?i?B\b)", "\N{NO-BREAK SPACE}", text)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in wrap(kept, width)]


def _inference(summary: Summary, each: str) -> str:
    memory = summary.inference
    return f"peak at {memory.peak.layer or 'the input'}, weights included{each}"


def _detector(summary: Summary) -> list[tuple[str, str, str]]:
    """The boxes of a detector by map, and what the network costs without decoding them."""
    found = detector(summary)
    if found is None:
        return []
    example = summary.graph.example
    sizes = ["×".join(str(at(side, example)) for side in one.sides) for one in found.maps]
    maps = ", ".join(
        f"{one.name} {size}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{one.anchors}"
        for one, size in zip(found.maps, sizes, strict=True)
    )
    kept = f"; at most {found.keep:,} kept" if found.keep else ""
    behind, before = summary.figures(found.decoding), summary.figures(found.heads)
    told = (
        f"element-wise for decoding, {binary(behind.activation_bytes)} of activations; without: MACs "
        f"{decimal(before.macs)}, element-wise {decimal(before.elementwise_ops)}, activations "
        f"{binary(before.activation_bytes)}, inference {binary(found.heads_peak_bytes)}"
    )
    entries = [
        ("boxes", grouped(at(found.boxes, example)), f"cells × anchors of {maps}{kept}"),
        ("decoding", decimal(behind.elementwise_ops), told),
    ]
    if found.pairs is not None:
        told = "pairs of boxes compared in an image at most; how many depends on it, and no figure above counts them"
        entries.append(("suppression", decimal(found.pairs), told))
    return entries


def training(summary: Summary) -> list[tuple[str, str, str]]:
    """The peak of a training step, what it is made of, and the batch that fits."""
    needs = summary.training
    if needs is None:
        return []
    memory = needs.memory
    parts = [f"weights {binary(memory.weights, 1)}"]
    if memory.optimizer:
        parts.append(f"state of {needs.optimizer} {binary(memory.optimizer, 1)}")
    parts.append(f"kept for backward {binary(sum(summary.saved.values()), 1)}")
    entries = [
        (
            "training",
            binary(memory.peak.bytes),
            f"peak in {_moment(memory.peak)}, {needs.optimizer}, batch {summary.batch}, {needs.precision}: "
            f"{', '.join(parts)}",
        ),
        ("train FLOPs", decimal(summary.train_flops), "a step, forward and backward"),
    ]
    if needs.workspace:
        which = "a Hopper GPU" if needs.libraries == "hopper" else "a GPU"
        entries.append(("workspace", binary(needs.workspace), f"cuBLAS's on {which}, beside it; cuDNN's is not known"))
    if needs.budget is not None:
        fits = f"{'examples fit' if needs.largest else 'not one example fits'} into {binary(needs.budget)}"
        entries.append(("largest batch", f"{needs.largest:,}", fits))
    return entries


def _moment(moment: Moment) -> str:
    where = f" of {moment.layer}" if moment.layer and moment.phase != "step" else ""
    return {"loss": "the loss", "step": "the optimiser's step"}.get(moment.phase, f"{moment.phase}{where}")


def dominating(summary: Summary, found: Sequence[Line], width: int, paint: Paint) -> list[str]:
    """For each cost the lines with most of it, where a line stands out."""
    out: list[str] = []
    whole_network = summary.figures(summary.totals)
    for title, figure in (("params", "params"), ("MACs", "macs"), ("memory", "activation_bytes")):
        whole = getattr(whole_network, figure)
        ranked = sorted(found, key=lambda line: -getattr(line.counts, figure))[:3]
        text = f"most {title:<6}  "
        for i, line in enumerate(ranked):
            part = getattr(line.counts, figure)
            entry = f"{', ' if i else ''}{line.name} {share(part, whole)}"
            if not part or part * 20 < whole or cells_wide(text + entry) > width:
                break
            text += entry
        if not text.endswith("  ") and len(found) > 1:
            out.append(paint(DIM, text))
    return ["", *out] if out else []
