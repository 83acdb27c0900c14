"""The section `detect`: its heads, decoders behind them, and what is kept of all boxes become ordinary nodes.

Of a head `p5` the network gives `p5`, or of several maps `p5.class` and `p5.box`; of all heads together `detections`.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeGuard

from archspec import source
from archspec.build import joins
from archspec.build.flow import Broken, Flow, Overflow, bundle
from archspec.build.joins import Branch
from archspec.build.place import Place
from archspec.errors import Diagnostic, SpecError, did_you_mean
from archspec.expressions import plain
from archspec.graph import Tap
from archspec.ops import REGISTRY
from archspec.ops.arguments import as_written
from archspec.ops.detect import Decoder, MultiBoxBoxes, SsdBoxes, YoloBoxes, YoloV1Boxes
from archspec.source import Scalar, Value
from archspec.spec import DetectSpec, Layer

if TYPE_CHECKING:
    from archspec.build.expand import Expansion

DECODERS: Mapping[str, type[Decoder]] = {
    "yolo": YoloBoxes,
    "yolo_v1": YoloV1Boxes,
    "ssd": SsdBoxes,
    "multibox": MultiBoxBoxes,
}
KINDS = {"grid": ("boxes", "unit"), "scales": ("scales", "ratios", "strides", "clip")}
"""Kinds of anchors, and what is said of each."""
SAID_BY_ANCHORS = ("anchors", "unit", "stride")
"""Arguments of decoders that the section `anchors` gives."""
NAME, DETECTIONS = "detect", "detections"
BEHIND = ("boxes", "scores", "nms")
"""Layers behind the decoders of all heads; behind that of a single one, the last alone."""
MAPS = ("class", "box")
"""What a head with two maps calls them."""


def detect(
    expansion: Expansion, section: DetectSpec, flow: Flow, top: Place, outputs: Container[str]
) -> dict[str, Tap]:
    """The outputs that the section makes, in order: heads, then the detections. What is wrong is reported.

    `outputs` are those that the network has besides.
    """
    heads = joins.beside(expansion, section.heads, flow, top)
    try:
        _refuse_names(section, heads, outputs, top)
        return _outputs(heads) | _detections(expansion, section, heads, flow, top)
    except Broken:
        expansion.complete = False
    except SpecError as error:
        expansion.report(error, top)
    return {}


def _refuse_names(section: DetectSpec, heads: Sequence[Branch], outputs: Container[str], top: Place) -> None:
    """Raises SpecError E113 for names that hide another: of outputs, and of the layers behind the heads."""
    wrong = [
        Diagnostic("E113", f"two outputs are called '{name}'", head.span, "rename the head, or the other output")
        for head in heads
        for name in _outputs([head])
        if name in outputs or name == DETECTIONS
    ]
    wrong += [
        Diagnostic("E113", f"a head called '{head.name}' would hide '{NAME}.{head.name}'", head.span, "rename it")
        for head in heads
        if head.name in (BEHIND if len(heads) > 1 else BEHIND[-1:])
    ]
    if DETECTIONS in outputs:
        hint = "the section `detect` makes it: leave it out of `outputs`"
        wrong.append(Diagnostic("E113", f"two outputs are called '{DETECTIONS}'", section.span, hint))
    if NAME in top.names.own:
        hint = f"what stands behind the heads is called `{NAME}`: rename that layer"
        wrong.append(Diagnostic("E113", f"'{NAME}' is a layer already", section.span, hint))
    if wrong:
        raise SpecError(wrong)


def _outputs(heads: Sequence[Branch]) -> dict[str, Tap]:
    found: dict[str, Tap] = {}
    for head in heads:
        names = [f"{head.name}.{name}" for name in head.flow.names] if len(head.flow) > 1 else [head.name]
        found |= dict(zip(names, (port.tap for port in head.flow.ports), strict=False))
    return found


def _detections(
    expansion: Expansion, section: DetectSpec, heads: Sequence[Branch], flow: Flow, top: Place
) -> dict[str, Tap]:
    word, arguments = _decoder(section.decode)
    decoder = DECODERS[word]
    _refuse_arguments(section, word, arguments)
    if not heads:
        raise SpecError(Diagnostic("E164", "this detector has no heads: each is left out by its `when`", section.span))
    anchors = _anchors(section, len(heads), flow, top) if "anchors" in decoder.model_fields else [{}] * len(heads)
    image = {} if "image" in {key.text for key, _ in arguments} else {"image": _image(expansion, section, word)}
    inside = expansion.enter(NAME, section.span, "detector", top)
    boxes: list[Flow] = []
    scores: list[Flow] = []
    for head, given in zip(heads, anchors, strict=True):
        try:
            found = _decoded(expansion, decoder, arguments, {**given, **image}, head, flow, inside)
        except Broken:
            expansion.complete = False
        except Overflow:
            raise
        except SpecError as error:
            expansion.report(error, inside)
        else:
            boxes.append(Flow(found.ports[:1]))
            scores.append(Flow(found.ports[1:]))
    if len(boxes) < len(heads):
        raise Broken  # what is wrong with the others has been told
    both = [_joined(expansion, "boxes", boxes, section, inside), _joined(expansion, "scores", scores, section, inside)]
    layer = Layer("nms", section.nms.span if section.nms else section.span, section.nms)
    kept = expansion.operator(REGISTRY["nms"], layer, section.nms, "nms", bundle(both), inside)
    return {DETECTIONS: kept.ports[0].tap}


def _decoded(
    expansion: Expansion,
    decoder: type[Decoder],
    written: Sequence[tuple[Scalar, Value]],
    given: Mapping[str, Value],
    head: Branch,
    flow: Flow,
    inside: Place,
) -> Flow:
    """Boxes and scores of a head: the decoder with the arguments `written` under `decode`, and those that follow."""
    maps = _maps(head, decoder)
    said = {key.text: value for key, value in written}
    follow = dict(given)
    if "classes" not in said:
        listed = given.get("anchors")
        count = len(listed.items) if isinstance(listed, source.Sequence) else _whole(said.get("boxes"), flow, inside)
        follow["classes"] = source.from_plain(_classes(decoder, head, maps, count), head.span)
    made = [(Scalar(key, key, value.span, False), value) for key, value in follow.items()]
    args = source.Mapping((*written, *made), head.span)
    return expansion.operator(decoder, Layer(decoder.word, head.span, args), args, head.name, maps, inside)


def _joined(expansion: Expansion, name: str, flows: list[Flow], section: DetectSpec, inside: Place) -> Flow:
    """What all heads give, one after another."""
    if len(flows) == 1:
        return flows[0]
    return expansion.append(REGISTRY["concat"](), name, bundle(flows), section.span, inside)


def _decoder(decode: Value) -> tuple[str, tuple[tuple[Scalar, Value], ...]]:
    """The word of a decoder and its arguments: `decode: yolo`, `decode: {yolo: {scores: softmax}}`.

    Raises SpecError E163.
    """
    word, arguments = decode, None
    if isinstance(decode, source.Mapping) and len(decode.entries) == 1:
        word, arguments = decode.entries[0]
    if not isinstance(word, Scalar) or word.text not in DECODERS:
        shown = as_written(source.to_plain(decode))
        hint = did_you_mean(word.text if isinstance(word, Scalar) else "", [*DECODERS], "decoders")
        raise SpecError(Diagnostic("E163", f"'{shown}' does not say how boxes are decoded", decode.span, hint))
    if arguments is not None and not isinstance(arguments, source.Mapping):
        hint = f"decode: {{{word.text}: {{clip: false}}}}"
        raise SpecError(Diagnostic("E163", f"`{word.text}` takes arguments by name", arguments.span, hint))
    return word.text, arguments.entries if arguments is not None else ()


def _refuse_arguments(section: DetectSpec, word: str, arguments: Sequence[tuple[Scalar, Value]]) -> None:
    """Raises SpecError E163 for arguments that come from elsewhere, E165 for anchors that the decoder has none of."""
    wrong = [
        Diagnostic("E163", f"`{key.text}` is not said under `decode`", key.span, "write it under `anchors`")
        for key, _ in arguments
        if key.text in SAID_BY_ANCHORS
    ]
    fields = DECODERS[word].model_fields
    given = {*SAID_BY_ANCHORS, "classes", *(key.text for key, _ in arguments)}
    for name in (name for name, field in fields.items() if field.is_required() and name not in given):
        message = f"`{word}` needs `{name}`: {fields[name].description}"
        wrong.append(Diagnostic("E163", message, section.decode.span, f"decode: {{{word}: {{{name}: …}}}}"))
    if section.anchors is not None and "anchors" not in fields:
        hint = "leave them out: its boxes are told whole"
        wrong.append(Diagnostic("E165", f"`{word}` has no anchors", section.anchors.span, hint))
    if wrong:
        raise SpecError(wrong)


def _image(expansion: Expansion, section: DetectSpec, word: str) -> Value:
    """The name of the image that boxes lie in: the network's only input. Raises SpecError E163 where there are more."""
    inputs = list(expansion.spec.inputs)
    if len(inputs) > 1:
        message = f"this network has several inputs ({', '.join(inputs)}): in which one do boxes lie?"
        raise SpecError(
            Diagnostic("E163", message, section.decode.span, f"`decode: {{{word}: {{image: {inputs[0]}}}}}` says which")
        )
    return source.from_plain(inputs[0], section.span)


