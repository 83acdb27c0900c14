"""`archspec evaluate-boxes`: detections in files scored against annotations in files; no network takes part."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from archspec.cli.common import OK, format_option, print_json

TRUTH = "COCO's .json, a .csv file, or a folder of VOC's or YOLO's layout"
DETECTIONS = "COCO's results or detect's .json, a .csv file, or a folder of VOC's or YOLO's text files"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--truth", type=Path, required=True, metavar="GT", help=TRUTH)
    parser.add_argument("--detections", type=Path, required=True, metavar="DETS", help=DETECTIONS)
    parser.add_argument("--split", metavar="NAME", help="only the images of that set (VOC's ImageSets/Main, YOLO's)")
    parser.add_argument("--score", type=float, default=0.25, metavar="S", help="least score in the mistakes (0.25)")
    format_option(parser, "table", "json")


def run(args: argparse.Namespace) -> int:
    import archspec

    found = archspec.evaluate_boxes(args.truth, args.detections, split=args.split, score=args.score)
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    if args.format == "json":
        print_json(found.to_json())
    else:
        print(found)
    return OK
