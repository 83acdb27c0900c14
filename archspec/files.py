"""The folders that archspec ships, and writing files whole or not at all."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archspec.errors import fail


def shipped(folder: str) -> Path:
    """A folder that is shipped with archspec: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


def straight(path: Path) -> Path:
    """The path without `..`, where that names the same place: behind a link to a folder it may not."""
    short = Path(os.path.normpath(path))
    return short if os.path.realpath(short) == os.path.realpath(path) else path


def make_folder(path: Path) -> Path:
    """The folder, made with those around it where it is not there; returns it. Raises SpecError E505."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if path.is_file() else error.strerror or str(error)
        raise fail("E505", f"the folder '{path}' cannot be made: {reason}") from error
    return path


def check_new_folder(path: Path, code: str, option: str) -> None:
    """Whether an `option` names a folder that is empty or not there. Raises SpecError of that code."""
    if path.is_dir() and any(path.iterdir()):
        raise fail(code, f"'{path}' is not empty", hint="nothing is written over: name a new folder")
    if path.exists() and not path.is_dir():
        raise fail(code, f"'{path}' is a file", hint=f"{option} names a folder")


@contextmanager
def building(path: Path, code: str = "E505") -> Iterator[Path]:
    """A new folder beside `path`, to fill under the name given; it becomes `path` when the block ends.

    `path` is there whole or not at all: where the block ends in any exception the new folder goes, and one that a
    killed process left goes as soon as `path` is built again. An empty folder is replaced.

    Raises SpecError, of that code, where the folder cannot be made: one with something in it, no permission.
    """
    path = Path(os.path.realpath(path))
    prefix = f".{path.name[:32]}.building."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f"{glob.escape(prefix)}*"):
            with _alone_in(left) as abandoned:
                if abandoned:
                    shutil.rmtree(left, ignore_errors=True)
        made = path.with_name(prefix + os.urandom(6).hex())
        made.mkdir()
        try:
            with _alone_in(made):
                yield made
                for file in made.rglob("*"):
                    if file.is_file():
                        with file.open("rb+") as written:
                            os.fsync(written.fileno())
                os.rename(made, path)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    except OSError as error:
        raise fail(code, f"cannot write '{path}': {error.strerror or error}") from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Whether no process is in the block with that folder already; this one is, until the block ends."""
    try:
        import fcntl
    except ImportError:  # Windows: what was left stays
        yield False
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(held)


@contextmanager
def replacing(path: Path, code: str = "E505") -> Iterator[Path]:
    """A new file in the folder of `path`, to write under the name given; it becomes `path` when the block ends.

    A reader sees the former file or the whole new one, after a power cut too: the content reaches the disk
    before the name does. Where the block ends in any exception, Ctrl-C included, the former file stays and the
    new one goes. Permissions are those of any new file (the umask's); a link to a file is replaced, not followed.
    What is no file but a device or a pipe (`/dev/null`, `/dev/stdout`) stays, and is given the content.

    Raises SpecError, of that code, where the file cannot be written: a folder, no permission, a full disk.
    """
    if path.is_dir() or not path.name:
        raise fail(code, f"cannot write '{path}': it is a folder", hint="name a file in it")
    if path.exists() and not path.is_file():
        with _poured_into(path, code) as written:
            yield written
        return
    # Part of the name alone: with the rest behind it, a name of the longest kind would be too long.
    written = path.with_name(f".{path.name[:32]}.{os.urandom(6).hex()}")
    try:
        try:
            os.close(os.open(written, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            yield written
            with written.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(written, path)
        except BaseException:
            with suppress(OSError):
                written.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise fail(code, f"cannot write '{path}': {error.strerror or error}") from error


@contextmanager
def _poured_into(stream: Path, code: str) -> Iterator[Path]:
    """A file of its own to write to, whose content goes into a device or a pipe when the block ends."""
    from tempfile import TemporaryDirectory  # few write to a device

    with TemporaryDirectory(prefix="archspec-") as folder:
        written = Path(folder) / (stream.name or "stream")
        written.touch()
        yield written
        try:
            with stream.open("wb") as file:
                file.write(written.read_bytes())
        except OSError as error:
            raise fail(code, f"cannot write '{stream}': {error.strerror or error}") from error


def write_bytes(path: Path, data: bytes, code: str = "E505") -> None:
    """The file with that content, in place of a former one. Raises SpecError of that code."""
    with replacing(path, code) as written:
        written.write_bytes(data)


def write_text(path: Path, text: str, code: str = "E505") -> None:
    """The same for text, in UTF-8, its line ends as they are."""
    write_bytes(path, text.encode(), code)
