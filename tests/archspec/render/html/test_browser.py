"""The page in a real browser: it is clicked, folded, filtered, sorted, read by keys, printed and photographed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import which

import pytest

import archspec
from archspec.render.html import page
from tests.browser import PROGRAM, Browser

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium on the path")

FIRST = '[data-id="block stage.0.block.0"]'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    made = Browser()
    yield made
    made.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture
def opened(browser: Browser, pages: Path, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """The page of resnet50, or of the network that a test names; no script may have complained at the end."""
    name = getattr(request, "param", "resnet50")
    path = pages / f"{name}.html"
    if not path.exists():
        path.write_text(page(archspec.load(name)), encoding="utf-8")
    browser.size(1280, 900)
    browser.open(path.as_uri())
    browser.js("sessionStorage.clear()")
    yield browser
    assert browser.complaints == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []


def boxes(browser: Browser) -> int:
    return int(browser.js("document.querySelectorAll('#canvas [role=treeitem]').length"))


def names(browser: Browser) -> list[str]:
    return list(browser.js("[...document.querySelectorAll('#table tbody th')].map((cell) => cell.textContent)"))


ALL = ["lenet5", "resnet50", "resnet152", "unet", "googlenet", "densenet201"]


@pytest.mark.parametrize("opened", ALL, indirect=True)
def test_every_level_unfolds_and_nothing_overlaps(opened: Browser) -> None:
    seen = boxes(opened)
    for _ in range(12):
        opened.js("document.querySelector('#fold-less').click()")
        now = boxes(opened)
        assert now >= seen
        seen = now
    layers = int(opened.js("JSON.parse(document.querySelector('#data').textContent).layers.length"))
    closed = "document.querySelectorAll('#canvas [aria-expanded=false]').length"
    assert opened.js(closed) == 0
    assert opened.js("document.querySelectorAll('#canvas .unit.layer').length") == layers
    overlap = """(() => {
      const boxes = [...document.querySelectorAll('#canvas .unit:not(.open) > .body')]
        .map((r) => ['x', 'y', 'width', 'height'].map((key) => Number(r.getAttribute(key))));
      boxes.sort((a, b) => a[1] - b[1]);
      for (let i = 0; i < boxes.length; i += 1) for (let j = i + 1; j < boxes.length; j += 1) {
        const [a, b] = [boxes[i], boxes[j]];
        if (b[1] >= a[1] + a[3]) break;
        if (a[0] < b[0] + b[2] && b[0] < a[0] + a[2]) return [a, b];
      }
      return null;
    })()"""
    assert opened.js(overlap) is None
    opened.js("document.querySelector('#fold-all').click()")
    assert boxes(opened) < 30


@pytest.mark.parametrize("opened", ["googlenet", "unet", "densenet201"], indirect=True)
def test_arrows_lead_down(opened: Browser) -> None:
    opened.js("for (let i = 0; i < 12; i += 1) document.querySelector('#fold-less').click()")
    upward = """[...document.querySelectorAll('#canvas .edge')].filter((path) => {
      const numbers = path.getAttribute('d').match(/-?[\\d.]+/g).map(Number);
      return numbers[numbers.length - 1] < numbers[1] - 0.5;
    }).length"""
    assert opened.js(upward) == 0


def test_a_click_unfolds_a_block_and_chooses_its_layers(opened: Browser) -> None:
    before = boxes(opened)
    opened.click(FIRST)
    assert opened.js(f"document.querySelector('{FIRST}').getAttribute('aria-expanded')") == "true"
    assert boxes(opened) == before + 5, "three convolutions, a shortcut and the sum"
    chosen = opened.js("[...document.querySelectorAll('#table tr.selected th')].map((cell) => cell.textContent)")
    assert len(chosen) == 12 and all(name.startswith("stage.0.block.0.") for name in chosen)
    opened.click(f"{FIRST} .handle")
    assert boxes(opened) == before


def test_hovering_tells_a_block_s_facts(opened: Browser) -> None:
    opened.hover(FIRST)
    told = opened.js("document.querySelector('#tip').hidden ? '' : document.querySelector('#tip').innerText")
    # torchvision's layer1.0: 4,096 + 36,864 + 16,384 + 16,384 weights, and two a channel of 64 + 64 + 256 + 256
    assert "75,008" in told and "64×56×56 → 256×56×56" in told


def test_the_table_filters_by_words(opened: Browser) -> None:
    opened.press("/")
    assert opened.js("document.activeElement.id") == "filter"
    opened.type("stage.3 3×3")
    found = names(opened)
    assert len(found) == 3 and all("stage.3" in name for name in found)
    # each 512·512·9 or, in the first, the same: strides change no weights
    assert f"3 of 174 layers: {3 * 512 * 512 * 9:,} parameters" in opened.js(
        "document.querySelector('#shown').textContent"
    )
    opened.press("Escape")
    opened.type("stage.3 3x3")
    assert names(opened) == found, "× as keyboards have it"
    opened.press("Escape")
    assert len(names(opened)) == 174


def test_the_table_sorts_by_a_column_both_ways(opened: Browser) -> None:
    opened.click("#table thead th:nth-child(5) button")
    assert opened.js("document.querySelector('#table th[aria-sort]').getAttribute('aria-sort')") == "descending"
    figures = "[...document.querySelectorAll('#table tbody td:nth-child(5)')].map((c) => Number(c.textContent.replace(/,/g, '')) || 0)"  # noqa: E501
    down = opened.js(figures)
    assert down == sorted(down, reverse=True) and down[0] == 512 * 512 * 9
    opened.click("#table thead th:nth-child(5) button")
    assert opened.js(figures) == sorted(down)
    assert opened.js("document.querySelectorAll('#table th[aria-sort]').length") == 1


def test_a_row_unfolds_the_diagram_down_to_its_layer(opened: Browser) -> None:
    where = "#table tr[data-layer='40']"
    name = opened.js(f'document.querySelector("{where} th").textContent')
    opened.click(where)
    chosen = opened.js("document.querySelector('#canvas .unit.selected').dataset.id")
    assert name.startswith(chosen.split(" ", 1)[1])
    box, room = (
        opened.js(
            f"(() => {{ const b = document.querySelector('{what}').getBoundingClientRect(); return [b.x, b.y, b.right, b.bottom]; }})()"  # noqa: E501
        )
        for what in ("#canvas .unit.selected", "#canvas")
    )
    assert room[0] <= box[0] and room[1] <= box[1] and box[2] <= room[2] and box[3] <= room[3], "it is in sight"


def test_the_keys_of_a_tree(opened: Browser) -> None:
    focused = "document.activeElement.dataset.id"
    opened.js("document.querySelector('#zoom-fit').focus()")
    opened.press("Tab")
    assert opened.js(focused) == "layer input"
    for key, expected in (
        ("ArrowDown", "chain stem"),
        ("ArrowRight", "chain stem"),
        ("ArrowRight", "layer stem.conv"),
        ("ArrowDown", "layer stem.norm"),
        ("ArrowLeft", "chain stem"),
        ("Enter", "chain stem"),
        ("ArrowDown", "layer max_pool1"),
    ):
        opened.press(key)
        assert opened.js(focused) == expected, key
    assert "3×3 max pool" in opened.js("document.querySelector('#tip').innerText")
    assert opened.js("document.querySelectorAll('#canvas [tabindex=\"0\"]').length") == 1, "one stop for Tab"


def test_zoom_and_drag_move_the_picture(opened: Browser) -> None:
    scale = "Number(document.querySelector('#canvas svg > g').getAttribute('transform').match(/scale\\((.*)\\)/)[1])"
    before = opened.js(scale)
    opened.click("#zoom-in")
    assert opened.js(scale) == pytest.approx(1.25 * before, rel=1e-3)
    opened.wheel("#canvas", 100, control=True)
    opened.wait(f"{scale} < {1.2 * before}")
    place = "document.querySelector('[data-id=\"chain stem\"] .body').getBoundingClientRect().x"
    start, many = opened.js(place), boxes(opened)
    opened.drag('[data-id="chain stem"]', 60, 30)
    assert opened.js(place) == pytest.approx(start + 60, abs=3)
    assert boxes(opened) == many, "a drag is no click"


def test_plots_have_names_and_tables_behind_them(opened: Browser) -> None:
    plots = opened.js(
        "[...document.querySelectorAll('svg.plot')].map((p) => [p.getAttribute('role'), p.querySelector('title').textContent])"  # noqa: E501
    )
    assert [role for role, _ in plots] == ["img"] * 3
    opened.click("#memory summary")
    opened.wait("document.querySelector('#memory details table')")
    moments = opened.js("JSON.parse(document.querySelector('#data').textContent).memory.training.moments.length")
    assert opened.js("document.querySelectorAll('#memory details tbody tr').length") == moments


def test_the_roofline_is_read_by_keys_and_by_its_table(browser: Browser, pages: Path) -> None:
    path = pages / "roofline.html"
    path.write_text(page(archspec.load("resnet18"), device="a100"), encoding="utf-8")
    browser.size(1280, 900)
    browser.open(path.as_uri())
    assert browser.js("document.querySelector('#roofline-section').hidden") is False
    dots = "[...document.querySelectorAll('#roofline .dot')].map((dot) => dot.getAttribute('class').split(' ')[1])"
    shapes = browser.js(f"new Set({dots}).size")
    drawn = "[...document.querySelectorAll('#roofline .dot')].map((d) => d.getAttribute('d').replace(/[-\\d. ]/g, ''))"
    assert shapes > 1 and browser.js(f"new Set({drawn}).size") == shapes, "what bounds is told by shape as well"
    # the A100's 19.5 TFLOP/s over its 2,039 GB/s, from its data sheet
    assert "ridge: 9.56 FLOP/B" in browser.js("document.querySelector('#roofline svg').textContent")
    browser.js("document.querySelector('#roofline .holder').focus()")
    browser.press("End")
    told = browser.js("document.querySelector('#roofline [role=status]').textContent")
    assert "intensity" in told and "bound by compute" in told
    browser.press("Enter")
    chosen = browser.js("document.querySelector('#table tr.selected th').textContent")
    assert told.startswith(chosen)
    browser.click("#roofline summary")
    browser.wait("document.querySelector('#roofline details table')")
    rows = browser.js("document.querySelectorAll('#roofline details tbody tr').length")
    assert rows == browser.js("JSON.parse(document.querySelector('#data').textContent).roofline.layers.length")
    assert browser.complaints == []


def test_every_control_has_a_name(opened: Browser) -> None:
    opened.send("Accessibility.enable")
    tree = opened.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "searchbox", "treeitem", "tree", "img", "toolbar", "image", "table"}
    wanted = [node for node in tree if node.get("role", {}).get("value") in roles and not node.get("ignored")]
    assert len(wanted) > 20
    assert [node["role"]["value"] for node in wanted if not node.get("name", {}).get("value")] == []
    opened.send("Accessibility.disable")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_fits_the_width_and_can_be_read(opened: Browser, tmp_path: Path, width: int, scheme: str) -> None:
    opened.size(width, 900, scheme)
    assert opened.js("document.documentElement.scrollWidth") == width
    contrast = """(() => {
      const light = (color) => { const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3)
        .map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const least = [...document.querySelectorAll('#canvas .unit:not(.open)')].map((g) => {
        const ground = light(getComputedStyle(g.querySelector('.body')).fill);
        return Math.min(...[...g.querySelectorAll('text')].map((t) => { const ink = light(getComputedStyle(t).fill);
          return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05); })); });
      return Math.min(...least);
    })()"""
    assert opened.js(contrast) >= 4.5, "WCAG AA"
    shot = tmp_path / "page.png"
    opened.screenshot(shot)
    assert shot.read_bytes().startswith(b"\x89PNG") and shot.stat().st_size > 15_000


def test_on_paper_the_whole_diagram_is_shown(opened: Browser, tmp_path: Path) -> None:
    opened.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    opened.js("dispatchEvent(new Event('beforeprint'))")
    assert opened.js("document.querySelector('#canvas svg').hasAttribute('viewBox')")
    assert not opened.js("document.querySelector('#canvas svg > g').hasAttribute('transform')")
    opened.js("dispatchEvent(new Event('afterprint'))")
    assert opened.js("document.querySelector('#canvas svg > g').hasAttribute('transform')")


@pytest.mark.skipif(which("pdftotext") is None, reason="no pdftotext on the path")
def test_on_paper_every_page_of_the_table_has_its_heads(opened: Browser, tmp_path: Path) -> None:
    opened.pdf(tmp_path / "page.pdf")
    command = ["pdftotext", "-layout", str(tmp_path / "page.pdf"), "-"]
    pages = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\f")
    table = [text for text in pages if "stage.2.block." in text and "batch_norm" in text]
    assert table
    for text in table:
        assert all(head in text for head in ("Layer", "Operation", "Output", "Params", "MACs", "Memory", "Sees"))


def told(browser: Browser, tmp_path: Path, head: str, layers: str) -> Browser:
    spec, target = tmp_path / "told.yaml", tmp_path / "told.html"
    spec.write_text(f"archspec: 1\n{head}\nlayers:\n{layers}", encoding="utf-8")
    archspec.report(archspec.load(spec), target, device="a100")
    browser.size(1280, 900)
    browser.open(target.as_uri())
    assert browser.complaints == []
    return browser


def test_the_layers_of_a_network_with_two_inputs_are_numbered_from_one(browser: Browser, tmp_path: Path) -> None:
    layers = "- concat: [a, b]\n- conv: {out: 4, kernel: 3}\n- relu\n"
    shown = told(browser, tmp_path, "inputs: {a: [1, 8, 8], b: [2, 8, 8]}", layers)
    numbers = "[...document.querySelectorAll('#table tbody td:first-child')].map((cell) => cell.textContent)"
    assert shown.js(numbers) == ["1", "2", "3"]


def test_receptive_fields_of_open_sizes_are_plotted(browser: Browser, tmp_path: Path) -> None:
    layers = "- conv: {out: 4, kernel: 3}\n- conv: {out: 4, kernel: 5}\n"
    shown = told(browser, tmp_path, "input: [3, H, W]", layers)
    paths = shown.js("[...document.querySelectorAll('#field path')].map((path) => path.getAttribute('d') || '')")
    assert paths and not any("NaN" in path for path in paths)
    said = shown.js("document.querySelector('#field svg').textContent")
    assert "the whole image: 224" in said and "most: 7" in said, "3, and then 3 + 5 − 1"


def test_what_gives_its_size_alone_is_dotted(browser: Browser, tmp_path: Path) -> None:
    layers = "- conv: {out: 4, kernel: 3, stride: 2}\n- upsample: {to: input}\n"
    shown = told(browser, tmp_path, "input: [3, 32, 32]", layers)
    assert shown.js("document.querySelectorAll('#canvas .edge.sizes').length") == 1
    assert shown.js("document.querySelectorAll('#canvas .edge').length") == 4, "with three of data"
    assert "gives its size alone" in shown.js("document.querySelector('#legend').textContent")


def test_the_ticks_of_a_roofline_are_on_the_plot(browser: Browser, pages: Path) -> None:
    path = pages / "wide.html"
    path.write_text(page(archspec.load("vgg16"), batch=512, device="h200"), encoding="utf-8")
    browser.open(path.as_uri())
    cut = """(() => { const all = document.querySelector('#roofline svg').getBoundingClientRect();
      return [...document.querySelectorAll('#roofline svg text')].map((text) => text.getBoundingClientRect())
        .filter((text) => text.left < all.left || text.right > all.right).length; })()"""
    assert browser.js(cut) == 0


def test_a_hostile_name_stays_text(browser: Browser, tmp_path: Path) -> None:
    name = "</script><img src=x onerror=\"document.title='broken'\"><b>"
    spec = tmp_path / "hostile.yaml"
    spec.write_text(f"archspec: 1\ncite: {json.dumps(name)}\ninput: [3]\nlayers:\n- linear: 2\n", encoding="utf-8")
    target = tmp_path / "hostile.html"
    archspec.report(replace(archspec.load(spec), name=name), target)
    browser.size(1280, 900)
    browser.open(target.as_uri())
    assert browser.js("document.querySelector('h1').textContent") == name
    assert browser.js("document.querySelector('#cite').textContent") == name
    assert browser.js("document.querySelectorAll('img, h1 b, #cite b').length") == 0
    assert browser.js("document.title").startswith(name)
    assert browser.complaints == []
