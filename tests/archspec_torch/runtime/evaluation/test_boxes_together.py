"""Boxes of several views or detectors as one: cases worked by hand from the papers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from archspec.run.sections import YOLO
from archspec_torch.runtime.evaluation.boxes.together import fused, moved, unflipped, voted
from archspec_torch.runtime.evaluation.scores import collect_scores
from archspec_torch.runtime.evaluation.views import WHOLE, passes
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.tasks.detect import Detect

NONE = [0.0, 0, 0, 0, 0, -1]


def told(*rows: list[float]) -> Tensor:
    return torch.tensor([[*rows]])


def test_boxes_that_mean_one_object_are_fused() -> None:
    """Two of three views tell a box, at 0.8 and 0.4: it lies at (2·first + second) / 3, and scores 0.6 · 2/3. One alone
    tells another box: a third of its score. Another class at the same place stays apart."""
    first = told([0, 0, 30, 30, 0.8, 0], [100, 0, 120, 30, 0.9, 1])
    second = told([3, 0, 30, 33, 0.4, 0], NONE)
    third = told([0, 0, 30, 30, 0.3, 2], NONE)
    found = fused([first, second, third])
    expected = told([0, 0, 0, 0, 0.4, 0], [100, 0, 120, 30, 0.3, 1])
    expected[0, 0, :4] = torch.tensor([1.0, 0, 30, 31])
    torch.testing.assert_close(found, expected)


def test_the_fused_box_is_what_the_next_is_compared_with() -> None:
    """Along a line, each box 25 wide and 4 from the one before: the second overlaps the first by 21/29, and the third
    the first by 17/33 = 0.515 alone, below 0.55; but the mean of the two at 2 by 19/31 = 0.61."""
    boxes = [told([x, 0, x + 25, 10, score, 0]) for x, score in ((0.0, 0.5), (4.0, 0.5), (8.0, 0.5))]
    found = fused(boxes)
    torch.testing.assert_close(found, told([4.0, 0, 29, 10, 0.5, 0]))
    apart = fused([boxes[0], boxes[2]])
    assert apart[0, 0, 4] == pytest.approx(0.25)  # one of two views each


def test_one_view_is_left_as_it_is() -> None:
    one = told([0, 0, 9, 9, 0.5, 0], NONE)
    assert fused([one]) is one
    nothing = told(NONE, NONE)
    assert torch.equal(fused([nothing, nothing]), nothing)
    assert torch.equal(voted([nothing, nothing]), nothing)


def test_box_voting() -> None:
    """The best box stays with its score, and moves to the mean of those that overlap it by half or more, weighed by
    their scores: x1 = (0.6 · 0 + 0.2 · 4) / 0.8. What it overlaps less stands alone."""
    found = voted([told([0, 0, 20, 20, 0.6, 0], [50, 0, 70, 20, 0.3, 0]), told([4, 0, 20, 20, 0.2, 0], NONE)])
    torch.testing.assert_close(found, told([1.0, 0, 20, 20, 0.6, 0], [50, 0, 70, 20, 0.3, 0]))


def test_only_boxes_of_its_class_have_a_vote() -> None:
    """The second box of class 0 overlaps the first by 18/22 and goes, but moves it: x1 = 0.3 · 2 / 0.9 and
    x2 = (0.6 · 20 + 0.3 · 22) / 0.9. What is told of class 1 at the same place stays, and moves nothing."""
    first = told([0, 0, 20, 20, 0.6, 0], [0, 0, 20, 24, 0.5, 1])
    found = voted([first, told([2, 0, 22, 20, 0.3, 0], NONE)])
    torch.testing.assert_close(found, told([2 / 3, 0, 62 / 3, 20, 0.6, 0], [0, 0, 20, 24, 0.5, 1]))


class Lit(torch.nn.Module):
    """Finds what is lit in an image, and always takes it to be two pixels wider to the right."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        found = []
        for image in images:
            rows, columns = (image[0] > 0.5).nonzero(as_tuple=True)
            box = [columns.min(), rows.min(), columns.max() + 3, rows.max() + 1]
            found.append([[*map(float, box), 0.8, 0.0]])
        return {"detections": torch.tensor(found)}


def test_an_image_and_its_mirror_image_are_two_views() -> None:
    """Lit from 10 to 20 of 40 columns: told as 10 to 22, and mirrored as 20 to 32, which are 8 to 20. The two overlap
    by 10/14, score the same, and make 9 to 21."""
    images = torch.zeros(1, 1, 20, 40)
    images[:, :, 5:15, 10:20] = 1
    task = Detect((), ("lit",), YOLO(), (20, 40))
    examples: Any = SimpleNamespace(labels=torch.zeros(1), batches=lambda *_: [(images, None)])
    (mirror,) = passes("mirror")
    alone, both = (
        collect_scores(Lit(), task, examples, cast(Any, lambda x: x), 1, 0, torch.device("cpu"), (20, 40), views)
        for views in (WHOLE, mirror)
    )
    torch.testing.assert_close(alone, told([10.0, 5, 22, 15, 0.8, 0]))
    torch.testing.assert_close(both, told([9.0, 5, 21, 15, 0.8, 0]))


def test_boxes_of_a_mirror_image_come_back() -> None:
    found = unflipped(told([10, 5, 30, 25, 0.5, 2], NONE), 100)
    assert found.tolist() == told([70, 5, 90, 25, 0.5, 2], NONE).tolist()


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_boxes_of_another_scale_come_back(fit: str) -> None:
    frame = Frame(3, 240, 320, fit)
    place = frame.placement(500, 333)
    box = torch.tensor([100.0, 50, 300, 250])
    now = torch.cat([place.to_frame(box), torch.tensor([0.5, 1])])[None, None]
    for one in passes("multi_scale")[1:]:
        other = one.frame(frame).placement(500, 333)
        before = torch.cat([other.to_frame(box), torch.tensor([0.5, 1])])[None, None]
        torch.testing.assert_close(moved(before, [other], [place]), now, rtol=0, atol=1e-4)


def test_other_scales_keep_the_pixels_of_maps_whole() -> None:
    sizes = [
        (one.frame(Frame(3, 240, 320)).height, one.frame(Frame(3, 240, 320)).width) for one in passes("multi_scale")
    ]
    assert sizes == [(240, 320), (208, 272), (272, 368)]
    assert [one.frame(Frame(3, 224, 224)).height for one in passes("multi_scale")] == [224, 192, 256]
