"""`archspec train`: a run file carried out."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from archspec.cli.common import OK, settings
from archspec.errors import SpecError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_file", metavar="RUN.yaml", help="what to train on what, and how: see examples/")
    settings(parser, "train.epochs=3")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run directory: a new one (runs/NAME-N)")
    parser.add_argument("--resume", action="store_true", help="go on from what DIR holds, or begin there")
    parser.add_argument("--strict", action="store_true", help="files of the data that cannot be read stop the run")


def run(args: argparse.Namespace) -> int:
    import archspec
    from archspec.backend import processes

    overrides = [*args.set, "data.strict=true"] if args.strict else args.set
    rank, size = processes()
    try:
        found = archspec.train(args.run_file, out=args.out, overrides=overrides, resume=args.resume)
    except SpecError:
        if size > 1:  # torchrun ends the others as soon as one has ended: what it was is said first
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise
    if rank == 0:
        print(found)
    return OK
