"""Whether the run to go on with is the same one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archspec.errors import SpecError
from archspec_torch.runtime.resume import check_same


def test_an_argument_that_an_operator_had_not_yet_is_no_difference() -> None:
    """Where it has its default: what a former release wrote can be gone on with."""
    layer = "Linear(out=10, bias=True, init='default') of flatten1"
    more = "Linear(out=10, bias=True, init='default', kernel={}) of flatten1"

    def kept(text: str, batch: int = 64) -> dict[str, Any]:
        network, data = {"layer 'linear1'": text}, {"classes": 10, "content": "x"}
        return {"run": {"train.batch": batch}, "network": network, "data": data, "sha256": f"{text}{batch}"}

    check_same(Path("out"), kept(layer), kept(more.format(None)))
    for now, told in (
        (kept(more.format(5)), "layer 'linear1': kernel was not there and is 5"),
        (kept(more.format(None), 32), "train.batch was 64 and is 32"),
        (kept(more.format(None).replace("=10", "=11")), "layer 'linear1': out was 10 and is 11"),
    ):
        with pytest.raises(SpecError, match="E652") as caught:
            check_same(Path("out"), kept(layer), now)
        assert told in str(caught.value)
