"""Who works in a directory: a file there is locked, and the system lets the lock go however the process ends."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from archspec.errors import fail

try:
    import fcntl
except ImportError:  # Windows: there nothing is locked
    fcntl = None  # type: ignore[assignment]

_handles: set[int] = set()
"""Open files whose locks this process holds."""


class Taken(Exception):
    """Another process holds the lock; the text says which, as 'process 1234' or 'process 1234 on HOST'."""


@contextlib.contextmanager
def held(path: Path, left_behind: bool = False) -> Iterator[None]:
    """Holds the lock of a file, which is made for that and goes with it.

    `left_behind`: where the block ends in an exception the file stays, unlocked, as after a kill (see `abandoned`).
    Raises Taken where another process holds it, SpecError E505 where the file cannot be made. Where the file system
    knows no locks, nothing is locked.
    """
    handle, done = _taken(path), False
    try:
        yield
        done = True
    finally:
        if handle in _handles:  # a forked child has let go of it
            if done or not left_behind:
                with contextlib.suppress(OSError):
                    path.unlink()
            _handles.discard(handle)
            os.close(handle)


def abandoned(path: Path) -> bool:
    """Whether the file is there and no process holds it: who did was killed. False where it is on another machine."""
    if fcntl is None:
        return False
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _taken(path: Path) -> int:
    """The handle of the file, locked, with this process named in it."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise fail("E505", f"cannot write '{path}': {error.strerror or error}") from error
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 200).decode(errors="replace")
            os.close(handle)
            raise Taken(_named(holder)) from None
        except OSError:  # a file system without locks
            pass
        if _is_there(handle, path):
            break
        os.close(handle)  # who held it has just removed it
    _handles.add(handle)
    with contextlib.suppress(OSError):  # on a full disk the lock holds all the same
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()} {socket.gethostname()}\n".encode())
    return handle


def _is_there(handle: int, path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False


def _named(holder: str) -> str:
    number, _, host = holder.strip().partition(" ")
    if not number:
        return "another process"
    return f"process {number}" + (f" on {host}" if host not in ("", socket.gethostname()) else "")


def _let_go() -> None:
    """In a forked child: a lock lasts until all copies of its handle are closed, and the parent may be killed."""
    for handle in _handles:
        with contextlib.suppress(OSError):
            os.close(handle)
    _handles.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
