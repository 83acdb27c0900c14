"""Which device computes."""

from __future__ import annotations

import torch

from archspec.errors import Span, fail


def choose_device(name: str, span: Span | None = None) -> torch.device:
    """`auto` is the first of cuda, mps and cpu that is there; else the device named.

    Raises SpecError E612 for a device this machine or this build of torch does not have.
    """
    cuda, mps = (
        torch.cuda.device_count() if torch.cuda.is_available() else 0,
        torch.backends.mps.is_available(),
    )
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    there = [
        "cpu",
        *(["mps"] if mps else []),
        *(["cuda"] if cuda else []),
        *(f"cuda:{i}" for i in range(cuda)),
    ]
    if name not in there:
        raise fail("E612", f"there is no device '{name}' here", span, f"devices: auto, {', '.join(there)}")
    return torch.device(name)


def device_label(device: torch.device) -> str:
    """The device for people: `cuda (NVIDIA H200)`, `cpu (2 threads)`."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({torch.get_num_threads()} threads)"
    return str(device)


def wait(device: torch.device) -> None:
    """Until the device has done all that it was given: the clock may be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
