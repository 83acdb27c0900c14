"""Whether a trial is still running: its process holds a lock, which the system lets go however the process ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: there only the heartbeat tells
    fcntl = None  # type: ignore[assignment]


def _file(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.lock")


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """While a trial of that directory runs."""
    path = _file(directory)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    path.unlink(missing_ok=True)


def abandoned(directory: Path) -> bool:
    """True where a lock file is there and no process holds it; False too for trials of other machines."""
    path = _file(directory)
    if fcntl is None or not path.exists():
        return False
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
