"""`archspec predict`: what images show."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, WRONG_INPUT, format_option, positive, print_json, report, run_dir_argument


def arguments(parser: argparse.ArgumentParser) -> None:
    run_dir_argument(parser)
    parser.add_argument("image", nargs="+", type=Path, metavar="IMAGE", help="images of any size and kind")
    parser.add_argument("--top", type=positive, default=5, metavar="N", help="how many classes to name (5)")
    parser.add_argument("--threshold", type=float, metavar="P", help="least probability of a tag (the run's, 0.5)")
    parser.add_argument("--dense", action="store_true", help="slide a classifier over images: what each window shows")
    parser.add_argument("--input", metavar="CxHxW", help="with --dense: bring images to this size (each in its own)")
    out_help = "a new folder: pictures with the box or the points that the network tells"
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help=out_help)
    format_option(parser, "text", "json")


def run(args: argparse.Namespace) -> int:
    import archspec

    names = ("top", "weights", "device", "threshold", "dense", "input", "out")
    found = archspec.predict(args.run_dir, args.image, **{name: getattr(args, name) for name in names})
    problems = [one.problem for one in found if one.problem is not None]
    report(problems)
    if args.format == "json":
        print_json([one.to_json() for one in found])
    else:
        for one in found:
            if one.problem is None:
                print(one)
    return WRONG_INPUT if problems else OK