def _maps(head: Branch, decoder: type[Decoder]) -> Flow:
    """The maps of a head in the order of the decoder. Raises SpecError E164, Broken."""
    if head.flow.broken:
        raise Broken
    wanted = decoder.arity[0] - 1
    if wanted == 1 and len(head.flow) == 1:
        return head.flow
    if wanted == 2 and set(head.flow.names) == set(MAPS):
        return bundle([port for name in MAPS if (port := head.flow.port(name)) is not None])
    given = f"{len(head.flow)} ({', '.join(head.flow.names)})" if head.flow.names else str(len(head.flow))
    message = f"head '{head.name}' gives {given} map{'s' if len(head.flow) > 1 else ''}"
    if wanted == 1:
        message, hint = f"{message}, and `{decoder.word}` takes one", "end the head with one convolution"
    else:
        message = f"{message}, and `{decoder.word}` takes two, called `class` and `box`"
        hint = "`branches: [{layers: […], name: class}, {layers: […], name: box}]` with `join: none`"
    raise SpecError(Diagnostic("E164", message, head.span, hint))


def _classes(decoder: type[Decoder], head: Branch, maps: Flow, per_cell: int) -> int:
    """The classes that a head has numbers for. Raises SpecError E164 where they do not come out even."""
    kind = maps.ports[0].type
    assert kind is not None
    classes = decoder.classes_in(kind.channels, per_cell)
    if classes.denominator != 1 or classes < 1:
        message = f"head '{head.name}' gives {kind.channels} channels: {decoder.channels_of(per_cell)}"
        more = decoder.channels_for(per_cell, max(1, math.ceil(classes)))
        hint = f"{more} channels are {max(1, math.ceil(classes))} classes"
        raise SpecError(Diagnostic("E164", message, head.span, hint))
    return int(classes)


