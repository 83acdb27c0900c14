"""Networks of fixed kernels: the lecture's numbers, arithmetic by slices, torchvision's blur."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
gaussian_blur = pytest.importorskip("torchvision.transforms.v2.functional").gaussian_blur

from PIL import Image  # noqa: E402
from torch import Tensor  # noqa: E402

import archspec  # noqa: E402
from archspec import source, zoo  # noqa: E402
from archspec.render.table import table  # noqa: E402
from archspec.source import to_plain  # noqa: E402

FIXED = ["blur", "blur_gaussian", "blur_gaussian_5", "edge", "edge_horizontal", "edge_outline", "scharr", "sharpen",
         "sobel"]  # fmt: skip

# From left to right and from top to bottom, as written in the lecture (vertical edges, Sobel, Scharr) and in
# textbooks of image processing; whole numbers, and what they are divided by.
KERNELS = {
    "identity_kernel": ([[0, 0, 0], [0, 1, 0], [0, 0, 0]], 1),
    "vertical_edge": ([[1, 0, -1], [1, 0, -1], [1, 0, -1]], 1),
    "horizontal_edge": ([[1, 1, 1], [0, 0, 0], [-1, -1, -1]], 1),
    "outline": ([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 1),
    "sobel_x": ([[1, 0, -1], [2, 0, -2], [1, 0, -1]], 1),
    "sobel_y": ([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], 1),
    "scharr_x": ([[3, 0, -3], [10, 0, -10], [3, 0, -3]], 1),
    "scharr_y": ([[3, 10, 3], [0, 0, 0], [-3, -10, -3]], 1),
    "box_blur": ([[1] * 3] * 3, 9),
    "gaussian_blur": ([[math.comb(2, i) * math.comb(2, j) for j in range(3)] for i in range(3)], 16),
    "gaussian_blur_5": ([[math.comb(4, i) * math.comb(4, j) for j in range(5)] for i in range(5)], 256),
    "sharpen": ([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 1),
}


def run(name: str, image: Tensor) -> Tensor:
    """A network of the zoo on one image (C, H, W)."""
    graph = archspec.load(name, input=list(image.shape))
    with torch.inference_mode():
        found: Tensor = archspec.compile(graph).eval()(image[None])[0]
    return found


@pytest.fixture(scope="module")
def picture() -> Tensor:
    """An image of random colours, 3×20×31."""
    return torch.rand(3, 20, 31, generator=torch.Generator().manual_seed(0))


def halves(left: float, right: float) -> Tensor:
    """The lecture's 6×6 image of two flat halves."""
    return torch.tensor([[left] * 3 + [right] * 3] * 6, dtype=torch.float32)[None]


# what the lecture prints


def test_a_vertical_edge_answers_30_where_bright_meets_dark() -> None:
    assert run("edge", halves(10, 0)).tolist() == [[[0, 30, 30, 0]] * 4]


def test_dark_to_bright_answers_with_the_other_sign() -> None:
    assert run("edge", halves(0, 10)).tolist() == [[[0, -30, -30, 0]] * 4]


def test_a_horizontal_edge_of_four_quarters() -> None:
    rows = [[10] * 3 + [0] * 3] * 3 + [[0] * 3 + [10] * 3] * 3
    answer = run("edge_horizontal", torch.tensor(rows, dtype=torch.float32)[None])
    assert answer.tolist() == [[[0] * 4, [30, 10, -10, -30], [30, 10, -10, -30], [0] * 4]]


def test_the_worked_example_of_a_convolution() -> None:
    image = [[3, 0, 1, 2, 7, 4], [1, 5, 8, 9, 3, 1], [2, 7, 2, 5, 1, 3],
             [0, 1, 3, 1, 7, 8], [4, 2, 1, 6, 2, 8], [2, 4, 5, 2, 3, 9]]  # fmt: skip
    answer = run("edge", torch.tensor(image, dtype=torch.float32)[None])
    assert answer.tolist() == [[[-5, -4, 0, 8], [-10, -2, 2, 3], [0, -2, -4, -7], [-3, -2, -3, -16]]]


# what a person computes


def test_flat_images_have_no_edges_and_stay_as_they_are_when_blurred() -> None:
    flat = torch.full((3, 9, 9), 0.25)
    for name in ("sobel", "scharr"):
        torch.testing.assert_close(run(name, flat), torch.zeros(1, 7, 7), atol=1e-6, rtol=0)
    for name in ("blur", "blur_gaussian", "blur_gaussian_5", "sharpen"):
        torch.testing.assert_close(run(name, flat), flat)


