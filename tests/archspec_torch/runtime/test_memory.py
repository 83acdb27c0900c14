"""What is said when the device has no room: nothing here has a GPU, so torch's own error is raised by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import archspec_torch.runtime.train  # noqa: E402, F401
from archspec import SpecError, train  # noqa: E402


def test_a_batch_that_does_not_fit_says_which_key_to_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(sys.modules["archspec_torch.runtime.train"], "train_epoch", full)
    run = tmp_path / "run.yaml"
    run.write_text("model: mlp\ntrain: {epochs: 1, batch: 512, device: cpu}\n")
    with pytest.raises(SpecError) as raised:
        train(run, out=tmp_path / "out")
    (found,) = raised.value.diagnostics
    assert found.code == "E651" and "512 images at once" in found.message
    assert found.span is not None and (found.span.line, found.span.column) == (2, 27)
    assert found.hint == "a smaller train.batch needs less; a greater train.accumulate makes up for it"
