"""`archspec report`: a network, or a run, as one page of HTML."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, load, report, spec_argument
from archspec.cli.costs import batch_option, device_option, optimizer_option, precision_option


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_argument(parser, or_run=True)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="FILE.html (of a run: its own report.html)")
    page_options(parser)
    parser.set_defaults(complain=parser.error)


def page_options(parser: argparse.ArgumentParser) -> None:
    """What the page's memory and costs are those of."""
    batch_option(parser)
    optimizer_option(parser, "sgd")
    device_option(parser, "its roofline (of a run, what measures it):")
    precision_option(parser, "of memory and roofline")


def run(args: argparse.Namespace) -> int:
    import archspec

    if Path(args.spec).is_dir():
        if args.dense:
            args.complain("--dense is for the page of a network; a run's page shows the network as it was trained")
        path, warnings = archspec.report_run(args.spec, args.output, device=args.device or "auto", overrides=args.set)
        report(warnings)
        print(path)
        return OK
    if args.output is None:
        args.complain("the page of a network needs a file to be written to: -o FILE.html")
    page = archspec.report(load(args), args.output, args.batch, args.optimizer, args.precision, args.device)
    print(page)
    return OK
