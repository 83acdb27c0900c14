"""`archspec anchors`: widths and heights for a detector, clustered from the boxes it is to find."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, format_option, positive, print_json

IMAGES = "folder of their images; may be repeated (beside the annotations)"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, metavar="DATA", help="annotated boxes: see `archspec data check`")
    parser.add_argument("--k", type=positive, default=9, metavar="K", help="how many (9)")
    parser.add_argument("--size", type=_size, metavar="WxH", help="boxes scaled as images are to that size")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the beginnings (0)")
    parser.add_argument("--split", metavar="NAME", help="only the images of that set (VOC's ImageSets/Main, YOLO's)")
    parser.add_argument("--images", action="append", type=Path, default=[], metavar="DIR", help=IMAGES)
    format_option(parser, "text", "json")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return positive(width), positive(height)


_size.__name__ = "size (as 416x416)"


def run(args: argparse.Namespace) -> int:
    import archspec

    found = archspec.anchors(
        args.data, args.k, size=args.size, seed=abs(args.seed), split=args.split, images=args.images
    )
    if args.format == "json":
        print_json(found.to_json())
    else:
        print(found)
    return OK
