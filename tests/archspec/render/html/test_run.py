"""The page of a run: what its data says, and what a person does with it in a real browser."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.render.html.run import RunPage, run_page
from tests.browser import PROGRAM, Browser

HOSTILE = "</script><script>document.title='broken out'</script><!--{{style}}"


def picture() -> str:
    """A grey square as a data URI."""
    Image = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    Image.new("L", (8, 8), 128).save(stream, "png")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def page(classes: int = 3, epochs: int = 5, name: str = "a run") -> RunPage:
    """Every class has 10 images; one of each is taken for the next class."""
    names = [f"class {i}" for i in range(classes)]
    one = {"n": 10, "predicted": 10, "right": 9, "precision": 0.9, "recall": 0.9, "f1": 0.9}
    matrix = [[9 if i == j else int(j == (i + 1) % classes) for j in range(classes)] for i in range(classes)]
    bins = [{"low": i / 15, "high": (i + 1) / 15, "n": 0, "confidence": None, "accuracy": None} for i in range(14)] + [
        {"low": 14 / 15, "high": 1.0, "n": 10 * classes, "confidence": 0.95, "accuracy": 0.9}
    ]
    mean = {"precision": 0.9, "recall": 0.9, "f1": 0.9}
    records = [
        {
            "epoch": e,
            "train_loss": 1 / e,
            "val_loss": 1.2 / e,
            "train_accuracy": 1 - 0.5 / e,
            "val_accuracy": 1 - 0.6 / e,
        }
        | {"lr": 0.1 / e, "seconds": 2.0}
        for e in range(1, epochs + 1)
    ]
    return RunPage(
        name=name,
        about="lenet5, best weights",
        graph=archspec.load("lenet5"),
        facts=[("best epoch", "4 of 5")],
        records=records,
        best_epoch=4,
        settings={"train.epochs": epochs, "network.name": "lenet5"},
        evaluation={
            "split": "test",
            "n": 10 * classes,
            "accuracy": 0.9,
            "loss": 0.3,
            "macro": mean,
            "weighted": mean,
            "calibration": {"ece": 0.05, "bins": bins},
            "per_class": {n: {**one, "f1": 0.9 - i / 100} for i, n in enumerate(names)},
            "confusion": matrix,
        },
        gallery=[
            {
                "example": 7,
                "true": names[0],
                "predicted": names[1],
                "probability": 0.98,
                "image": picture(),
                "width": 8,
                "height": 8,
            }
        ],
    )


def inside(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script', text, re.S)
    assert found
    return json.loads(found[1])


def test_the_data_has_run_and_network() -> None:
    found = inside(run_page(page()))
    assert found["run"]["best_epoch"] == 4
    assert ["parameters", "61,706"] in found["run"]["network"]
    assert found["run"]["settings"] == [["train.epochs", "5"], ["network.name", "lenet5"]]
    assert len(found["layers"]) == len(archspec.load("lenet5").nodes)


def test_no_text_can_break_out() -> None:
    text = run_page(page(name=HOSTILE))
    assert "<script>document.title" not in text
    assert text.count("<script") == 2


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if PROGRAM is None:
        pytest.skip("no chromium on the path")
    made = Browser()
    yield made
    made.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """The page, of as many classes and epochs as a test wants; no script may have complained at the end."""
    path = tmp_path / "report.html"
    path.write_text(run_page(page(*getattr(request, "param", ()))), encoding="utf-8")
    browser.size(1280, 900)
    browser.open(path.as_uri())
    browser.wait("document.documentElement.dataset.ready")
    yield browser
    assert browser.complaints == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


def test_curves_are_read_by_keys(opened: Browser) -> None:
    told = "document.querySelector('#charts .holder').getAttribute('aria-valuetext')"
    assert opened.js(told) == "epoch 4, the best: training 0.2500, validation 0.3000"
    opened.js("document.querySelector('#charts .holder').focus()")
    opened.press("ArrowRight")
    assert opened.js(told) == "epoch 5: training 0.2000, validation 0.2400"
    opened.press("Home")
    assert opened.js(told).startswith("epoch 1:")
    assert "epoch 1" in opened.js("document.querySelector('#tip').textContent")


def test_curves_have_their_numbers(opened: Browser) -> None:
    opened.click("#charts summary")
    opened.wait("document.querySelector('#charts details table')")
    assert opened.js("document.querySelectorAll('#charts details table tbody tr').length") == 5


def test_classes_sort(opened: Browser) -> None:
    first = "document.querySelector('#class-table tbody th').textContent"
    assert opened.js(first) == "class 0"
    opened.click("#class-table thead th:nth-child(4) button")
    assert opened.js(first) == "class 2"
    assert opened.js("document.querySelector('#class-table th[aria-sort]').textContent") == "F1"


def test_confusion_and_gallery_are_told_in_words(opened: Browser) -> None:
    cells = "[...document.querySelectorAll('#matrix tbody tr:first-child td')].map((cell) => cell.textContent)"
    assert opened.js(cells) == ["9", "1", ""]
    assert opened.js("document.querySelector('#gallery img').alt") == "Example 7: class 0, answered class 1 at 98.0 %"
    assert opened.js("document.querySelector('#gallery img').naturalWidth") == 8


@pytest.mark.parametrize("opened", [(3, 1), (120, 40), (2, 300)], indirect=True)
def test_few_and_many_classes_and_epochs(opened: Browser) -> None:
    assert opened.js("document.querySelectorAll('#charts figure').length") == 4
    for width in (1280, 800, 360):
        opened.size(width)
        assert opened.js("document.documentElement.scrollWidth") <= width


def test_the_network_unfolds_here_too(opened: Browser) -> None:
    opened.js("document.querySelector('#canvas').scrollIntoView()")
    opened.click('[data-id^="chain"]')
    assert opened.js("document.querySelectorAll('#canvas .unit.open').length") == 1


def tag_page() -> RunPage:
    """Ten images with two classes; `b` was missed four times, once where `a` was told wrongly; no image has `c`."""
    made = page()
    one = {"n": 10, "predicted": 11, "right": 10, "precision": 10 / 11, "recall": 1.0, "f1": 20 / 21}
    other = {"n": 10, "predicted": 6, "right": 6, "precision": 1.0, "recall": 0.6, "f1": 0.75, "average_precision": 0.8}
    none = dict.fromkeys(("precision", "recall", "f1", "average_precision"))
    each = {"a": {**one, "average_precision": 0.9}, "b": other, "c": {"n": 0, "predicted": 0, "right": 0, **none}}
    counted = {"task": "tags", "map": 0.85, "micro": made.evaluation["macro"], "per_class": each}
    matrix = {"confusion": [[0, 0, 0], [1, 0, 0], [0, 0, 0]]}
    mistake = {"true": ["b"], "predicted": ["a"], "tag": "b", "probability": 0.125}
    return replace(
        made,
        records=[{**r, "train_map": 0.8, "val_map": 0.85, "train_f1": 0.7, "val_f1": 0.75} for r in made.records],
        evaluation={**made.evaluation, **counted, **matrix},
        gallery=[{**made.gallery[0], **mistake}, {**made.gallery[0], **mistake, "true": [], "tag": "a"}],
    )


def test_the_page_of_tags(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(run_page(tag_page()), encoding="utf-8")
    for width in (360, 1280):
        browser.size(width, 900)
        browser.open(path.as_uri())
        browser.wait("document.documentElement.dataset.ready")
        assert browser.js("document.documentElement.scrollWidth") <= width
    cells = "[...document.querySelectorAll('{} td')].map((cell) => cell.textContent)"
    assert browser.js(cells.format("#matrix tbody tr:nth-child(2)")) == ["1", "4", ""], "all misses on the diagonal"
    assert browser.js("document.querySelector('#matrix td[title]').title").startswith("b missed, a told wrongly: 1")
    assert browser.js("document.querySelectorAll('#charts figure').length") == 6
    first = browser.js(cells.format("#class-table tbody tr:first-child"))
    assert first[0] == "90.00 %" and first[-3:] == ["10", "11", "10"]
    assert browser.js(cells.format("#class-table tfoot tr:first-child"))[:2] == ["85.00 %", "90.00 %"]
    assert browser.js("document.querySelectorAll('#class-table tfoot tr').length") == 3
    told = "[...document.querySelectorAll('#gallery img')].map((image) => image.alt)"
    assert browser.js(told) == ["Example 7: b: b missed at 12.5 %", "Example 7: no class: a told at 12.5 %"]
    assert browser.complaints == []


def of_boxes(page: RunPage) -> RunPage:
    """That page of a detector of two classes, the second without objects: 3 of 4 boxes found, 1 told where nothing
    is."""
    figures = {"AP": 0.4, "AP50": 0.75, "VOC_AP50": 0.7, "VOC_AP50_11": 0.65}
    evaluation = {
        "split": "test",
        "task": "detect",
        "n": 2,
        **figures,
        "classes": {"cat": {"truths": 4, **figures}, "dog": {"truths": 0, "AP": -1, "AP50": -1, "VOC_AP50": None}},
        "errors": {"score": 0.25, "right": 3, "class": 0, "background": 1, "missed": 1},
        "confusion": {"classes": ["cat", "dog", "background"], "rows": [[3, 0, 1], [0, 0, 0], [1, 0, 0]]},
        "curves": {
            "cat": {"recall": [0.25, 0.5, 0.75], "precision": [1.0, 1.0, 0.75], "score": [0.9, 0.8, 0.3]},
            "dog": {"recall": [], "precision": [], "score": []},
        },
    }
    missed = {"example": 1, "file": "b.png", "kind": "missed", "words": "cat missed", "score": None}
    wrong = {"example": 0, "file": "a.png", "kind": "background", "words": "cat where nothing is", "score": 0.625}
    gallery = [{**one, "image": picture(), "width": 320, "height": 240} for one in (wrong, missed)]
    records = [{"epoch": 1, "train_loss": 2.0, "val_loss": 2.5, "val_map50": 0.6, "val_map": 0.3}]
    return replace(page, evaluation=evaluation, gallery=gallery, records=records, best_epoch=1)


def test_the_page_of_a_detector(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(run_page(of_boxes(page())), encoding="utf-8")
    browser.size(1280, 900)
    browser.open(path.as_uri())
    browser.wait("document.documentElement.dataset.ready")
    cells = "[...document.querySelectorAll('{} td')].map((cell) => cell.textContent)"
    assert browser.js(cells.format("#matrix tbody tr:nth-child(3)")) == ["1", "", ""], "the background last"
    assert browser.js("document.querySelector('#matrix td[title]').title") == "cat, told as cat: 3 (75.0 %)"
    assert "3 are right; wrong: background 1, missed 1" in browser.js(
        "document.querySelector('#calibration').textContent"
    )
    assert browser.js("document.querySelectorAll('#reliability figure > svg .curve').length") == 1
    assert browser.js(cells.format("#class-table tbody tr:first-child"))[:2] == ["40.00 %", "75.00 %"]
    assert browser.js(cells.format("#class-table tbody tr:nth-child(2)"))[0] == "–"
    told = "[...document.querySelectorAll('#gallery img')].map((image) => image.alt)"
    assert browser.js(told) == ["Example 0: a.png, cat where nothing is 62.5 %", "Example 1: b.png, cat missed"]
    titles = browser.js("[...document.querySelectorAll('#charts strong')].map((one) => one.textContent)")
    assert titles[1] == "Mean average precision at an overlap of 0.5"
    assert browser.complaints == []


def of_points(page: RunPage) -> RunPage:
    """That page of a network of two points, in ten images and in five."""
    nose = {"n": 10, "pck05": 0.5, "pck10": 0.75, "pck20": 1.0, "error": 0.0625}
    chin = {"n": 5, "pck05": 0.0, "pck10": 0.2, "pck20": 0.4, "error": 0.25}
    every = {"pck05": 0.3333, "pck10": 0.5667, "pck20": 0.8, "error": 0.125}
    told = {"per_point": {"nose": nose, "chin": chin}, "confusion": [[9, 1], [2, 3]]}
    off = {"example": 3, "file": "faces/d.png", "point": "chin", "off": 0.512, "place": [1, 2], "said": [3, 4]}
    gallery = [{**off, "image": picture(), "width": 320, "height": 240}]
    records = [{"epoch": 1, "train_loss": 2.0, "val_loss": 2.5, "val_pck10": 0.6, "val_pck05": 0.3, "val_pck20": 0.9}]
    evaluation = {"split": "test", "task": "points", "n": 10, **every, **told}
    return replace(page, evaluation=evaluation, gallery=gallery, records=records, best_epoch=1)


def of_a_localiser(page: RunPage) -> RunPage:
    """That page of a localiser of two classes, the second without images, and two images without an object."""
    classes = {
        "cat": {"n": 8, "right": 6, "localised": 4, "iou": 0.6},
        "dog": {"n": 0, "right": 0, "localised": 0, "iou": 0.0},
    }
    told = {"per_class": classes, "confusion": [[6, 1, 1], [0, 0, 0], [0, 1, 1]], "nothing": {"n": 2, "right": 1}}
    wrong = {"example": 2, "file": "c.png", "true": "cat", "predicted": "dog", "words": "cat taken for dog"}
    gallery = [{**wrong, "score": 0.75, "image": picture(), "width": 320, "height": 240}]
    records = [
        {"epoch": 1, "train_loss": 2.0, "val_loss": 2.5, "val_localised": 0.5, "val_accuracy": 0.7, "val_iou": 0.6}
    ]
    evaluation = {"split": "test", "task": "localise", "n": 10, "localised": 0.5, "accuracy": 0.7, "iou": 0.6, **told}
    return replace(page, evaluation=evaluation, gallery=gallery, records=records, best_epoch=1)


@pytest.mark.parametrize(
    ("made", "curves", "first", "last", "row", "about", "alt"),
    [
        (
            of_points,
            ["Points within 0.1 of the length (PCK)", "Points within 0.05 of the length"],
            ["50.00 %", "75.00 %", "100.00 %", "6.25 %", "10"],
            ["33.33 %", "56.67 %", "80.00 %", "12.50 %", ""],
            ["2", "3"],
            "nose, told nearest to nose: 9 (90.0 %)",
            "Example 3: faces/d.png, chin off by 0.51",
        ),
        (
            of_a_localiser,
            ["Localised: class right, overlap of 0.5 or more", "Mean overlap", "Accuracy"],
            ["50.00 %", "75.00 %", "60.00 %", "8", "6", "4"],
            ["50.00 %", "70.00 %", "60.00 %", "", "", ""],
            ["", "", ""],
            "cat, told as cat: 6 (75.0 %)",
            "Example 2: c.png, cat taken for dog 75.0 %",
        ),
    ],
)
def test_the_page_of_places(
    made: Any,
    curves: list[str],
    first: list[str],
    last: list[str],
    row: list[str],
    about: str,
    alt: str,
    browser: Browser,
    tmp_path: Path,
) -> None:
    path = tmp_path / "report.html"
    path.write_text(run_page(made(page())), encoding="utf-8")
    for width in (360, 1280):
        browser.size(width, 900)
        browser.open(path.as_uri())
        browser.wait("document.documentElement.dataset.ready")
        assert browser.js("document.documentElement.scrollWidth") <= width
    cells = "[...document.querySelectorAll('{} td')].map((cell) => cell.textContent)"
    assert browser.js("[...document.querySelectorAll('#charts strong')].map((one) => one.textContent)")[1:] == curves
    assert browser.js(cells.format("#class-table tbody tr:first-child")) == first
    assert browser.js(cells.format("#class-table tfoot tr:first-child")) == last
    assert browser.js(cells.format("#matrix tbody tr:nth-child(2)")) == row
    assert browser.js("document.querySelector('#matrix td[title]').title") == about
    assert browser.js("document.querySelector('#calibration').hidden")
    assert browser.js("[...document.querySelectorAll('#gallery img')].map((image) => image.alt)") == [alt]
    assert browser.js("document.querySelector('#gallery .file').textContent") == alt.split(": ")[1].split(",")[0][-5:]
    assert browser.complaints == []
