"""Scoring 150,000 detections on 5,000 images, files and all: archspec, faster-coco-eval alone and pycocotools, in turn.

archspec reads strictly and gives VOC's figures besides; the kinds of mistakes and the confusion are computed when
they are asked for, and not timed here. Seconds of CPU time, the least of several rounds, each in a process of its own;
prints the ratios and exits with status 1 where the twelve figures differ by more than 1e-9.

    python benchmarks/boxes.py [ROUNDS]
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

IMAGES, CLASSES, DETECTIONS, OBJECTS = 5_000, 80, 150_000, 36_000
PROGRAMS = ("archspec", "faster-coco-eval", "pycocotools")
NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def write(folder: Path) -> None:
    """Objects of classes as unevenly common as COCO's; six in ten detections are near one of them."""
    random = np.random.default_rng(0)
    corner, size = random.uniform(0, [500, 400], (OBJECTS, 2)), random.lognormal(4, 0.8, (OBJECTS, 2)).clip(2, 300)
    image, label = random.integers(1, IMAGES + 1, OBJECTS), random.zipf(1.6, OBJECTS) % CLASSES + 1
    crowd = random.random(OBJECTS) < 0.01
    annotations = [
        {"id": n + 1, "image_id": i, "category_id": c, "bbox": box, "area": 0.7 * box[2] * box[3], "iscrowd": int(k)}
        for n, (i, c, box, k) in enumerate(
            zip(image.tolist(), label.tolist(), np.c_[corner, size].round(2).tolist(), crowd.tolist(), strict=True)
        )
    ]
    of, near = random.integers(0, OBJECTS, DETECTIONS), random.random(DETECTIONS) < 0.6
    moved = corner[of] + random.normal(0, 0.1, (DETECTIONS, 2)) * size[of]
    scaled = size[of] * np.exp(random.normal(0, 0.12, (DETECTIONS, 2)))
    anywhere = np.c_[random.uniform(0, 400, (DETECTIONS, 2)), random.lognormal(4, 0.8, (DETECTIONS, 2))]
    boxes = np.where(near[:, None], np.c_[moved, scaled], anywhere).round(2)
    images = np.where(near, image[of], random.integers(1, IMAGES + 1, DETECTIONS))
    labels = np.where(near, label[of], random.zipf(1.6, DETECTIONS) % CLASSES + 1)
    scores = random.random(DETECTIONS).round(4)
    results = [
        {"image_id": i, "category_id": c, "bbox": box, "score": s}
        for i, c, box, s in zip(images.tolist(), labels.tolist(), boxes.tolist(), scores.tolist(), strict=True)
    ]
    entries = [{"id": n, "file_name": f"{n:06}.jpg", "width": 640, "height": 480} for n in range(1, IMAGES + 1)]
    categories = [{"id": n, "name": f"class {n}"} for n in range(1, CLASSES + 1)]
    truth = {"images": entries, "categories": categories, "annotations": annotations}
    (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    (folder / "found.json").write_text(json.dumps(results), encoding="utf-8")


def score(program: str, truth: str, found: str) -> list[float]:
    """The twelve figures by one program."""
    if program == "archspec":
        from archspec_torch.boxes.evaluating import evaluate_boxes

        figures = evaluate_boxes(truth, found).figures
        return [figures[name] for name in NAMES]
    data: Any
    if program == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval as Evaluation
    else:
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as Evaluation
    data = COCO(truth)
    evaluation = Evaluation(data, data.loadRes(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return [float(value) for value in evaluation.stats[:12]]


def measured(program: str, folder: Path) -> tuple[float, list[float]]:
    """Seconds of CPU time that a new process spends, its imports included, and the figures."""
    command = [sys.executable, __file__, "--one", program, str(folder)]
    seconds, *figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return seconds, figures


def one(program: str, folder: Path) -> None:
    begun = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        figures = score(program, str(folder / "truth.json"), str(folder / "found.json"))
    print(json.dumps([time.process_time() - begun, *figures]))


def main(rounds: int) -> int:
    seconds: dict[str, list[float]] = {program: [] for program in PROGRAMS}
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        for _ in range(rounds):
            for program in PROGRAMS:
                taken, figures[program] = measured(program, Path(folder))
                seconds[program].append(taken)
    ours = min(seconds["archspec"])
    for program in PROGRAMS:
        least = min(seconds[program])
        print(f"{program:<17} {least:6.2f} s   {least / ours:5.2f} times archspec's")
    reference = figures["pycocotools"]
    apart = max(abs(a - b) for told in figures.values() for a, b in zip(told, reference, strict=True))
    print(f"largest difference of a figure: {apart:.1e}")
    return int(apart > 1e-9)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], Path(sys.argv[3]))
    else:
        raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
