"""What the tests of plugins share: plugins written in the test itself, and a registry that is afterwards as before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archspec import SpecError
from archspec.lowering import LOWERINGS, own
from archspec.ops import REGISTRY
from archspec.ops.act import ACTIVATIONS
from archspec.plugins import registering, using

Told = list[tuple[str, str, int | None, str]]


@pytest.fixture(autouse=True)
def registry() -> Iterator[None]:
    """What a test loads is gone after it, and nothing else is."""

    def tables() -> list[dict[Any, Any]]:
        lowered = {key: function for key, function in LOWERINGS.items() if not own(key[1])}
        return [dict(REGISTRY), dict(registering.PLACES), lowered]

    before, activations = tables(), list(ACTIVATIONS)
    with using([]):
        yield
    assert tables() == before
    assert activations == ACTIVATIONS


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., Path]:
    """Writes a plugin: `plugin(text)`, `plugin(text, "name.py")`."""

    def write(text: str, name: str = "mine.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def told() -> Callable[[Callable[[], object]], Told]:
    """Code, file, line and message of each diagnostic of what is refused: `told(lambda: load_plugin(path))`."""

    def refused(call: Callable[[], object]) -> Told:
        with pytest.raises(SpecError) as caught:
            call()
        return [
            (d.code, Path(d.span.file).name if d.span else "", d.span.line if d.span else None, d.message)
            for d in caught.value.diagnostics
        ]

    return refused
