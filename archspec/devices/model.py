"""What a device file may say: peaks as published or measured, and the shares of them that operations reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from archspec.ops.base import Kind

KINDS: tuple[Kind, ...] = get_args(Kind)

MATRIX = frozenset({"conv", "pointwise", "grouped", "transposed", "linear"})
"""Kinds that run on matrix units where a precision has them; all others compute at the rate of float32."""

WIDTHS = {"float32": 4, "tf32": 4, "float16": 2, "bfloat16": 2}
"""Bytes of a number, by the precision of the arithmetic."""

Precision = Literal["float32", "tf32", "float16", "bfloat16"]
Positive = Annotated[float, Field(gt=0, le=1e9)]


class Section(BaseModel):
    """A part of a device file: nothing unknown passes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Share(Section):
    """What one kind of operation reaches: shares of the peaks, and what a call costs before any work is done.

    `memory` may be above 1: what lies in a cache moves faster than memory does. `weights` is the same share for
    weights, lower where a library lays them out anew at every call. `fresh` comes on top for outputs so large that
    their memory is asked for anew at every call, whose pages the system clears first.
    """

    compute: Annotated[float, Field(gt=0, le=1)] | None = None
    memory: Annotated[float, Field(gt=0, le=100)] | None = None
    weights: Annotated[float, Field(gt=0, le=100)] | None = None
    fresh: Annotated[float, Field(gt=0, le=100)] | None = None
    overhead_us: Annotated[float, Field(ge=0, le=1e6)] | None = None


class Full(Share):
    """The same with nothing left open: what holds for all kinds that the file does not speak of."""

    compute: Annotated[float, Field(gt=0, le=1)]
    memory: Annotated[float, Field(gt=0, le=100)]
    overhead_us: Annotated[float, Field(ge=0, le=1e6)]


@dataclass(frozen=True, slots=True)
class Rates:
    """What one kind of operation reaches on a device: operations and bytes a second, seconds a call."""

    compute: float
    memory: float
    weights: float
    fresh: float
    """Infinite where memory is never asked for anew."""
    overhead: float


class Device(Section):
    """A device: peaks in TFLOP/s (10¹²) by precision, bandwidth in GB/s and memory in GB (10⁹), shares by kind."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, Field(min_length=1)]
    """Where the peaks are from."""
    shares: Literal["assumed", "measured"]
    """Whether anyone has measured what operations reach, or the file guesses."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """Threads that computed, where that was measured."""
    peak_tflops: dict[Precision, Positive]
    bandwidth_gb_per_s: Positive
    memory_gb: Positive | None = None
    """Where left out, how much there is is not known."""
    fresh_above_mb: Positive | None = None
    """Outputs larger than this many MB (10⁶) lie in memory asked for anew at every call; where left out, none do."""
    overlap: bool
    """Whether computing, moving and calling go on at the same time, so that the longest of them is the time of a
    layer; or one after the other, so that it is their sum."""
    otherwise: Full
    operations: dict[Kind, Share] = {}

    def peak(self, kind: str, precision: str) -> float:
        """Operations a second at best: of the precision on matrix units, of float32 for all else."""
        peaks: Mapping[str, float] = dict(self.peak_tflops.items())
        return 1e12 * (peaks[precision] if kind in MATRIX or "float32" not in peaks else peaks["float32"])

    def rates(self, kind: Kind, precision: str) -> Rates:
        """What a kind of operation reaches at that precision, one that `peak_tflops` has."""
        share, other = self.operations.get(kind, Share()), self.otherwise
        memory = share.memory or other.memory
        weights = share.weights or (share.memory or other.weights or other.memory)
        overhead = other.overhead_us if share.overhead_us is None else share.overhead_us
        bandwidth = 1e9 * self.bandwidth_gb_per_s
        return Rates(
            compute=self.peak(kind, precision) * (share.compute or other.compute),
            memory=bandwidth * memory,
            weights=bandwidth * weights,
            fresh=bandwidth * (share.fresh or other.fresh or float("inf")),
            overhead=1e-6 * overhead,
        )
