"""`archspec evaluate`: a trained network measured."""

from __future__ import annotations

import argparse

from archspec.cli.common import OK, format_option, print_json, report, run_dir_argument, settings


def arguments(parser: argparse.ArgumentParser) -> None:
    run_dir_argument(parser)
    parser.add_argument("--split", choices=("train", "val", "test"), help="of the data (test, else val)")
    settings(parser, "data.root=elsewhere")
    format_option(parser, "text", "json")


def run(args: argparse.Namespace) -> int:
    import archspec

    found = archspec.evaluate(
        args.run_dir, split=args.split, weights=args.weights, device=args.device, overrides=args.set
    )
    report(found.warnings)
    if args.format == "json":
        print_json(found.to_json())
    else:
        print(found)
    return OK
