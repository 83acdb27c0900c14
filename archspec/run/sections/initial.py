"""`train.init`: what weights begin with, where that is not for the spec to say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from archspec.run.sections.base import Section

InitValue = str | dict[str, float]
"""As the argument `init` of a layer has it: see `archspec.ops.arguments.Init`."""


class Initial(Section):
    """What all have but `spec`: `layers`, patterns of layers' names; unwritten, all whose `init` a spec could say."""

    layers: list[str] = []

    @property
    def argument(self) -> InitValue:
        """The argument `init` that these layers get."""
        raise NotImplementedError


class AsWritten(Section):
    """As the spec says, layer by layer."""

    kind: Literal["spec"] = "spec"


class He(Initial):
    """Of variance 2 / fan_in, normal or uniform: for ReLU (He et al., 2015)."""

    kind: Literal["he"] = "he"
    distribution: Literal["normal", "uniform"] = "normal"

    @property
    def argument(self) -> InitValue:
        return "he" if self.distribution == "normal" else "he_uniform"


class Xavier(Initial):
    """Of variance 2 / (fan_in + fan_out), normal or uniform (Glorot and Bengio, 2010)."""

    kind: Literal["xavier"] = "xavier"
    distribution: Literal["normal", "uniform"] = "uniform"

    @property
    def argument(self) -> InitValue:
        return "xavier" if self.distribution == "uniform" else "xavier_normal"


class Normal(Initial):
    """Normal around 0 with the standard deviation `std`."""

    kind: Literal["normal"] = "normal"
    std: Annotated[float, Field(ge=0)] = 0.01

    @property
    def argument(self) -> InitValue:
        return {"normal": self.std}


class SetTo(Initial):
    """All the same number."""

    kind: Literal["constant"] = "constant"
    value: float = 0.0

    @property
    def argument(self) -> InitValue:
        return {"constant": self.value}


Init = AsWritten | He | Xavier | Normal | SetTo
