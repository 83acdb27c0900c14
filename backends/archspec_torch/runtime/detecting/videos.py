"""Frames of video files, by the package `av` where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from archspec.errors import fail
from archspec_torch.runtime.images import ImageProblem

SUFFIXES = frozenset(
    (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".wmv", ".flv", ".ogv", ".3gp")
)


def check_decoder(path: Path) -> None:
    """Raises SpecError E736 where nothing is installed that reads videos."""
    if find_spec("av") is None:
        hint = "pip install 'archspec-nn[video]' brings it; an animated GIF, WebP, PNG or TIFF needs nothing"
        raise fail("E736", f"'{path}' is a video: the package 'av', which reads them, is not installed", hint=hint)


def video_frames(path: Path) -> Iterator[Image.Image]:
    """The frames of a file's first video, upright, one after another. Raises ImageProblem at one that is damaged."""
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ImageProblem("holds no video")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                image = frame.to_image()
                turn = round(getattr(frame, "rotation", 0)) % 360
                yield image.rotate(turn, expand=True) if turn else image
    except ImageProblem:
        raise
    except Exception as error:  # FFmpeg's errors are of many classes
        why = getattr(error, "strerror", None) or str(error)
        raise ImageProblem(f"is damaged: {' '.join(why.split())[:120] or type(error).__name__}") from error
