"""`archspec schema`: what editors complete, explain and check specs by."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, SPEC_HELP, hurry


def arguments(parser: argparse.ArgumentParser) -> None:
    about = parser.add_mutually_exclusive_group()
    about.add_argument(
        "spec", nargs="?", metavar="SPEC", help=f"one spec, whose own blocks are words too: {SPEC_HELP} (any spec)"
    )
    about.add_argument(
        "--run", dest="of_runs", action="store_true", help="run files, what `archspec train` reads, in place of specs"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="to write it to, in place of printing it")


def run(args: argparse.Namespace) -> int:
    hurry()
    import archspec
    from archspec import files
    from archspec.authoring.schema import dump

    text = dump(archspec.schema(args.spec, run=args.of_runs))
    if args.output is None:
        print(text, end="")
    else:
        files.write_text(args.output, text)
        print(args.output)
    return OK
