"""`archspec train`: a run file carried out."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_file", metavar="RUN.yaml", help="what to train on what, and how: see examples/")
    settings(parser, "train.epochs=3")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run directory: a new one (runs/NAME-N)")
    parser.add_argument("--resume", action="store_true", help="go on from what DIR holds, or begin there")


def run(args: argparse.Namespace) -> int:
    import archspec

    print(archspec.train(args.run_file, out=args.out, overrides=args.set, resume=args.resume))
    return OK
