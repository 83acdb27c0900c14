"""`archspec where`: the pixels of the image that a cell of a layer sees."""

from __future__ import annotations

import argparse

from archspec.cli.common import OK, format_option, load, print_json, spec_argument


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_argument(parser)
    parser.add_argument("layer", metavar="LAYER", help="its name, as `summarize` has it; of a scope, its last layer")
    parser.add_argument("cell", metavar="CELL", type=_index, nargs="+", help="row and column: Y X, from 0 on")
    format_option(parser, "text", "json")


def run(args: argparse.Namespace) -> int:
    from archspec.analysis.where import where

    view = where(load(args), args.layer, tuple(args.cell))
    if args.format == "json":
        print_json(view.to_json())
        return OK
    from archspec.render.view import text

    print(text(view))
    return OK


def _index(text: str) -> int:
    return int(text)


_index.__name__ = "number"
