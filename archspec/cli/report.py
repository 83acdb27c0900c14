"""`archspec report`: a network as one page of HTML."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, load, positive, spec_argument

OPTIMIZERS = ("sgd", "momentum", "adam")


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_argument(parser)
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="FILE.html")
    page_options(parser)


def page_options(parser: argparse.ArgumentParser) -> None:
    """What the page's memory and costs are those of."""
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="images at once (1)")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="sgd", help="of the training step (sgd)")
    parser.add_argument("--device", metavar="NAME|FILE", help="its roofline: h200, a100, rtx4090, ryzen7840u")
    parser.add_argument(
        "--precision", default="float32", metavar="P", help="of it: float32, bfloat16, float16 (float32)"
    )


def run(args: argparse.Namespace) -> int:
    import archspec

    print(archspec.report(load(args), args.output, args.batch, args.optimizer, args.precision, args.device))
    return OK
