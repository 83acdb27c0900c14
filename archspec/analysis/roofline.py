"""How long a network takes on a device: each layer's time from what it computes and moves, and what bounds it.

The roofline model (S. Williams, A. Waterman, D. Patterson, Communications of the ACM 52, 2009): a layer needs its
operations divided by the rate at which the device computes, and its bytes divided by the rate at which it moves them.
The rates are shares of the device's peaks that its file gives for each kind of operation, and each call costs an
overhead besides. Where the device overlaps them the longest of the three is the layer's time, else their sum.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from archspec.analysis.autocast import arithmetic
from archspec.analysis.memory import inference_memory
from archspec.analysis.work import Work, work
from archspec.devices import Device, load_device
from archspec.devices.model import WIDTHS
from archspec.errors import did_you_mean, fail
from archspec.graph import TypedGraph

Bound = Literal["compute", "memory", "overhead"]


@dataclass(frozen=True, slots=True)
class LayerTime:
    """The estimated time of one layer, in seconds, and of what it is made."""

    work: Work
    computing: float
    moving: float
    calling: float
    seconds: float

    @property
    def name(self) -> str:
        return self.work.name

    @property
    def bound(self) -> Bound:
        """What takes longest: computing, moving bytes, or the call itself."""
        if self.calling > max(self.computing, self.moving):
            return "overhead"
        return "compute" if self.computing >= self.moving else "memory"


@dataclass(frozen=True)
class Roofline:
    """The estimate for a network: its layers in the order that they run, and their sums."""

    device: Device
    precision: str
    batch: int
    layers: tuple[LayerTime, ...] = field(repr=False)
    peak_bytes: int | None
    """Most memory in use at once at inference; None where the input leaves sizes open."""

    @cached_property
    def by_name(self) -> dict[str, LayerTime]:
        return {layer.name: layer for layer in self.layers}

    @property
    def seconds(self) -> float:
        """Time of one forward pass of the batch."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def flops(self) -> int:
        return sum(layer.work.flops for layer in self.layers)

    @property
    def bytes(self) -> int:
        """Bytes that all layers move."""
        return sum(layer.work.bytes for layer in self.layers)

    @property
    def intensity(self) -> float:
        """Operations a byte over the whole network."""
        return sum(layer.work.operations for layer in self.layers) / self.bytes if self.bytes else 0.0

    @property
    def capacity_bytes(self) -> int | None:
        """Memory of the device; None where its file does not tell."""
        return None if self.device.memory_gb is None else int(1e9 * self.device.memory_gb)

    def bound_seconds(self) -> dict[Bound, float]:
        """Time of the layers that each bound holds."""
        found: dict[Bound, float] = {"compute": 0.0, "memory": 0.0, "overhead": 0.0}
        for layer in self.layers:
            found[layer.bound] += layer.seconds
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data for `summarize --device --format json`; the layers apart."""
        return {
            "name": self.device.name,
            "shares": self.device.shares,
            "precision": self.precision,
            "batch": self.batch,
            "seconds": self.seconds,
            "bytes": self.bytes,
            "intensity": self.intensity,
            "bound_seconds": dict(self.bound_seconds()),
            "peak_bytes": self.peak_bytes,
            "capacity_bytes": self.capacity_bytes,
        }


def roofline(graph: TypedGraph, device: str | Path | Device, batch: int = 1, precision: str = "float32") -> Roofline:
    """Estimate one forward pass of the deployed network, layer by layer.

    `device` is a name of those that come with archspec, a device file, or a `Device`. Where the input leaves sizes
    open the figures are at the graph's example of them. Raises SpecError: E560 to E563 of the device file, E564 for
    a precision whose peak it does not give, E580 for a batch below 1.
    """
    precision = arithmetic(precision)
    found = device_for(device, precision)
    if batch < 1:
        raise fail("E580", f"a batch of {batch} examples cannot be counted", hint="a whole number of at least 1")
    layers = tuple(layer_time(one, found, precision) for one in work(graph, batch, precision))
    peak = None if graph.sizes else inference_memory(graph, batch, WIDTHS[precision]).peak.bytes
    return Roofline(found, precision, batch, layers, peak)


def device_for(device: str | Path | Device, precision: str) -> Device:
    """A device by its name or file, held to have a peak for a precision. Raises SpecError E560 to E564."""
    found = device if isinstance(device, Device) else load_device(device)
    if precision not in found.peak_tflops:
        hint = did_you_mean(precision, list(found.peak_tflops), "precisions it has")
        raise fail("E564", f"{found.name} has no peak for '{precision}'", hint=hint)
    return found


def layer_time(one: Work, device: Device, precision: str = "float32") -> LayerTime:
    """The estimated time of one layer's work."""
    rates = device.rates(one.kind, precision)
    computing = one.operations / rates.compute
    moving = one.tensor_bytes / rates.memory + one.weight_bytes / rates.weights
    if device.fresh_above_mb and one.allocated_bytes > 1e6 * device.fresh_above_mb:
        moving += one.allocated_bytes / rates.fresh
    parts = (computing, moving, rates.overhead)
    return LayerTime(one, *parts, max(parts) if device.overlap else sum(parts))
