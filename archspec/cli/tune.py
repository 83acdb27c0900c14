"""`archspec tune`: values of a run searched, coarse and then fine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from archspec.cli.common import OK, format_option, positive, print_json, report, settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_file", metavar="RUN.yaml", help="the run whose values are searched")
    parser.add_argument("search", metavar="SEARCH.yaml", help="which values, between what: see docs/tuning.md")
    settings(parser, "train.batch=128")
    parser.add_argument("--out", type=Path, metavar="DIR", help="trials, table and plot (runs/NAME-tune)")
    parser.add_argument("--trials", type=positive, metavar="N", help="how many, of all processes together")
    parser.add_argument("--epochs", type=positive, metavar="N", help="of each trial")
    parser.add_argument("--fine", type=_factor, metavar="K", help="search on, from the best / K to the best · K")
    parser.add_argument("--resume", action="store_true", help="go on with the search in DIR")
    parser.add_argument("--storage", metavar="URL", help="where the trials are kept, for several processes (in DIR)")
    format_option(parser, "text", "json", "csv")


def _factor(text: str) -> float:
    value = float(text)
    if not 1 < value < float("inf"):
        raise ValueError
    return value


_factor.__name__ = "factor (above 1)"


def run(args: argparse.Namespace) -> int:
    import archspec

    found = archspec.tune(
        args.run_file,
        args.search,
        out=args.out,
        overrides=args.set,
        trials=args.trials,
        epochs=args.epochs,
        fine=args.fine,
        resume=args.resume,
        storage=args.storage,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    report(found.warnings)
    if args.format == "json":
        print_json(found.to_json())
    else:
        print(found.to_csv() if args.format == "csv" else found, end="" if args.format == "csv" else "\n")
    return OK