def _whole(value: Value | None, flow: Flow, top: Place) -> int:
    found = plain(top.evaluate(value, flow)) if value is not None else 1
    return found if isinstance(found, int) else 1  # the operator itself refuses what is no number


def _anchors(section: DetectSpec, count: int, flow: Flow, top: Place) -> list[dict[str, Value]]:
    """For each of so many heads the arguments that say its anchors. Raises SpecError E165."""
    tree = section.anchors
    if tree is None:
        hint = "anchors: {kind: grid, boxes: [[116, 90], [156, 198]], unit: pixel}"
        raise SpecError(Diagnostic("E165", "`detect` needs `anchors`", section.span, hint))
    kind = tree.get("kind")
    name = kind.text if isinstance(kind, Scalar) else "grid" if kind is None else ""
    if name not in KINDS:
        where = kind.span if kind is not None else tree.span
        hint = did_you_mean(name, [*KINDS], "kinds")
        raise SpecError(Diagnostic("E165", f"there are no anchors of kind '{name}'", where, hint))
    wrong = [
        Diagnostic(
            "E165", f"anchors of kind '{name}' have no '{key.text}'", key.span, did_you_mean(key.text, KINDS[name])
        )
        for key, _ in tree.entries
        if key.text not in (*KINDS[name], "kind")
    ]
    if wrong:
        raise SpecError(wrong)
    said = {key: plain(top.evaluate(value, flow)) for key, value in tree.items() if key != "kind"}
    try:
        found = _on_grid(said, count) if name == "grid" else _by_scale(said, count)
    except ValueError as error:
        raise SpecError(Diagnostic("E165", str(error), tree.span)) from None
    places = {key: value.span for key, value in tree.items()}
    return [{key: source.from_plain(value, places.get(key, tree.span)) for key, value in one.items()} for one in found]


