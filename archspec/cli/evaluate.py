"""`archspec evaluate`: trained networks measured, alone or together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from archspec.cli.common import OK, format_option, print_json, report, settings

TTA = ("none", "mirror", "ten_crop", "multi_scale")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUNDIR", help="what `archspec train` wrote")
    parser.add_argument(
        "--weights", action="append", metavar="best|last|snapshots|FILE", help="which weights (best); may be repeated"
    )
    parser.add_argument("--split", choices=("train", "train_dev", "val", "test"), help="of the data (test, else val)")
    parser.add_argument("--tta", choices=TTA, default="none", help="mean over views of an image (none)")
    together = parser.add_mutually_exclusive_group()
    together.add_argument("--ensemble", choices=("average", "vote"), help="several runs or weights answer together")
    together.add_argument("--average-weights", action="store_true", help="one network with the mean of their weights")
    parser.add_argument("--threshold", type=float, metavar="P", help="least probability of a tag (the run's, 0.5)")
    parser.add_argument("--score", type=float, metavar="S", help="least score in a detector's mistakes (0.25)")
    parser.add_argument("--bias-variance", action="store_true", help="errors on all splits, and what to do next")
    parser.add_argument("--human", type=float, metavar="ERROR", help="people's error for that, as 0.01 (0)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (the best there is)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="a new folder for all of it: JSON, CSV, PNG and SVG")
    settings(parser, "data.root=elsewhere")
    format_option(parser, "text", "json", "csv")


def run(args: argparse.Namespace) -> int:
    import archspec
    from archspec.errors import fail
    from archspec.files import check_new_folder

    options: dict[str, Any] = {
        "weights": args.weights or "best",
        "device": args.device,
        "overrides": args.set,
        "tta": args.tta,
        "ensemble": args.ensemble,
        "average_weights": args.average_weights,
        "threshold": args.threshold,
    }
    if args.human is not None and not args.bias_variance:
        raise fail("E673", "--human is for --bias-variance", hint="add --bias-variance")
    if args.bias_variance:
        if args.split or args.out:
            raise fail(
                "E673", "--bias-variance measures all splits, and writes no files", hint="leave out --split, --out"
            )
        if args.score is not None:
            message = "--score is for the mistakes of a detector by kind, which --bias-variance does not tell"
            raise fail("E673", message, hint="leave one of them out")
        found = archspec.diagnose(args.runs, human=args.human or 0.0, **options)
    else:
        if args.out:
            check_new_folder(args.out, "E676", "--out")
        found = archspec.evaluate(args.runs, split=args.split, score=args.score, **options)
    report(found.warnings)
    if args.out:
        found.write(args.out)
    if args.format == "json":
        print_json(found.to_json())
    elif args.format == "csv":
        print(found.to_csv(), end="")
    else:
        print(found)
    return OK
