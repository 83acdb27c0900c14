"""Writing drawings: whole or not at all, and through graphviz where the format needs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from archspec.errors import fail

SECONDS = 120
FORMATS = {".svg": ("-Tsvg",), ".png": ("-Tpng", "-Gdpi=144")}
INSTALL = "install graphviz: `apt install graphviz`, `brew install graphviz`, `winget install graphviz`"


def render_dot(text: str, path: Path) -> Path:
    """Write DOT text as the kind of file that the path's extension says. Raises SpecError E570, E572, E573."""
    kind = path.suffix.lower()
    if kind != ".dot" and kind not in FORMATS:
        what = f"'{path.suffix}' files" if path.suffix else f"'{path}', which has no extension"
        raise fail("E570", f"cannot draw {what}", hint=f"extensions: .dot, {', '.join(FORMATS)}")
    if path.is_dir():
        raise fail("E570", f"'{path}' is a folder, not a file to draw")
    if not path.parent.is_dir():
        raise fail("E570", f"there is no folder '{path.parent}' to draw into")
    if kind == ".dot":
        return write_text(path, text)
    program = shutil.which("dot")
    if program is None:
        beside = write_text(path.with_suffix(".dot"), text)
        raise fail(
            "E572",
            f"drawing {kind[1:].upper()} needs graphviz's program `dot`, which is not installed; wrote {beside}",
            hint=f"{INSTALL}; then draw again, or elsewhere `dot {FORMATS[kind][0]} {beside.name} -o {path.name}`",
        )
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=kind, dir=path.parent)
    os.close(handle)
    written = Path(name)
    try:
        run = subprocess.run(
            [program, *FORMATS[kind], "-o", str(written)],
            input=text,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        if run.returncode:
            raise fail("E573", f"graphviz failed: {run.stderr.strip()[:500] or f'status {run.returncode}'}")
        return _put(written, path)
    except subprocess.TimeoutExpired:
        hint = "fold more: a smaller `--depth`; or draw to .dot"
        raise fail("E573", f"graphviz took longer than {SECONDS} s", hint=hint) from None
    finally:
        written.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write a text file whole: to a temporary name beside it, then in place."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    written = Path(name)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        return _put(written, path)
    finally:
        written.unlink(missing_ok=True)


def _put(written: Path, path: Path) -> Path:
    """Move a finished file to its name, readable as files made the ordinary way are."""
    mask = os.umask(0)
    os.umask(mask)
    written.chmod(0o666 & ~mask)
    return written.replace(path)
