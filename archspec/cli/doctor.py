"""`archspec doctor`: a run examined before it is trained."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, WRONG_INPUT, format_option, print_json, settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_file", metavar="RUN.yaml", help="what `archspec train` would carry out")
    settings(parser, "train.optimizer.lr=0.01")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="where rates.png goes: loss over learning rate")
    format_option(parser, "text", "json")


def run(args: argparse.Namespace) -> int:
    """1 where there is a fault."""
    import archspec

    found = archspec.doctor(args.run_file, overrides=args.set, out=args.out)
    if args.format == "json":
        print_json(found.to_json())
    else:
        print(found)
    return OK if found.sound else WRONG_INPUT
