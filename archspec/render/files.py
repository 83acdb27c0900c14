"""Writing drawings: SVG and DOT as text, PNG and PDF through graphviz."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from archspec.errors import fail
from archspec.files import replacing, write_text

SECONDS = 120
RENDERED = {".png": ("-Tpng", "-Gdpi=144"), ".pdf": ("-Tpdf",)}
"""What graphviz writes, and how it is asked."""
_WRITTEN_AT = re.compile(rb"(?<=/CreationDate \(D:)\d{14}")
"""When cairo says that a PDF was made."""
FORMATS = (".svg", ".png", ".pdf", ".dot")
INSTALL = "install graphviz: `apt install graphviz`, `brew install graphviz`, `winget install graphviz`"


def checked(path: Path) -> str:
    """The kind of file that a path's extension says, where it can be written. Raises SpecError E505, E570."""
    kind = path.suffix.lower()
    if kind not in FORMATS:
        what = f"'{path.suffix}' files" if path.suffix else f"'{path}', which has no extension"
        raise fail("E570", f"cannot draw {what}", hint=f"extensions: {', '.join(FORMATS)}")
    try:
        folder, inside = path.is_dir(), path.parent.is_dir()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise fail("E505", f"cannot write '{path}': {error.strerror or error}") from error
    if folder:
        raise fail("E570", f"'{path}' is a folder, not a file to draw")
    if not inside:
        raise fail("E570", f"there is no folder '{path.parent}' to draw into")
    return kind


def rasterize(text: str, svg: str, path: Path) -> None:
    """Write DOT text as PNG or PDF, the same bytes at any time.

    Raises SpecError E572, having written `svg` beside it, E573.
    """
    kind = path.suffix.lower()
    program = shutil.which("dot")
    if program is None:
        beside = path.with_suffix(".svg")
        write_text(beside, svg)
        raise fail(
            "E572",
            f"drawing {kind[1:].upper()} needs graphviz's program `dot`, which is not installed; wrote {beside}",
            hint=f"{INSTALL}; or convert the SVG, which needs nothing",
        )
    with replacing(path) as written:
        try:
            run = subprocess.run(
                [program, *RENDERED[kind], "-o", str(written)],
                input=text,
                capture_output=True,
                encoding="utf-8",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            hint = "draw to .svg, which needs no graphviz"
            raise fail("E573", f"graphviz took longer than {SECONDS} s", hint=hint) from None
        if run.returncode:
            said = run.stderr.strip().replace(str(written), str(path))[:500]
            raise fail("E573", f"graphviz failed: {said or f'status {run.returncode}'}")
        if kind == ".pdf":
            written.write_bytes(_WRITTEN_AT.sub(b"19700101000000", written.read_bytes()))
