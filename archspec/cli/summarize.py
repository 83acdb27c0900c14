"""`archspec summarize`: a network's layers and totals."""

from __future__ import annotations

import argparse

from archspec.cli.common import OK, format_option, load, positive, print_json, spec_argument


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_argument(parser)
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="images at once (1)")
    parser.add_argument("--depth", type=positive, metavar="D", help="fold the table to D levels of names")
    format_option(parser, "table", "json", "csv", "markdown")


def run(args: argparse.Namespace) -> int:
    import archspec

    summary = archspec.summarize(load(args), batch=args.batch)
    if args.format == "json":
        print_json(summary.to_json())
        return OK
    from archspec.render import table

    print(table.render(summary, args.format, depth=args.depth))
    return OK
