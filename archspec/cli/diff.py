"""`archspec diff`: what is different between two networks."""

from __future__ import annotations

import argparse

from archspec.cli.common import OK, SPEC_HELP, dense_option, format_option, load_all, print_json, settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="A", help=SPEC_HELP)
    parser.add_argument("after", metavar="B", help="another; what it has that A has not was added")
    settings(parser, "vars.classes=10")
    parser.add_argument("--input", metavar="CxHxW", help="another input size for both, as 3x224x224")
    dense_option(parser)
    format_option(parser, "text", "json")


def run(args: argparse.Namespace) -> int:
    before, after = load_all((args.before, args.after), args)
    from archspec.analysis.diff import diff

    found = diff(before, after)
    if args.format == "json":
        print_json(found.to_json())
        return OK
    from archspec.render.difference import difference

    print(difference(found))
    return OK
