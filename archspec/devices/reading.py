"""Device files: found by name or path, read strictly, every error in its place; and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from archspec import source
from archspec.devices.model import KINDS, WIDTHS, Device, Section, Share
from archspec.errors import Diagnostic, SpecError, did_you_mean, fail, in_text_order
from archspec.source import Mapping


def directory() -> Path:
    """The folder of the shipped devices: beside the package in a checkout, inside it in a wheel."""
    here = Path(__file__).resolve().parent
    return here if next(here.glob("*.yaml"), None) else here.parents[1] / "devices"


def device_names() -> list[str]:
    """The devices that come with archspec."""
    return sorted(path.stem for path in directory().glob("*.yaml"))


def load_device(device: str | Path) -> Device:
    """The device of that name, or of that file.

    Raises SpecError, of all that is wrong at once: E560 for a name or file that is not there, E561 for an unknown
    key, E562 for a missing one, E563 for a wrong value.
    """
    path = _locate(device)
    value = source.read(path)
    if not isinstance(value, Mapping):
        raise fail("E563", "a device file is a mapping", value.span, f"its keys: {', '.join(Device.model_fields)}")
    try:
        return Device.model_validate(_with_floats(source.to_plain(value)))
    except ValidationError as error:
        found = [_explain(e, value) for e in error.errors()]
        raise SpecError(in_text_order(found)) from None


def written(device: Device, comment: str = "") -> str:
    """A device as a file says it, `comment` above it."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    return head + source.dump(device.model_dump(exclude_none=True))


def _locate(device: str | Path) -> Path:
    text = str(device)
    shipped = directory() / f"{text}.yaml"
    if "/" not in text and "\0" not in text and text in device_names():
        return shipped
    path = Path(text)
    if "\0" not in text and len(text) < 1_000 and (path.is_file() or path.suffix in (".yaml", ".yml")):
        if path.is_file():
            return path
        raise fail("E560", f"there is no device file '{path}'", hint="`archspec bench -o FILE.yaml` writes one")
    hint = f"{did_you_mean(text, device_names(), 'devices')} (`archspec bench -o FILE.yaml` measures this machine)"
    raise fail("E560", f"there is no device '{text}'", hint=hint)


def _with_floats(plain: Any) -> Any:
    """Whole numbers as the floats that most keys are; `threads` stays one, and true is no number."""
    if isinstance(plain, dict):
        return {key: item if key == "threads" else _with_floats(item) for key, item in plain.items()}
    return float(plain) if isinstance(plain, int) and not isinstance(plain, bool) else plain


def _explain(error: ErrorDetails, value: Mapping) -> Diagnostic:
    """What pydantic found, in the file's own terms and place."""
    loc = tuple(part for part in error["loc"] if part != "[key]")
    name = ".".join(map(str, loc))
    if error["type"] == "extra_forbidden" or error["loc"][-1] == "[key]":
        return Diagnostic("E561", f"a device file has no key '{name}'", source.at(value, loc, key=True), _known(loc))
    if error["type"] == "missing":
        return Diagnostic("E562", f"'{name}' is missing", source.at(value, loc), f"write {loc[-1]}: …")
    said = error["msg"].replace("Input should", f"'{name}' should").replace("String should", f"'{name}' should")
    input = error["input"]
    whole = isinstance(input, float) and input.is_integer()
    given = json.dumps(int(input) if whole else input, default=str, ensure_ascii=False)
    return Diagnostic("E563", f"{said[0].lower()}{said[1:]}, not {given}", source.at(value, loc))


def _known(loc: tuple[str | int, ...]) -> str:
    """The nearest key where that one stands."""
    if len(loc) == 2 and loc[0] in ("operations", "peak_tflops"):
        known = list(KINDS) if loc[0] == "operations" else list(WIDTHS)
    else:
        section: type[Section] = Device if len(loc) == 1 else Share  # `otherwise` has the keys of every other share
        known = list(section.model_fields)
    return did_you_mean(str(loc[-1]), known, "keys there")
