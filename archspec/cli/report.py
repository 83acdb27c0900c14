"""`archspec report`: a network, or a run, as one page of HTML."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, load, positive, report, spec_argument

OPTIMIZERS = ("sgd", "momentum", "adam", "adamw")


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_argument(parser, or_run=True)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="FILE.html (of a run: its own report.html)")
    page_options(parser)
    parser.set_defaults(complain=parser.error)


def page_options(parser: argparse.ArgumentParser) -> None:
    """What the page's memory and costs are those of."""
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="images at once (1)")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="sgd", help="of the training step (sgd)")
    parser.add_argument(
        "--device", metavar="NAME|FILE", help="its roofline: h200, a100, rtx4090, …; of a run: what measures it"
    )
    parser.add_argument(
        "--precision", default="float32", metavar="P", help="of it: float32, bfloat16, float16 (float32)"
    )


def run(args: argparse.Namespace) -> int:
    import archspec

    if Path(args.spec).is_dir():
        path, warnings = archspec.report_run(args.spec, args.output, device=args.device or "auto", overrides=args.set)
        report(warnings)
        print(path)
        return OK
    if args.output is None:
        args.complain("the page of a network needs a file to be written to: -o FILE.html")
    page = archspec.report(load(args), args.output, args.batch, args.optimizer, args.precision, args.device)
    print(page)
    return OK
