"""`archspec detect`: objects in images, by a trained detector."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from archspec.cli.common import OK, SPEC_HELP, WRONG_INPUT, input_option, positive, report, settings

FORMATS = ("text", "json", "coco", "voc", "yolo", "csv")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="RUNDIR|SPEC", help=f"what `archspec train` wrote; or {SPEC_HELP}")
    parser.add_argument(
        "images", nargs="+", metavar="IMAGES", help="images, folders, patterns as 'photos/*.jpg', videos, animations"
    )
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="a new folder: pictures with boxes drawn")
    parser.add_argument(
        "--format", choices=FORMATS, default="text", help="detections as a file in DIR, or printed without (text)"
    )
    parser.add_argument(
        "--truth", type=Path, metavar="GT", help="of --format coco: annotations with the numbers of images and classes"
    )
    parser.add_argument("--no-pictures", action="store_true", help="no pictures in DIR, detections alone")
    parser.add_argument("--score", type=float, default=0.25, metavar="S", help="least score (0.25)")
    parser.add_argument(
        "--iou", type=float, metavar="O", help="of two boxes that overlap more one goes (the network's)"
    )
    parser.add_argument("--keep", type=positive, metavar="N", help="the most objects of an image (the network's)")
    parser.add_argument("--tile", type=positive, metavar="PIXELS", help="look at larger images in such squares")
    parser.add_argument("--overlap", type=float, default=0.2, metavar="SHARE", help="of a tile with the next (0.2)")
    parser.add_argument(
        "--dense", action="store_true", help="slide a classifier or a localiser over images, and merge its windows"
    )
    parser.add_argument("--batch", type=positive, default=8, metavar="N", help="images at once (8)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (the best there is)")
    parser.add_argument("--weights", default="best", metavar="best|last|FILE", help="which weights (best)")
    spec = parser.add_argument_group("a spec in place of a run directory", "--weights names a file then")
    spec.add_argument("--map", metavar="NAME|FILE", help="torchvision, …, or a key map, for another program's file")
    spec.add_argument("--mean", type=_numbers, metavar="R,G,B", help="of values 0 … 1 (ImageNet's)")
    spec.add_argument("--std", type=_numbers, metavar="R,G,B", help="their deviation (ImageNet's)")
    spec.add_argument("--fit", choices=("stretch", "letterbox", "center", "crop"), help="to the input's size (stretch)")
    spec.add_argument("--classes", metavar="FILE|a,b,c", help="names of the classes; coco and voc are known (numbers)")
    settings(parser, "vars.classes=20")
    input_option(parser)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


_numbers.__name__ = "numbers (as 0.485,0.456,0.406)"


def run(args: argparse.Namespace) -> int:
    import archspec

    limits = ("score", "iou", "keep", "tile", "overlap", "dense", "batch")
    plain = ("map", "mean", "std", "fit", "classes", "input")
    how: dict[str, Any] = {name: getattr(args, name) for name in ("weights", "device", *limits, *plain, "truth")}
    how |= {"overrides": tuple(args.set), "pictures": not args.no_pictures}
    kind = None if args.format == "text" else args.format
    done, any_told = 0, False

    def told(one: Any) -> None:
        nonlocal done, any_told
        done += 1
        if one.problem is not None:
            report([one.problem])
        elif kind is None or args.out is not None:
            if not any_told:
                print("   time  objects  image")
            print(f"{1000 * one.seconds:4.0f} ms  {len(one.objects):7,}  {one}", flush=True)
            any_told = True

    try:
        found = archspec.detect(args.target, args.images, args.out, format=kind, told=told, warned=report, **how)
    except (KeyboardInterrupt, SystemExit):
        if args.out is not None:
            written = args.out.is_dir() and any(args.out.iterdir())
            where = f"what was found is in {args.out}" if written else "nothing is written"
            print(f"{done:,} image{'s' * (done != 1)} done; {where}", file=sys.stderr)
        raise
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    if kind is not None and args.out is None:
        print(found.text(kind), end="")
    else:
        print(found)
    return WRONG_INPUT if any(one.problem for one in found.images) else OK
