"""Objects in files: boxes in pixels of the image, problems told, nothing lost and nothing written over."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import archspec  # noqa: E402
from archspec import SpecError  # noqa: E402
from archspec.cli import main  # noqa: E402
from archspec_torch.compiler import Network  # noqa: E402
from archspec_torch.runtime.detecting import Times  # noqa: E402
from archspec_torch.runtime.detecting.names import COCO, UNUSED, known  # noqa: E402

Picture = Callable[..., Path]
YELLOW, PINK = (255, 255, 0), (255, 0, 255)


def rounded(one: Any) -> list[tuple[str, list[int]]]:
    return sorted((thing.label, [round(v) for v in thing.box]) for thing in one.objects)


def test_boxes_are_in_pixels_of_the_image(squares: dict[str, Any], picture: Picture) -> None:
    """128×96 stretched to 64×64: a cell is 32×24 pixels of the image. σ(10)² is the score of pure colours."""
    path = picture("a.png", (128, 96), {(32, 24, 64, 48): YELLOW, (96, 72, 128, 96): PINK})
    found = archspec.detect(images=[path], **squares)
    (one,) = found.images
    assert rounded(one) == [("pink", [96, 72, 128, 96]), ("yellow", [32, 24, 64, 48])]
    assert [thing.number for thing in one.objects] == [1, 0]
    assert (one.width, one.height, one.frame) == (128, 96, None)
    sure = (1 / (1 + math.exp(-10))) ** 2
    assert one.objects[0].score == pytest.approx(sure, rel=1e-3)
    assert str(one) == f"{path}  pink ×1 (1.00), yellow ×1 (1.00)"


@pytest.mark.parametrize(
    ("fit", "wanted"),
    [
        # 128×64 by half into 64×32, with 16 black rows above and below: the image's first 32×32 are the cell of row 1
        ("letterbox", [0, 0, 32, 32]),
        # its middle 64×64 are what is seen: the cell 0, 0 begins 32 pixels from the left
        ("crop", [32, 0, 48, 16]),
    ],
)
def test_the_fit_is_undone(squares: dict[str, Any], picture: Picture, fit: str, wanted: list[int]) -> None:
    box = tuple(wanted)
    path = picture("a.png", (128, 64), {box: YELLOW})
    (one,) = archspec.detect(images=[path], **{**squares, "fit": fit}).images
    assert rounded(one) == [("yellow", wanted)]


def test_what_is_told_of_the_border_ends_with_the_image(squares: dict[str, Any], tmp_path: Path) -> None:
    """64×40 letterboxed: 12 rows above it. The box of the first row of cells that it touches begins above the image."""
    image = Image.new("RGB", (64, 40), YELLOW)
    (one,) = archspec.detect(images=[image], **{**squares, "fit": "letterbox"}, score=1e-5, iou=1.0, keep=100).images
    tops = {round(thing.box[1]) for thing in one.objects}
    assert tops == {0, 4, 20, 36} and all(thing.box[3] <= 40 for thing in one.objects)


@pytest.mark.slow
def test_ssd_gives_what_torchvision_gives_end_to_end(tmp_path: Path) -> None:
    """The same file of weights, the same image, each by its own code: boxes, scores, classes, and their order."""
    from torchvision.models.detection import ssd300_vgg16

    torch.manual_seed(0)
    theirs = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=21).eval()
    torch.save(theirs.state_dict(), tmp_path / "ssd.pth")
    noise = np.random.default_rng(0).integers(-12, 13, (300, 300, 3))
    pixels = (np.array([123, 117, 104]) + noise).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    with torch.inference_mode():
        expected = theirs([torch.from_numpy(pixels).permute(2, 0, 1) / 255])[0]
    how = {"mean": (0.48235, 0.45882, 0.40784), "std": (1 / 255,), "classes": "voc", "score": None, "device": "cpu"}
    ours = archspec.detect(
        "ssd300_vgg16@voc", [tmp_path / "noise.png"], weights=str(tmp_path / "ssd.pth"), map="torchvision", **how
    )
    things = ours.images[0].objects
    assert len(things) == 200
    torch.testing.assert_close(torch.tensor([t.box for t in things]), expected["boxes"], rtol=0, atol=1e-3)
    torch.testing.assert_close(torch.tensor([t.score for t in things]), expected["scores"], rtol=0, atol=1e-5)
    assert [t.number for t in things] == (expected["labels"] - 1).tolist()


def test_a_damaged_image_is_told_and_left_out(
    squares: dict[str, Any], picture: Picture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture("in/a.png", (64, 64), {(0, 0, 16, 16): YELLOW})
    picture("in/deep/b.jpg", (64, 64), {(16, 0, 32, 16): PINK})
    (tmp_path / "in" / "bad.png").write_bytes(b"no image")
    (tmp_path / "in" / "notes.txt").write_text("no image, and not called as one")
    said = [f"--{name}={squares[name]}" for name in ("weights", "device")]
    said += ["--mean=0", "--std=1", "--classes=yellow,pink"]
    status = main(["detect", str(squares["target"]), str(tmp_path / "in"), "-o", str(tmp_path / "out"), *said])
    out, err = capsys.readouterr()
    assert status == 1 and "error E624" in err and "bad.png is not an image" in err
    assert "yellow ×1 (1.00)" in out and "2 images, 1 left out, 2 objects, cpu" in out
    assert sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")) == [
        "a.png",
        "deep/b.jpg",
    ]
    drawn = np.asarray(Image.open(tmp_path / "out" / "a.png").convert("RGB"))
    assert drawn.shape == (64, 64, 3) and (drawn[40:] == 0).all() and len(np.unique(drawn.reshape(-1, 3), axis=0)) > 3


def test_frames_of_an_animation_are_looked_at_one_by_one(squares: dict[str, Any], tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 64)) for _ in range(3)]
    for number, frame in enumerate(frames):
        frame.paste(PINK, (16 * number, 16, 16 * number + 16, 32))
    frames[0].save(tmp_path / "clip.gif", save_all=True, append_images=frames[1:])
    found = archspec.detect(images=[tmp_path / "clip.gif"], out=tmp_path / "out", **squares)
    assert [one.frame for one in found.images] == [0, 1, 2]
    assert [rounded(one) for one in found.images] == [[("pink", [16 * n, 16, 16 * n + 16, 32])] for n in range(3)]
    assert [one.name for one in found.images] == [(tmp_path / f"clip-{n:06}").as_posix() for n in range(3)]
    assert sorted(p.name for p in (tmp_path / "out" / "clip").iterdir()) == [f"{n:06}.jpg" for n in range(3)]


def test_frames_of_a_video(squares: dict[str, Any], tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="videos are read by the package av")
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(4):
            pixels = np.zeros((64, 64, 3), np.uint8)
            pixels[:16, 16 * number : 16 * number + 16] = YELLOW
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    (tmp_path / "no.mp4").write_bytes(bytes(range(256)) * 9)
    found = archspec.detect(images=[tmp_path / "clip.mp4", tmp_path / "no.mp4"], **squares)
    assert [rounded(one) for one in found.images[:4]] == [[("yellow", [16 * n, 0, 16 * n + 16, 16])] for n in range(4)]
    assert found.images[-1].problem is not None and "no.mp4 is damaged" in found.images[-1].problem.message


def test_without_a_decoder_a_video_is_refused_before_anything_is_done(
    squares: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(SpecError, match=r"E736.*'av'"):
        archspec.detect(images=[tmp_path / "clip.mp4"], out=tmp_path / "out", **squares)
    assert not (tmp_path / "out").exists()


def test_each_file_once_and_no_two_pictures_of_one_name(
    squares: dict[str, Any], picture: Picture, tmp_path: Path
) -> None:
    a, b = picture("x/a.png", (64, 64), {}), picture("y/a.jpg", (64, 64), {})
    picture("x/.hidden.png", (64, 64), {})
    given = [tmp_path / "x", a, b, str(tmp_path / "*" / "*.png")]
    found = archspec.detect(images=given, out=tmp_path / "out", **squares)
    assert [one.image for one in found.images] == [str(a), str(b)]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a.png", "a-2.jpg"}


def test_after_ctrl_c_what_was_found_is_written(squares: dict[str, Any], picture: Picture, tmp_path: Path) -> None:
    paths = [picture(f"{n}.png", (64, 64), {(0, 0, 16, 16): YELLOW}) for n in range(5)]
    done = []

    def told(one: Any) -> None:
        done.append(one)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archspec.detect(images=paths, out=tmp_path / "out", format="json", batch=1, told=told, **squares)
    written = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert [Path(one["image"]).name for one in written["images"]] == ["0.png", "1.png", "2.png"]
    assert written["images"][0]["objects"][0]["box"] == [0, 0, 16, 16]
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == ["0.png", "1.png", "2.png"]


@pytest.mark.parametrize("options", [{}, {"tile": 64}], ids=["whole", "in tiles"])
def test_what_does_not_fit_into_memory_at_once(
    squares: dict[str, Any], picture: Picture, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image fits, two do not; then none does, which is told of each."""
    paths = [picture(f"{n}.png", (128, 64), {(0, 0, 32, 16): YELLOW}) for n in range(3)]
    wanted = [rounded(one) for one in archspec.detect(images=paths, **squares, **options).images]
    whole, most = Network.__call__, 1

    def narrow(network: Network, images: torch.Tensor) -> Any:
        if len(images) > most:
            raise MemoryError
        return whole(network, images)

    monkeypatch.setattr(Network, "__call__", narrow)
    found = archspec.detect(images=paths, **squares, **options)
    assert [rounded(one) for one in found.images] == wanted and all(wanted)
    most = 0
    for path, one in zip(paths, archspec.detect(images=paths, **squares, **options).images, strict=True):
        assert one.problem is not None and one.problem.code == "E624"
        assert one.problem.message == f"{path} is 64×64 pixels to the network, and its maps do not fit into memory"


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        (0, "0 images done; nothing is written\n"),
        (2, "2 images done; what was found is in {out}\n"),
    ],
)
def test_ctrl_c_is_told_as_it_was(
    squares: dict[str, Any],
    picture: Picture,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    before: int,
    wanted: str,
) -> None:
    paths = [str(picture(f"{n}.png", (64, 64), {(0, 0, 16, 16): YELLOW})) for n in range(3)]
    module = sys.modules["archspec_torch.runtime.detecting.detect"]
    called = module._whole

    def stopped(detector: Any, group: Any, seconds: Any) -> Any:
        if group[0].source.name == paths[before]:
            raise KeyboardInterrupt
        return called(detector, group, seconds)

    monkeypatch.setattr(module, "_whole", stopped)
    out = tmp_path / "out"
    said = ["--weights", squares["weights"], "--device", "cpu", "--batch", "1", "--format", "coco"]
    assert main(["detect", str(squares["target"]), *paths, "-o", str(out), *said]) != 0
    assert wanted.format(out=out) in capsys.readouterr().err
    assert (out / "coco.json").exists() == bool(before)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"score": 1.5}, "E739.*--score is a number from 0 to 1, not 1.5"),
        ({"keep": 0}, "E739.*1 or more, not 0"),
        ({"tile": 8}, "E739.*16 or more, not 8"),
        ({"batch": 0}, "E739.*--batch"),
        ({"tile": 32, "overlap": 1.0}, "E739.*below 1, not 1"),
        ({"mean": (0.1, 0.2)}, "E739.*--mean has 2 numbers, and images have 3 channels"),
        ({"std": (1.0, 0.0, 1.0)}, "E739.*--std is above 0"),
        ({"classes": "a,b,c"}, "E739.*names 3 classes, and the network tells 2"),
        ({"format": "yolo"}, "E738.*a folder of files"),
        ({"out": "."}, "E738.*is not empty"),
        ({"weights": "best"}, "E721.*has no weights to detect with"),
        ({"target": "lenet5"}, "E735.*'lenet5' finds no boxes"),
        ({"images": ["nothing*"]}, "E737.*no images match"),
        ({"images": []}, "E737.*no images to look at"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    squares: dict[str, Any], picture: Picture, tmp_path: Path, options: dict[str, Any], told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    images = [picture("a.png", (64, 64), {})]
    with pytest.raises(SpecError, match=f"(?s){told}"):
        archspec.detect(**{"images": images, **squares, **options})


def test_a_run_that_names_images_is_for_predict(tmp_path: Path, squares: dict[str, Any]) -> None:
    run = {"model": {"spec": "mlp", "input": [1, 8, 8]}, "train": {"epochs": 1}}
    archspec.train(run, tmp_path / "run")
    with pytest.raises(SpecError, match=r"(?s)E735.*archspec predict"):
        archspec.detect(tmp_path / "run", ["a.png"])
    with pytest.raises(SpecError, match=r"(?s)E739.*--classes and --fit|E739.*--fit and --classes"):
        archspec.detect(tmp_path / "run", ["a.png"], classes="a,b", fit="crop")


def test_times_leave_out_the_first_of_several_batches() -> None:
    times = Times()
    times.add(8, 8.0, 8.0, 8.0, 8.0)
    assert times.parts() == {"reading": 1000, "network": 1000, "decoding": 1000, "drawing": 1000}
    times.add(2, 0.01, 0.02, 0.004, 0.006)
    times.add(2, 0.01, 0.02, 0.004, 0.006)
    assert times.parts() == pytest.approx({"reading": 5, "network": 10, "decoding": 2, "drawing": 3})
    rates = times.to_json()["images_per_second"]
    assert rates == {"all": 50.0, "network_and_decoding": 83.3333}


def test_the_names_of_known_data_sets_are_torchvision_s() -> None:
    from torchvision.models._meta import _COCO_CATEGORIES, _VOC_CATEGORIES

    own = [name for name in _COCO_CATEGORIES[1:] if name != "N/A"]
    assert [*COCO] == own
    assert [n for n, name in enumerate(_COCO_CATEGORIES) if name == "N/A"] == [*UNUSED]
    ninety = known("coco", 90)
    assert ninety is not None and [n for n in ninety if not n.isdigit()] == own and ninety[11] == "12"
    assert known("voc", 20) is not None and sorted(known("voc", 20) or ()) == sorted(_VOC_CATEGORIES[1:])
    assert known("coco", 20) is None and known("cat", 80) is None


def test_a_run_detects_with_its_own_preprocessing_and_names(squares: dict[str, Any], tmp_path: Path) -> None:
    """The same network, its weights and `preprocessing.json` read by hand, on the image as torch has it."""
    from safetensors.torch import load_file

    torch.set_num_threads(1)
    spec = Path(squares["target"]).read_text().replace("[3, 64, 64]", "[1, 64, 64]").replace("5 + 2", "5 + 10")
    (tmp_path / "network.yaml").write_text(spec)
    data = {"kind": "scattered_digits", "train": 8, "val": 4, "test": 4}
    run = {"model": str(tmp_path / "network.yaml"), "data": data, "train": {"epochs": 1, "batch": 4, "device": "cpu"}}
    archspec.train(run, tmp_path / "run")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    (one,) = archspec.detect(tmp_path / "run", [tmp_path / "noise.png"], score=None, device="cpu").images

    stored = json.loads((tmp_path / "run" / "preprocessing.json").read_text())
    model = archspec.compile(tmp_path / "network.yaml").eval()
    model.load_state_dict(load_file(tmp_path / "run" / "best.safetensors"))
    image = (torch.from_numpy(pixels)[None, None] / 255 - stored["mean"][0]) / stored["std"][0]
    with torch.inference_mode():
        rows = model(image)["detections"][0]
    rows = rows[(rows[:, 5] >= 0) & (rows[:, 2:4] > rows[:, :2]).all(1)]
    assert len(rows) > 3
    torch.testing.assert_close(torch.tensor([thing.box for thing in one.objects]), rows[:, :4], rtol=0, atol=1e-3)
    assert [thing.label for thing in one.objects] == [stored["classes"][int(n)] for n in rows[:, 5].tolist()]
    with pytest.raises(SpecError, match="E614"):
        archspec.predict(tmp_path / "run", [tmp_path / "noise.png"])
