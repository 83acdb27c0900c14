"""`archspec draw`: a picture of a network."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, load, positive, spec_argument


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_argument(parser)
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="FILE.svg, FILE.png or FILE.dot"
    )
    parser.add_argument("--depth", type=positive, metavar="D", help="open blocks down to D levels")


def run(args: argparse.Namespace) -> int:
    import archspec

    print(archspec.draw(load(args), args.output, depth=args.depth))
    return OK
