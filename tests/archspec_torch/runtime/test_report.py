"""The page that a training leaves, and the one that `archspec report` writes anew."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from archspec.cli import main
from archspec_torch.runtime import evaluate, train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    described = {"model": "lenet5", "train": {"epochs": 2, "device": "cpu"}}
    return train(described, tmp_path_factory.mktemp("runs") / "a", quiet=True).dir


def inside(path: Path) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script', path.read_text("utf-8"), re.S)
    assert found
    return json.loads(found[1])["run"]  # type: ignore[no-any-return]


def test_the_page_has_the_figures_of_the_run(run: Path) -> None:
    found = inside(run / "report.html")
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert found["records"] == records
    assert found["evaluation"] == json.loads((run / "test.json").read_text())


def test_written_anew_it_is_the_same(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), "--device", "cpu", "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text("utf-8") == (run / "report.html").read_text("utf-8")
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"


def test_the_gallery_shows_the_images_of_the_mistakes(run: Path) -> None:
    gallery = inside(run / "report.html")["gallery"]
    found = evaluate(run, device="cpu")
    assert found.answers is not None
    assert [one["example"] for one in gallery] == [one.example for one in found.metrics.mistakes]
    shown = Image.open(io.BytesIO(base64.b64decode(gallery[0]["image"].partition(",")[2])))
    pixels = found.answers.examples.images[gallery[0]["example"], 0]
    assert torch.equal(torch.from_numpy(numpy.array(shown)), pixels)


def test_a_network_s_page_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["report", "lenet5"])
    assert left.value.code == 2
    assert "-o FILE.html" in capsys.readouterr().err
