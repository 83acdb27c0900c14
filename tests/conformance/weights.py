"""How an oracle gets the tensors a layer stores, and how it says that there is to be no such layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


class Refused(Exception):
    """An oracle raises this where torch would go on and the language does not (an image into `linear`)."""


class Weights(Mapping[str, Tensor]):
    """The tensors of a layer by name, with the shape the oracle says they have: `w("weight", out, features)`.

    Another shape than the layer's is a failure, and so is a tensor no oracle asks for. Where the layer was
    refused there is none, and zeros of the shape asked for are handed out.
    """

    def __init__(self, state: Mapping[str, Tensor] | None, **like: Any) -> None:
        self.state, self.like = state, like
        self.asked: set[str] = set()

    def __call__(self, name: str, *shape: int) -> Tensor:
        if self.state is None:
            return torch.zeros(shape, **self.like)
        tensor = self[name]
        assert tuple(tensor.shape) == shape, f"{name} is {tuple(tensor.shape)}, and should be {shape}"
        return tensor

    def __getitem__(self, name: str) -> Tensor:
        self.asked.add(name)
        state = self.state or {}
        assert name in state, f"there is no '{name}', only {sorted(state)}"
        return state[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.state or {})

    def __len__(self) -> int:
        return len(self.state or {})
