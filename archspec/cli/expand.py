"""`archspec expand`: a spec written out, one entry a layer."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, load, spec_argument


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_argument(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a file to write, in place of stdout")


def run(args: argparse.Namespace) -> int:
    from archspec.authoring import written_out
    from archspec.files import write_text

    if args.output is not None:
        written_out.refuse_itself(args.spec, args.output)
    graph = load(args)
    changed = bool(args.set) or args.input is not None or args.dense
    header = written_out.header(args.spec, None, args.set, args.input, dense=args.dense)
    text = written_out.written_out(graph, header, changed)
    if args.output is None:
        print(text, end="")
    else:
        write_text(args.output, text)
        print(args.output)
    return OK
