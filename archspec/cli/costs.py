"""Options of commands that tell what a network costs: batch, optimiser, precision, device."""

from __future__ import annotations

import argparse

from archspec.cli.common import positive


def batch_option(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="images at once (1)")


def optimizer_option(parser: argparse._ActionsContainer, default: str | None = None) -> None:
    """One of those whose memory is known; what none is called is told by E582."""
    parser.add_argument("--optimizer", metavar="NAME", default=default, help="sgd, momentum, adam, adamw (sgd)")


def precision_option(parser: argparse._ActionsContainer, of: str) -> None:
    parser.add_argument(
        "--precision", metavar="P", default="float32", help=f"{of}: float32, tf32, bfloat16, float16 (float32)"
    )


def device_option(parser: argparse._ActionsContainer, what: str) -> None:
    parser.add_argument("--device", metavar="NAME|FILE", help=f"{what} h200, a100 …, or a device file")
