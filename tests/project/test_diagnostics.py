"""Every diagnostic has a page, and what the page shows is so: its bad examples give the code, its good ones pass."""

from __future__ import annotations

import contextlib
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import archspec
from archspec.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "diagnostics").glob("[EW]*.md"))
CODE = re.compile(r"[EW]\d{3}")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```\n", re.S | re.M)
FILE = re.compile(r"# file: (\S+)\n")
ON_A_GPU = {"E651"}
TOLD = re.compile(r"\b(?:error|warning) ([EW]\d{3}):")


@dataclass
class Section:
    """What stands under one `## Bad` or `## Good`: specs, and console blocks with the files they need."""

    page: Path
    heading: str
    specs: list[str] = field(default_factory=list)
    consoles: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def wanted(self) -> set[str]:
        return {self.page.stem} if self.heading == "Bad" else set()


def sections(page: Path) -> list[Section]:
    """The examples of a page. Files that stand before the first heading are there in every section."""
    head, *parts = re.split(r"^## (.+)\n", page.read_text(encoding="utf-8"), flags=re.M)
    shared = Section(page, "")
    found = []
    for heading, text in [("", head), *zip(parts[::2], parts[1::2], strict=True)]:
        section = Section(page, heading, files=dict(shared.files))
        for kind, body in FENCE.findall(text):
            if named := FILE.match(body):
                section.files[named[1]] = body
            elif kind == "console":
                section.consoles.append(body)
            else:
                section.specs.append(body)
        if heading:
            found.append(section)
        else:
            shared = section
    return found


EXAMPLES = [section for page in PAGES for section in sections(page)]
SPECS = [(s, text) for s in EXAMPLES for text in s.specs]
CONSOLES = [(s, text) for s in EXAMPLES for text in s.consoles]


def names(examples: list[tuple[Section, str]]) -> list[str]:
    return [f"{section.page.stem}-{section.heading}" for section, _ in examples]


@pytest.mark.parametrize(("section", "text"), SPECS, ids=names(SPECS))
def test_specs_give_the_code_or_pass(section: Section, text: str, tmp_path: Path) -> None:
    for name, body in section.files.items():
        (tmp_path / name).write_text(body, encoding="utf-8")
    path = tmp_path / "network.yaml"
    path.write_text(text, encoding="utf-8")
    found = archspec.check(path)
    assert {d.code for d in found} == section.wanted, "\n".join(map(str, found))


@pytest.mark.parametrize(("section", "text"), CONSOLES, ids=names(CONSOLES))
def test_commands_give_the_code_or_pass(
    section: Section,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """All commands of a block but the last succeed; the last gives the code."""
    torch = pytest.importorskip("torch")
    if section.page.stem in ON_A_GPU and not torch.cuda.is_available():
        pytest.skip("no GPU to fill the memory of")
    for name, body in section.files.items():
        (tmp_path / name).write_text(body, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    *before, last = commands(text)
    for command in before:
        assert run(command, monkeypatch) == 0, capfd.readouterr().err
    capfd.readouterr()
    status = run(last, monkeypatch)
    said = capfd.readouterr().err
    assert set(TOLD.findall(said)) == section.wanted, said
    assert status == (section.heading == "Bad" and section.page.stem.startswith("E")), said


def commands(block: str) -> Iterator[str]:
    """The commands of a console block: a line that ends in a backslash goes on in the next."""
    for line in block.replace("\\\n", "").splitlines():
        assert line.startswith("$ "), f"a line of a console block begins with '$ ': {line}"
        yield line[2:]


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run one command in this process where it is `archspec` or `python`, which is far faster; else in a shell."""
    assigned, words = {}, shlex.split(command)
    while "=" in words[0]:
        name, _, assigned[name] = words.pop(0).partition("=")
    with monkeypatch.context() as context:
        for name, value in assigned.items():
            context.setenv(name, value)
        if words[0] == "archspec":
            return main(words[1:])
        if words[0] == "python":
            context.setattr(sys, "argv", words[1:])
            return python()
    return subprocess.run(command, shell=True, check=False).returncode


def python() -> int:
    """What `python FILE …` or `python -c CODE` would run, as `sys.argv` has it; 1 where it raises a SpecError."""
    with contextlib.redirect_stdout(sys.stderr):
        try:
            if sys.argv[0] == "-c":
                exec(compile(sys.argv[1], "python -c", "exec"), {})
            else:
                runpy.run_path(sys.argv[0], run_name="__main__")
        except archspec.SpecError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_the_form_of_all(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    title, _, rest = text.partition("\n\n")
    assert re.fullmatch(rf"# {page.stem}: [^\n]{{5,70}}[^\n.]", title)
    headings = re.findall(r"^#.*$", re.sub(FENCE, "", rest), re.M)
    assert headings and set(headings) == {"## Bad", "## Good"} and headings[0] == "## Bad"
    assert rest.partition("## Bad")[0].strip(), "a page explains before it shows"
    assert all(section.specs or section.consoles for section in sections(page)), "a heading without an example"
    assert text.endswith("```\n")


def raised() -> dict[str, str]:
    """Codes that stand as text in the program, and a place of each."""
    found = {}
    for folder in ("archspec", "backends"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            for match in re.finditer(r'"([EW]\d{3})"', text):
                line = text.count("\n", 0, match.start()) + 1
                found.setdefault(match[1], f"{path.relative_to(ROOT)}:{line}")
    return found


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    codes, pages = raised(), {page.stem for page in PAGES}
    assert {code: place for code, place in codes.items() if code not in pages} == {}, "codes without a page"
    assert pages - codes.keys() == set(), "pages of codes that nothing raises"
