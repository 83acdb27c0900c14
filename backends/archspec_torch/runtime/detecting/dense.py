"""Objects found by a classifier or a localiser that is slid over images: its windows scored, placed and merged."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from archspec.analysis.windows import Windows
from archspec.errors import Diagnostic, fail
from archspec.loading import load
from archspec_torch.detection import regress
from archspec_torch.detection.windows import in_image, merged_groups
from archspec_torch.runtime.detecting.network import (
    Answer,
    Limits,
    Plain,
    check_file,
    is_run,
    loaded,
    preprocessing_of,
)
from archspec_torch.runtime.device import choose_device, wait
from archspec_torch.runtime.images import Frame
from archspec_torch.runtime.rundir import SPEC, open_run
from archspec_torch.runtime.sliding import Sliding, slid
from archspec_torch.runtime.tasks import Classify, Localise, class_count, task_of

MOST = 1000
"""Windows of an image that are merged, those that score best: merging takes the square of their number."""


class Slider:
    """Finds objects by the windows of a network that slides.

    Of a localiser a window tells its best class, the box of that, and the scores of all classes; boxes are merged
    whatever their class, and what was merged is of the class whose scores are most in all (Sermanet et al. 2014,
    arXiv:1312.6229, section 4.3). Of a classifier, which places nothing, windows are merged that tell one class: what
    is found there is the mean of the windows. The score is the sum of the probabilities of all windows that were
    merged, as in the paper: above 1 where several agree.
    """

    def __init__(self, sliding: Sliding, limits: Limits):
        self.sliding, self.preprocessing, self.device = sliding, sliding.preprocessing, sliding.device
        self.one_size = sliding.fixed is not None
        self.notes = sliding.graph.notes
        self.score = limits.score or 0.0
        self.keep = limits.keep

    def frame(self, width: int, height: int) -> Frame:
        return self.sliding.frame(width, height)

    def __call__(self, images: Tensor) -> Answer:
        begun = time.perf_counter()
        with torch.inference_mode():
            outputs, windows = self.sliding(images)
            wait(self.device)
            between = time.perf_counter()
            outputs = {name: each.float().cpu() for name, each in outputs.items()}
            found = self._localised if isinstance(self.sliding.task, Localise) else self._classified
            rows = [self._kept(one) for one in found(outputs, windows, len(images))]
        return Answer(rows, between - begun, time.perf_counter() - between)

    def _kept(self, rows: Tensor) -> Tensor:
        """The best first, as many as are wanted: (m, 6)."""
        return rows[rows[:, 4].argsort(descending=True, stable=True)][: self.keep].float()

    def _localised(self, outputs: dict[str, Tensor], windows: Windows, images: int) -> list[Tensor]:
        task = self.sliding.task
        assert isinstance(task, Localise)
        answer = task.answer(outputs)
        every = regress.probabilities(answer).double()
        best, label = every.max(1)
        boxes = answer.box_of(label).double().unflatten(0, (images, -1)).transpose(1, 2)
        placed = in_image(boxes.unflatten(2, windows.count), windows)
        parts = zip(placed, every.unflatten(0, (images, -1)), best.unflatten(0, (images, -1)), strict=True)
        return [self._of_objects(*part) for part in parts]

    def _of_objects(self, boxes: Tensor, every: Tensor, best: Tensor) -> Tensor:
        """Detections (m, 6) of an image from its windows' boxes (P, 4), probabilities (P, C) and best of them (P,)."""
        real = boxes.isfinite().all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        here = self._enough(best.where(real, 0))
        merged, group = merged_groups(boxes[here])
        sums = every.new_zeros(len(merged), every.shape[1]).index_add(0, group, every[here])
        score, label = sums.max(1, keepdim=True)
        return torch.cat((merged, score, label), 1)

    def _classified(self, outputs: dict[str, Tensor], windows: Windows, images: int) -> list[Tensor]:
        task = self.sliding.task
        assert isinstance(task, Classify)
        (scores,) = outputs.values()
        every = task.probabilities(scores)
        places = every.new_tensor([[float(edge) for edge in box] for box in windows.boxes()])
        return [self._of_classes(places, one) for one in every.unflatten(0, (images, -1))]

    def _of_classes(self, places: Tensor, every: Tensor) -> Tensor:
        """Detections (m, 6) of an image from its windows (P, 4) and what they tell of each class (P, C)."""
        found = [every.new_zeros(0, 6)]
        for label in (every >= self.score).any(0).nonzero()[:, 0].tolist():
            here = self._enough(every[:, label])
            merged, group = merged_groups(places[here])
            score = every.new_zeros(len(merged), 1).index_add(0, group, every[here, label, None])
            found.append(torch.cat((merged, score, torch.full_like(score, label)), 1))
        return torch.cat(found)

    def _enough(self, scores: Tensor) -> Tensor:
        """Numbers of the windows that score enough, and not nothing, in their order, of too many the best."""
        best = scores.argsort(descending=True, stable=True)[:MOST]
        return best[(scores[best] >= self.score) & (scores[best] > 0)].sort().values


def open_dense(
    target: str | Path, weights: str, device: str, plain: Plain, limits: Limits
) -> tuple[Slider, tuple[Diagnostic, ...]]:
    """A run directory with its `best`, `last` or a file's weights, or a spec with those of a file, slid over images of
    any size or of that of `plain.input`; and warnings.

    Raises SpecError of `open_run` and `slid`, E176 for what cannot be slid, E613 for a network that runs do not train,
    E701 to E709 of the weights and the map, E721 for a spec without a file of weights, E739 for options that do not
    fit.
    """
    chosen = choose_device(device)
    limits.checked()
    if limits.iou is not None:
        message = "--iou is for suppression, and with --dense the boxes of windows are merged"
        raise fail("E739", message, hint="leave it out; --score says which windows are heard")
    if is_run(target):
        plain.check_unsaid([said for said in plain.said if said != "--input"])
        trained = open_run(target)
        task = task_of(trained.graph, trained.preprocessing.classes, trained.run.run.train.loss)
        graph = slid(trained.graph, task, trained.directory / SPEC, (), plain.input)
        model, _ = replace(trained, graph=graph).model(weights, chosen)
        return Slider(Sliding(graph, task, model, trained.preprocessing, chosen), limits), trained.warnings
    made = load(target, overrides=plain.overrides)
    preprocessing = preprocessing_of(made, plain, class_count(made))
    check_file(target, weights)
    task = task_of(made, preprocessing.classes)
    graph = slid(made, task, target, plain.overrides, plain.input)
    model = loaded(graph, Path(weights), plain.map, chosen)
    return Slider(Sliding(graph, task, model, preprocessing, chosen), limits), ()
