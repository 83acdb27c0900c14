"""`archspec new`: a spec to begin from."""

from __future__ import annotations

import argparse

from archspec.cli.common import OK, SPEC_HELP, hurry


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the network is called; NAME.yaml is written")
    parser.add_argument("--like", metavar="SPEC", help=f"begin from what is there: {SPEC_HELP}")


def run(args: argparse.Namespace) -> int:
    hurry()
    import archspec

    print(archspec.new(args.name, like=args.like))
    return OK
