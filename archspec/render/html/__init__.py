"""A network as one page of HTML that needs nothing beside itself: diagram, table and plots, offline.

What the page shows is data (`data.py`, `tree.py`), one JSON text in it; how it shows it are the files beside this
one, plain JavaScript and CSS, written into the page whole. The page may load nothing and run no other script: a
content security policy names the hashes of the two that it has.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.errors import fail
from archspec.files import write_text
from archspec.render.palette import THEMES

if TYPE_CHECKING:
    from archspec.graph import TypedGraph

SCRIPTS = ("basics.js", "layout.js", "diagram.js", "table.js", "plots.js", "roofline.js", "start.js")
LIVE = "live.js"
"""What asks the server whether the file has changed; only in the pages of `archspec serve`."""


def report(
    graph: TypedGraph,
    path: str | Path,
    batch: int = 1,
    optimizer: str = "sgd",
    precision: str = "float32",
    device: str | Path | None = None,
) -> Path:
    """Write the page of a graph to an .html file and return its path; with a device also its roofline.

    Raises SpecError: E575 for another kind of file or a folder that is not there, E580 for a batch below 1,
    E582 for an unknown precision; those of `roofline`.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise fail("E575", f"a report is a page of HTML, and '{path}' is not called so", hint="-o report.html")
    if path.is_dir():
        raise fail("E575", f"'{path}' is a folder, not a file to write")
    if not path.parent.is_dir():
        raise fail("E575", f"there is no folder '{path.parent}' to write into")
    write_text(path, page(graph, batch, optimizer, precision, device))
    return path


def page(
    graph: TypedGraph,
    batch: int = 1,
    optimizer: str = "sgd",
    precision: str = "float32",
    device: str | Path | None = None,
    live: str | None = None,
) -> str:
    """The page as text; a live one knows its version, and loads anew when its server has another."""
    from archspec.render.html.data import data

    found = data(graph, batch, optimizer, precision, device)
    shown = diagram_section("Diagram")
    return written("page.html", graph.name, SCRIPTS, live, data=json_text(found), diagram=shown)


def error_page(title: str, text: str, live: str) -> str:
    """The live page of a spec in which something is wrong: what `archspec check` would say."""
    return written("error.html", title, ("basics.js",), live, text=html.escape(text))


def diagram_section(heading: str, figures: str = "") -> str:
    """The part of a page in which the diagram is; `figures` is markup over it."""
    return _filled(_file("diagram.html"), {"heading": heading, "figures": figures})


def json_text(found: Any) -> str:
    """JSON that may stand in a script element: no `<`, so that no text of the spec can end it."""
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def written(
    template: str,
    title: str,
    scripts: tuple[str, ...],
    live: str | None = None,
    styles: tuple[str, ...] = ("page.css",),
    images: bool = False,
    **texts: str,
) -> str:
    """A template with styles, scripts and texts in it, and a policy that allows no others; `images`: its own."""
    style, script = "\n".join(map(_style, styles)), _script(scripts if live is None else (*scripts, LIVE))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        f"base-uri 'none'; form-action 'none'"
    )
    if images:
        policy += "; img-src data:"
    if live is not None:
        policy += "; connect-src 'self'"
    texts |= {"title": html.escape(title), "version": html.escape(live or "")}
    texts |= {"policy": policy, "style": style, "script": script}
    return _filled(_file(template), texts)


@cache
def _style(name: str) -> str:
    """A style sheet, with the colours that layers have in every drawing."""
    colours = {
        name: " ".join(f"--{kind}: {tint.fill}; --{kind}-line: {tint.line};" for kind, tint in theme.tints.items())
        for name, theme in THEMES.items()
    }
    return _filled(_file(name), colours)


def _filled(template: str, texts: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: texts[match[1]], template)


def _script(names: tuple[str, ...]) -> str:
    body = "\n".join(map(_file, names))
    return f'(() => {{\n"use strict";\n{body}}})();'


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