@pytest.mark.parametrize(("name", "weights"), [("sobel", (1, 2, 1)), ("scharr", (3, 10, 3))])
def test_the_steepness_of_brightness_by_slices(name: str, weights: tuple[int, int, int], picture: Tensor) -> None:
    red, green, blue = picture.double().numpy()
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    a, b, c = weights
    rows, columns = y[:, :-2] - y[:, 2:], y[:-2] - y[2:]
    across = a * rows[:-2] + b * rows[1:-1] + c * rows[2:]
    down = a * columns[:, :-2] + b * columns[:, 1:-1] + c * columns[:, 2:]
    np.testing.assert_allclose(run(name, picture)[0].numpy(), np.hypot(across, down), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "weights"), [("sobel", (1, 2, 1)), ("scharr", (3, 10, 3))])
def test_the_answer_to_a_step_of_one(name: str, weights: tuple[int, int, int]) -> None:
    step, corner = torch.zeros(1, 6, 6), torch.zeros(1, 4, 4)
    step[..., 3:] = 1
    assert run(name, step).tolist() == [[[0, sum(weights), sum(weights), 0]] * 4]
    corner[..., 2:, 2:] = 1  # of the first window one pixel, at its corner: as much across as down
    assert run(name, corner)[0, 0, 0].item() == pytest.approx(math.sqrt(2) * weights[0])


def run_kernel(block: str, image: Tensor) -> Tensor:
    numbers, divisor = KERNELS[block]
    weight = torch.tensor(numbers, dtype=torch.float32) / divisor
    return torch.stack([torch.nn.functional.conv2d(c[None, None], weight[None, None])[0, 0] for c in image])


def test_gaussian_blur_is_torchvisions(picture: Tensor) -> None:
    # e^(−1/2σ²) = 1/2 makes a Gaussian of three taps 1 2 1
    expected = gaussian_blur(picture, [3, 3], [1 / math.sqrt(2 * math.log(2))] * 2)
    torch.testing.assert_close(run("blur_gaussian", picture), expected)


def test_two_small_gaussians_are_a_large_one(picture: Tensor) -> None:
    twice = run("blur_gaussian", run("blur_gaussian", picture))
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(run("blur_gaussian_5", picture)[inner], twice[inner])


def test_box_blur_is_an_average_pool(picture: Tensor) -> None:
    around = torch.nn.functional.pad(picture[None], (1, 1, 1, 1), mode="reflect")
    torch.testing.assert_close(run("blur", picture), torch.nn.functional.avg_pool2d(around, 3, 1)[0])


def test_sharpening_is_the_image_and_its_difference_from_the_neighbours(picture: Tensor) -> None:
    x = picture
    neighbours = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:]
    inner = x[:, 1:-1, 1:-1]
    torch.testing.assert_close(run("sharpen", picture)[:, 1:-1, 1:-1], inner + (4 * inner - neighbours))


# the library


def test_every_kernel_of_the_library_has_the_numbers_of_the_books(
    write_spec: Callable[..., Path], picture: Tensor
) -> None:
    library = to_plain(source.read(zoo.directory() / "kernels.yaml"))
    assert isinstance(library, dict)
    assert set(library["blocks"]) == {*KERNELS, "brightness"}
    for name, (numbers, divisor) in KERNELS.items():
        path = write_spec(f"- {name}", "[3, 20, 31]", name=name, use="kernels")
        model = archspec.compile(path)
        (weight,) = model.state_dict().values()
        torch.testing.assert_close(weight[0, 0] * divisor, torch.tensor(numbers, dtype=torch.float32))
        with torch.inference_mode():
            torch.testing.assert_close(model(picture[None])[0], run_kernel(name, picture))


@pytest.mark.parametrize("name", FIXED)
def test_nothing_of_them_is_trained(name: str) -> None:
    summary = archspec.summarize(archspec.load(name))
    totals = summary.to_json()["totals"]
    assert totals["params"] > 0
    assert (totals["trainable_params"], totals["buffers"]) == (0, 0)
    for width in (60, 80, 120):  # where the mark stays, however narrow the column
        marked = [line for line in table(summary, width=width).splitlines() if "filter  " in line]
        assert marked and all("· frozen " in line for line in marked)
    assert f"– trainable, {totals['params']} frozen" in table(summary)
    assert not any(p.requires_grad for p in archspec.compile(name).parameters())


@pytest.mark.slow
def test_the_example_draws_a_photograph_and_a_file_of_ones_own(root: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.png"
    Image.new("L", (40, 30), 128).save(mine)
    for image, sheet in ([], tmp_path / "edges.png"), ([mine], tmp_path / "of_mine.png"):
        command = [sys.executable, root / "examples" / "fixed_kernels" / "edges.py", *image, "-o", sheet]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"wrote {sheet}\n", "")
        assert Image.open(sheet).size == (1200, 592)
