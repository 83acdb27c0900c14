"""Writing drawings, through graphviz where the format needs it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from archspec.errors import fail
from archspec.files import replacing, write_text

SECONDS = 120
FORMATS = {".svg": ("-Tsvg",), ".png": ("-Tpng", "-Gdpi=144")}
INSTALL = "install graphviz: `apt install graphviz`, `brew install graphviz`, `winget install graphviz`"


def render_dot(text: str, path: Path) -> Path:
    """Write DOT text as the kind of file that the path's extension says. Raises SpecError E505, E570, E572, E573."""
    kind = path.suffix.lower()
    if kind != ".dot" and kind not in FORMATS:
        what = f"'{path.suffix}' files" if path.suffix else f"'{path}', which has no extension"
        raise fail("E570", f"cannot draw {what}", hint=f"extensions: .dot, {', '.join(FORMATS)}")
    try:
        folder, inside = path.is_dir(), path.parent.is_dir()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise fail("E505", f"cannot write '{path}': {error.strerror or error}") from error
    if folder:
        raise fail("E570", f"'{path}' is a folder, not a file to draw")
    if not inside:
        raise fail("E570", f"there is no folder '{path.parent}' to draw into")
    if kind == ".dot":
        write_text(path, text)
        return path
    program = shutil.which("dot")
    if program is None:
        beside = path.with_suffix(".dot")
        write_text(beside, text)
        raise fail(
            "E572",
            f"drawing {kind[1:].upper()} needs graphviz's program `dot`, which is not installed; wrote {beside}",
            hint=f"{INSTALL}; then draw again, or elsewhere `dot {FORMATS[kind][0]} {beside.name} -o {path.name}`",
        )
    with replacing(path) as written:
        try:
            run = subprocess.run(
                [program, *FORMATS[kind], "-o", str(written)],
                input=text,
                capture_output=True,
                encoding="utf-8",
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            hint = "fold more: a smaller `--depth`; or draw to .dot"
            raise fail("E573", f"graphviz took longer than {SECONDS} s", hint=hint) from None
        if run.returncode:
            said = run.stderr.strip().replace(str(written), str(path))[:500]
            raise fail("E573", f"graphviz failed: {said or f'status {run.returncode}'}")
    return path
