"""`archspec expand`: a spec written out, one entry a layer."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, load, spec_argument


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_argument(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a file to write, in place of stdout")


def run(args: argparse.Namespace) -> int:
    from archspec import expanding
    from archspec.files import write_text

    if args.output is not None:
        expanding.refuse_itself(args.spec, args.output)
    graph = load(args)
    changed = bool(args.set) or args.input is not None
    written = expanding.written_out(graph, expanding.header(args.spec, None, args.set, args.input), changed)
    if args.output is None:
        print(written, end="")
    else:
        write_text(args.output, written)
        print(args.output)
    return OK