def _on_grid(said: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Boxes as they are written: one list for every head, or a list for each."""
    boxes = said.get("boxes")
    if not isinstance(boxes, list) or not boxes or not all(isinstance(box, list) and box for box in boxes):
        raise ValueError("`boxes` is a list of [width, height], or one such list for each head")
    own = all(isinstance(box[0], list) for box in boxes)
    if own and len(boxes) != count:
        raise ValueError(f"{len(boxes)} lists of boxes are written, for {count} head{'s' * (count > 1)}")
    unit = {"unit": said["unit"]} if "unit" in said else {}
    return [{"anchors": boxes[i] if own else boxes, **unit} for i in range(count)]


def _by_scale(said: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Default boxes as shares of the image: Liu et al., arXiv:1512.02325, section 2.2.

    Of scale s, and s' of the next head: a square of s, one of √(s·s'), and for each ratio r boxes s√r × s/√r both ways.
    `clip` ends them at the image's size. `strides`: pixels to a cell, one for each head.
    """
    scales, ratios = said.get("scales"), said.get("ratios")
    if not _numbers(scales) or len(scales) != count + 1:
        raise ValueError(f"`scales` is a list of {count + 1} shares of the image: one for each head, and one more")
    if not isinstance(ratios, list) or len(ratios) != count or not all(_numbers(one, empty=True) for one in ratios):
        raise ValueError(f"`ratios` is a list for each of {count} heads: [[2], [2, 3]]")
    strides = said.get("strides")
    if strides is not None and (not _numbers(strides) or len(strides) != count):
        raise ValueError(f"`strides` is a number of pixels for each of {count} heads")
    most = 1.0 if said.get("clip", False) else math.inf
    found = []
    for i in range(count):
        scale, between = float(scales[i]), math.sqrt(float(scales[i]) * float(scales[i + 1]))
        boxes = [(scale, scale), (between, between)]
        for ratio in ratios[i]:
            wide, high = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
            boxes += [(wide, high), (high, wide)]
        anchors = [[min(w, most), min(h, most)] for w, h in boxes]
        found.append({"anchors": anchors, "unit": "image"} | ({"stride": strides[i]} if strides else {}))
    return found


def _numbers(value: object, empty: bool = False) -> TypeGuard[list[float]]:
    if not isinstance(value, list) or not (value or empty):
        return False
    return all(isinstance(n, int | float | Fraction) and not isinstance(n, bool) and n > 0 for n in value)
