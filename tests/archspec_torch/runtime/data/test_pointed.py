"""Tables of points: what is told of them, which of them are seen, and which change places in mirrored images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

import archspec  # noqa: E402
from archspec.cli import main  # noqa: E402
from archspec.errors import Diagnostic  # noqa: E402
from archspec.run import load_run  # noqa: E402
from archspec_torch.runtime.data import Draws, open_source  # noqa: E402
from archspec_torch.runtime.images import Frame  # noqa: E402
from archspec_torch.runtime.train import prepare  # noqa: E402

NET = (
    "archspec: 1\nname: net\ntask: regress\ninput: [1, 16, 16]\nvars: {points: 2}\nlayers:\n  - flatten\n"
    "  - linear: 2 * $points\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images of 32×16 with points at 4, 6 and 24, 10, and a network for two points."""
    for i in range(12):
        Image.fromarray(np.full((16, 32), 9 * i, np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "net.yaml").write_text(NET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(names: str = "left right", **lines: str) -> None:
    """points.csv; `lines` replaces those of images, as i7="7.png,1,2,3,4"."""
    one, other = names.split()
    rows = [lines.get(f"i{i}", f"{i}.png,4,6,24,10") for i in range(12)]
    Path("points.csv").write_text("\n".join([f"path,{one} x,{one} y,{other} x,{other} y", *rows]))


def run_file(data: str = "", augment: str = "[]", loss: str = "landmarks") -> None:
    Path("run.yaml").write_text(
        f"model: net.yaml\ndata: {{kind: points, file: points.csv{data}}}\naugment: {augment}\n"
        f"train: {{epochs: 1, device: cpu, loss: {loss}}}\n"
    )


def loaded(fit: str = "stretch") -> tuple[dict[str, torch.Tensor], list[Diagnostic]]:
    """Points in a frame of 16×16 by image, and what was told."""
    section = {"kind": "points", "file": "points.csv", "fit": fit}
    read = load_run({"model": "net.yaml", "data": section})
    source = open_source(read.run.data, lambda *keys: read.span("data", *keys))
    told: list[Diagnostic] = []
    found = {}
    for split in source.sizes:
        examples = source.load(split, Frame(1, 16, 16, fit), told.append)
        found |= dict(zip(examples.names, examples.labels, strict=True))
    return found, told


def test_a_point_outside_its_image_is_told_with_its_line_and_not_seen(folder: Path) -> None:
    """Half of the width: 4, 6 becomes 2, 6. The image's own edge is within it."""
    table(i3="3.png,4,6,-50,200", i5="5.png,0,0,32,16", i6="6.png,4,17,33,6")
    found, told = loaded()
    assert found["0.png"].tolist() == [[2, 6, 1], [12, 10, 1]]
    assert found["3.png"][:, 2].tolist() == [1, 0]
    assert found["5.png"].tolist() == [[0, 0, 1], [16, 16, 1]]
    assert found["6.png"][:, 2].tolist() == [0, 0]
    assert {(d.code, d.span.line if d.span else 0, d.message) for d in told} == {
        ("W626", 5, "'right' (-50, 200) lies outside of 3.png, 32×16: not seen"),
        ("W626", 8, "'left' (4, 17), 'right' (33, 6) lie outside of 6.png, 32×16: not seen"),
    }


def test_a_point_that_the_frame_cuts_off_is_not_seen(folder: Path) -> None:
    """The middle 16 columns are shown: those from 8 to 24, whose last edge is the second point's."""
    table(i1="1.png,9,6,24.5,10")
    found, told = loaded("crop")
    assert found["0.png"].tolist() == [[-4, 6, 0], [16, 10, 1]]
    assert found["1.png"].tolist() == [[1, 6, 1], [16.5, 10, 0]]
    assert told == []


def test_strict_begins_with_no_point_outside(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(i3="3.png,4,6,-50,200")
    run_file(", strict: true")
    assert main(["train", "run.yaml", "--out", "run"]) == 1
    assert (
        "error E633: one thing of the data cannot be used: 'right' (-50, 200) lies outside" in capsys.readouterr().err
    )
    run_file()
    assert main(["train", "run.yaml", "--out", "run"]) == 0
    assert "'right' (-50, 200) lies outside of 3.png" in Path("run/left_out.txt").read_text()


def test_an_image_stands_in_one_line(folder: Path) -> None:
    table(i4="./3.png,5,5,6,6")
    with pytest.raises(archspec.SpecError) as caught:
        loaded()
    (d,) = caught.value.diagnostics
    assert d.code == "E631" and d.message == "'./3.png' is in line 5 already"
    assert d.span is not None and d.span.line == 6


@pytest.mark.parametrize(
    ("names", "data", "told"),
    [
        ("left right", "", None),
        ("eye_l EyeR", "", None),
        ("p1 p2", "", "no two of the points p1 and p2 are left and right by their names"),
        ("left nose", "", "left has no point of the other side to change places with"),
        ("p1 p2", ", pairs: [[p1, p2]]", None),
        ("p1 p2", ", pairs: []", None),
        ("1 2", ", pairs: [[1, 2]]", None),
    ],
)
def test_points_that_a_mirror_does_not_exchange_are_told(
    names: str, data: str, told: str | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(names)
    run_file(data, "[mirror]")
    assert main(["data", "check", "run.yaml"]) == 0
    err = capsys.readouterr().err
    assert ("warning W659" in err) == (told is not None) and (told or "") in err
    assert main(["data", "check", "run.yaml", "--set", "augment=[]"]) == 0
    assert "W659" not in capsys.readouterr().err


def test_training_says_what_changes_places(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table("p1 p2")
    run_file(augment="[mirror]")
    assert main(["train", "run.yaml", "--out", "a"]) == 0
    told = capsys.readouterr()
    assert "warning W659: no two of the points p1 and p2" in told.out + told.err
    assert "points: 8 train, 2 val, 2 test; 2 points" in told.out + told.err
    assert "in mirrored images no points change places" in told.out + told.err
    main(["doctor", "run.yaml"])
    assert "doubt  sides" in capsys.readouterr().out
    run_file(", pairs: [[p2, p1]]", "[mirror]")
    assert main(["train", "run.yaml", "--out", "b"]) == 0
    told = capsys.readouterr()
    assert "in mirrored images p1 and p2 change places" in told.out + told.err and "W659" not in told.out + told.err
    assert main(["evaluate", "a", "--tta", "mirror"]) == 0
    assert "warning W659" in capsys.readouterr().err
    assert main(["evaluate", "b", "--tta", "mirror"]) == main(["evaluate", "a"]) == 0
    assert "W659" not in capsys.readouterr().err


def test_pairs_move_with_the_image(folder: Path) -> None:
    """Mirrored, a width of 16: 2 becomes 14 and 12 becomes 4, each under the name of the other."""
    table("p1 p2")
    run_file(", pairs: [[p1, p2]]", "[{mirror: {p: 1}}]")
    examples = prepare(load_run("run.yaml")).train
    ((_, points),) = examples.batches([torch.tensor([0])], torch.device("cpu"), 0, Draws(0, 0))
    assert points[0].tolist() == [[4, 10, 1], [14, 6, 1]]


@pytest.mark.parametrize(
    ("pairs", "code", "said"),
    [
        ("[[left]]", "E603", "pairs must be a list of pairs of names, as in [[p1, p17], [p2, p16]]"),
        ("[left, right]", "E603", "pairs must be a list of pairs of names"),
        ("[[left, right], [nose, left]]", "E603", "'left' stands twice in pairs"),
        ("[[left, rigth]]", "E631", "pairs: points.csv has no point 'rigth'"),
    ],
)
def test_pairs_that_are_none_are_told(
    pairs: str, code: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table()
    run_file(f", pairs: {pairs}")
    assert main(["train", "run.yaml", "--out", "run"]) == 1
    err = capsys.readouterr().err
    assert f"run.yaml:2:47: error {code}: " in err and said in err
    assert not Path("run").exists()


@pytest.mark.parametrize("between", ["[left]", "[left, left]", "[left, right, left]", "left"])
def test_a_length_is_between_two_points(between: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table()
    run_file(loss=f"{{kind: landmarks, between: {between}}}")
    assert main(["train", "run.yaml", "--out", "run"]) == 1
    err = capsys.readouterr().err
    assert err.count("error") == 1 and "error E603: between must be the names of two different points, not " in err
    assert not Path("run").exists()


def test_a_length_that_no_image_has_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loss = "{kind: landmarks, between: [left, right]}"
    table(**{f"i{i}": f"{i}.png,4,6,," for i in range(12)})
    run_file(loss=loss)
    assert main(["train", "run.yaml", "--out", "run"]) == 1
    assert "error E657: no image of 'val' shows both 'left' and 'right'" in capsys.readouterr().err
    assert not Path("run").exists()
    table(**{f"i{i}": f"{i}.png,4,6,," for i in range(0, 12, 2)})
    val = [str(i) for i in (1, 2, 4)]
    Path("val.txt").write_text("\n".join(f"{i}.png" for i in val))
    run_file(", split: {val_list: val.txt}", loss=loss)
    assert main(["train", "run.yaml", "--out", "run"]) == 0
    told = capsys.readouterr()
    assert "2 of 3 images of val do not show both 'left' and 'right', and are not measured" in told.out + told.err
