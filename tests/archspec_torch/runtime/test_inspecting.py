"""Pictures of networks whose weights are set by hand, so that what they must show is known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional

from archspec.cli import main
from archspec.errors import SpecError
from archspec_torch.runtime import train
from archspec_torch.runtime.inspecting import inspect
from archspec_torch.runtime.inspecting.ascent import maximised
from archspec_torch.runtime.inspecting.looking import feature_maps, filters, strongest
from archspec_torch.runtime.inspecting.network import open_network

SPEC = """archspec: 1
name: edges
input: [1, 8, 8]
layers: [conv: {out: 2, kernel: 3, padding: 1}, relu, flatten, linear: 10]
"""
KERNEL = torch.tensor([[-1.0, 0, 1]] * 3)


@pytest.fixture(scope="module")
def rundir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One epoch of digits; then unit 0 of the convolution finds vertical edges, and unit 1 horizontal ones."""
    folder = tmp_path_factory.mktemp("inspected")
    (folder / "edges.yaml").write_text(SPEC)
    run = {"model": str(folder / "edges.yaml"), "data": "digits", "train": {"epochs": 1, "device": "cpu"}}
    train(run, folder / "run", quiet=True)
    path = folder / "run" / "best.safetensors"
    weights = load_file(path)
    weights["conv1.weight"], weights["conv1.bias"] = torch.stack([KERNEL, KERNEL.T])[:, None], torch.zeros(2)
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, path)
    return folder / "run"


def test_filters_are_the_weights_of_the_first_layer(rundir: Path) -> None:
    vertical, horizontal = filters(open_network(rundir, "best", "cpu"))
    assert vertical.tolist() == [[[0, 128, 255]] * 3]  # −1, 0, 1 stretched over 0 … 255
    assert torch.equal(horizontal, vertical.mT)


def test_feature_maps_are_what_torch_computes(rundir: Path) -> None:
    opened = open_network(rundir, "best", "cpu")
    image = torch.zeros(1, 8, 8, dtype=torch.uint8)
    image[:, :, 4:] = 200
    maps = feature_maps(opened, "conv1", image)  # the ReLU behind writes over them
    expected = functional.conv2d(opened.normalize(image[None]), KERNEL[None, None], padding=1)[0, 0]
    low, high = expected.min(), expected.max()
    assert torch.equal(maps[0][0], ((expected - low) / (high - low) * 255).round().to(torch.uint8))


def test_the_strongest_patch_is_that_of_the_greatest_cell(rundir: Path) -> None:
    opened = open_network(rundir, "best", "cpu")
    found = strongest(opened, "conv1", 0, "val", 3)
    values = [value for _, value in found]
    assert values == sorted(values, reverse=True)
    whole = [(patch, value) for patch, value in found if patch.shape == (1, 3, 3)]
    assert whole
    for patch, value in whole:
        assert value == pytest.approx(float((opened.normalize(patch[None])[0, 0] * KERNEL).sum()), abs=1e-4)


def test_maximisation_excites_its_unit_more_than_any_image_of_the_split(rundir: Path) -> None:
    opened = open_network(rundir, "best", "cpu")
    made = maximised(opened, "linear1", 3, steps=60)
    with torch.inference_mode():
        excited = float(opened.model(made[None])[0, 3])
    assert excited > strongest(opened, "linear1", 3, "val", 1)[0][1]
    assert torch.equal(made, maximised(opened, "linear1", 3, steps=60))


def test_pictures_are_written(rundir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(numpy.eye(8, dtype=numpy.uint8) * 255).save(tmp_path / "x.png")
    options = ["--layer", "conv1", "--unit", "1", "--image", str(tmp_path / "x.png"), "--steps", "2"]
    assert main(["inspect", str(rundir), *options, "-o", str(tmp_path / "out")]) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [p.name for p in written] == [
        "filters.png",
        "maps-conv1.png",
        "patches-conv1-1.png",
        "maximised-conv1-1.png",
    ]
    assert all(max(Image.open(path).size) >= 600 for path in written)
    spec, weights = str(rundir / "spec.yaml"), str(rundir / "best.safetensors")
    assert [path.name for path in inspect(spec, tmp_path / "spec", weights)] == ["filters.png"]


def test_data_that_changed_are_told(rundir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "run"
    shutil.copytree(rundir, copy)
    split = json.loads((copy / "split.json").read_text())
    split["val"]["labels"][0] += 1
    (copy / "split.json").write_text(json.dumps(split))
    options = ["--layer", "conv1", "--unit", "1", "--steps", "1", "-o", str(tmp_path / "out")]
    assert main(["inspect", str(copy), *options]) == 0
    assert "warning W657: the data is not what the run was trained on: 1 has another label" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"layer": "conv1", "unit": 2}, "E720"),
        ({"unit": 0}, "E721"),
        ({"layer": "conv9"}, "E583"),
        ({"layer": "conv1", "image": "none.png"}, "E624"),
        ({"layer": "conv1", "unit": 0, "split": "vall"}, "E627"),
        ({"weights": "none.safetensors"}, "E701"),
    ],
)
def test_what_is_not_there_is_told(options: dict[str, object], code: str, rundir: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as raised:
        inspect(rundir, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert [d.code for d in raised.value.diagnostics] == [code]


def test_a_file_in_place_of_the_folder_is_told(
    rundir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "afile").write_text("")
    assert main(["inspect", str(rundir), "-o", str(tmp_path / "afile")]) == 1
    assert f"error E505: the folder '{tmp_path / 'afile'}' cannot be made: it is a file" in capsys.readouterr().err
