"""Writing files whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from archspec.errors import fail


def write_bytes(path: Path, data: bytes) -> None:
    """The file with that content, put in place in one stroke: a reader sees the former one or the new one.

    Raises SpecError E505 where it cannot be written (a full disk, no permission).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise fail("E505", f"{path} cannot be written: {error.strerror or error}") from error


def write_text(path: Path, text: str) -> None:
    """The same for text, in UTF-8."""
    write_bytes(path, text.encode())
