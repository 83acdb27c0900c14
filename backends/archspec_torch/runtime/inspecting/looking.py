"""The four ways of looking into a network, each a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from archspec.analysis.where import where
from archspec.errors import Diagnostic, SpecError, fail
from archspec.files import make_folder
from archspec_torch.runtime.data import open_source
from archspec_torch.runtime.images import ImageProblem, large_images_allowed
from archspec_torch.runtime.inspecting.ascent import maximised
from archspec_torch.runtime.inspecting.network import Opened, open_network
from archspec_torch.runtime.inspecting.sheet import stretched, write_sheet
from archspec_torch.runtime.kept import as_trained, no_split

MAPS = 256
"""Feature maps on one sheet."""


def inspect(
    target: str | Path,
    out: str | Path,
    weights: str = "best",
    layer: str | None = None,
    unit: int | None = None,
    image: str | Path | None = None,
    split: str = "val",
    top: int = 9,
    steps: int = 256,
    device: str = "auto",
    report: Callable[[Diagnostic], None] = lambda _: None,
) -> list[Path]:
    """Writes PNGs into `out` and returns their paths: filters.png always; with an `image` the feature maps of the
    `layer`; with a `unit` of the layer the `top` patches of the `split` that excite it most (of a run), and an image
    made to excite it, in `steps` of gradient ascent. `report` is given warnings: of data that are not those of the
    run's training (W657), of files that cannot be read (W620).

    Raises SpecError E583 for the layer, E624 for the image, E627 for the split, E720 for the unit, E721 for what is
    asked without what it needs, and what `open_network` raises.
    """
    opened = open_network(target, weights, device)
    if layer is None and (unit is not None or image is not None):
        raise fail("E721", "a unit and feature maps are those of a layer: none is named", hint="--layer stage.1")
    name = opened.layer(layer) if layer is not None else ""
    if unit is not None:
        opened.check_unit(name, unit)
    read = None if image is None else _read(opened, image)
    folder = make_folder(Path(out))
    written = []
    if found := filters(opened):
        written.append(write_sheet(found, folder / "filters.png"))
    if read is not None:
        written.append(write_sheet(feature_maps(opened, name, read), folder / f"maps-{name}.png"))
    if unit is not None:
        if opened.trained is not None:
            patches = [patch for patch, _ in strongest(opened, name, unit, split, top, report)]
            written.append(write_sheet(patches, folder / f"patches-{name}-{unit}.png"))
        made = stretched(maximised(opened, name, unit, steps))
        written.append(write_sheet([made], folder / f"maximised-{name}-{unit}.png"))
    return written


def filters(opened: Opened) -> list[Tensor]:
    """Weights of the first layer as images, each stretched over its own range: kernels of a convolution, templates of
    a linear layer over the flattened image. None where the first layer's weights are no images."""
    frame = opened.preprocessing.frame
    for weight in opened.model.parameters():
        found = weight.detach().cpu()
        if found.dim() == 2 and found.shape[1] == frame.channels * frame.height * frame.width:
            found = found.view(-1, frame.channels, frame.height, frame.width)
        if found.dim() == 4:
            shown = found if found.shape[1] in (1, 3) else found.mean(1, keepdim=True)
            return [stretched(one) for one in shown]
        if found.dim() > 1:
            break
    return []


def feature_maps(opened: Opened, layer: str, image: Tensor) -> list[Tensor]:
    """What each channel of a layer gives for an image uint8 (c, h, w), stretched; a layer without place as a row."""
    with opened.watching(layer) as found, torch.inference_mode():
        opened.model(opened.normalize(image[None].to(opened.device)))
    values = found[0][0].cpu()
    if values.dim() == 3:
        return [stretched(one[None]) for one in values[:MAPS]]
    return [stretched(values.reshape(1, 1, -1))]


def strongest(
    opened: Opened,
    layer: str,
    unit: int,
    split: str,
    top: int,
    report: Callable[[Diagnostic], None] = lambda _: None,
) -> list[tuple[Tensor, float]]:
    """The patches of a split's images that excite a unit most, one an image, and how much: the pixels that the unit's
    greatest cell sees (Zeiler and Fergus, 2014); whole images where a layer's cells have no place.

    Raises SpecError E627 for a split that the data does not have.
    """
    assert opened.trained is not None
    run = opened.trained.run
    found_now = open_source(run.run.data, lambda *keys: run.span("data", *keys))
    source, warnings = as_trained(found_now, opened.trained.directory, run.span("data"))
    for warning in warnings:
        report(warning)
    if split not in source.sizes:
        raise no_split(split, list(source.sizes), run)
    examples = source.load(split, opened.preprocessing.frame, report)
    groups = list(torch.arange(len(examples.labels)).split(64))
    peaks: list[Tensor] = []
    cells: list[list[int]] = []
    with opened.watching(layer) as found, torch.inference_mode():
        for images, _ in examples.batches(groups, opened.device, 0):
            opened.model(opened.normalize(images))
            values = found[0][:, unit]
            rank = values.dim() - 1
            if not rank:
                peaks.append(values.cpu())
                cells += [[]] * len(values)
                continue
            peak, at = values.flatten(1).max(1)
            peaks.append(peak.cpu())
            cells += torch.stack(torch.unravel_index(at.cpu(), values.shape[1:]), 1).tolist()
    all_peaks = torch.cat(peaks)
    order = all_peaks.argsort(descending=True, stable=True)[:top].tolist()
    return [(_patch(opened, layer, tuple(cells[i]), examples.image(i)), float(all_peaks[i])) for i in order]


def _patch(opened: Opened, layer: str, cell: tuple[int, ...], image: Tensor) -> Tensor:
    if not cell:
        return image
    try:
        rows, columns = where(opened.graph, layer, cell).inside
    except SpecError as error:
        if error.diagnostics[0].code == "E584":
            return image
        raise
    return image[:, rows[0] : rows[1] + 1, columns[0] : columns[1] + 1]


def _read(opened: Opened, image: str | Path) -> Tensor:
    try:
        with large_images_allowed():
            return opened.preprocessing.frame.read(Path(image))
    except ImageProblem as problem:
        raise fail("E624", f"{image} {problem}") from problem
