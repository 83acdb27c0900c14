"""The documents say what the program does: generated pages are fresh, links lead somewhere, specs in them build."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import archspec

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")]


def test_the_operator_reference_is_up_to_date() -> None:
    stale = runpy.run_path(str(ROOT / "docs" / "generate.py"))["stale"]
    assert stale() == [], "run `make docs`"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]+)(?:#[^)\s]*)?\)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def whole_specs() -> list[tuple[str, str]]:
    """Fenced YAML blocks of all documents that are whole specs, by document and line."""
    found = []
    for path in DOCUMENTS:
        if path.parent.name == "diagnostics":
            continue  # their bad examples are meant: see test_diagnostics.py
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^```yaml\n(.*?)^```", text, re.S | re.M):
            if match[1].startswith("archspec:") and "name: mistakes" not in match[1]:
                line = text.count("\n", 0, match.start()) + 2
                found.append((f"{path.relative_to(ROOT)}:{line}", match[1]))
    return found


@pytest.mark.parametrize(("place", "text"), whole_specs(), ids=lambda value: value.partition("\n")[0])
def test_specs_in_documents_pass_strict(place: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "documented.yaml"
    path.write_text(text, encoding="utf-8")
    assert [str(found) for found in archspec.check(path, strict=True)] == [], place


def test_documents_hold_whole_specs() -> None:
    assert len(whole_specs()) >= 3


def test_detectors_that_the_language_names_are_specs() -> None:
    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"whole detectors are in \[`specs/`\]\(../specs\): ([^.]*)\.", text)
    names = re.findall(r"`(\w+)`", named)
    assert len(names) >= 4
    assert all(archspec.load(name).task == "detect" for name in names)


def test_every_decision_is_listed_in_its_order() -> None:
    folder = ROOT / "docs" / "decisions"
    files = sorted(path.name for path in folder.glob("[0-9]*.md"))
    titles = [(folder / name).read_text(encoding="utf-8").partition("\n")[0] for name in files]
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    listed = re.findall(r"^\| \[(\d+)\]\((\S+)\) \| (.+) \|$", (folder / "README.md").read_text(encoding="utf-8"), re.M)
    assert [(name, f"# {number}. {title}") for number, name, title in listed] == list(zip(files, titles, strict=True))
