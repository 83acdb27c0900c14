"""`archspec summarize`: a network's layers and totals."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from archspec.cli.common import OK, format_option, load, positive, print_json, spec_argument

if TYPE_CHECKING:
    from archspec.analysis.summary import Summary
    from archspec.graph import TypedGraph


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_argument(parser)
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="images at once (1)")
    parser.add_argument("--depth", type=positive, metavar="D", help="fold the table to D levels of names")
    parser.add_argument(
        "--device", metavar="NAME|FILE", help="estimate the time on one: h200, a100, rtx4090, ryzen7840u"
    )
    parser.add_argument("--precision", metavar="P", default="float32", help="of that time: float32, tf32, bfloat16 …")
    format_option(parser, "table", "json", "csv", "markdown")


def run(args: argparse.Namespace) -> int:
    import archspec

    graph = load(args)
    summary = archspec.summarize(graph, batch=args.batch)
    if args.device is not None:
        return _with_device(args, graph, summary)
    if args.format == "json":
        print_json(summary.to_json())
        return OK
    from archspec.render import table

    print(table.render(summary, args.format, depth=args.depth))
    return OK


def _with_device(args: argparse.Namespace, graph: TypedGraph, summary: Summary) -> int:
    """The same, and the time that the network takes on a device."""
    from archspec.analysis.roofline import roofline
    from archspec.render import roofline as shown
    from archspec.render import table

    found = roofline(graph, args.device, batch=args.batch, precision=args.precision)
    if args.format == "json":
        print_json(shown.with_device(summary.to_json(), found))
        return OK
    text = table.render(summary, args.format, depth=args.depth)
    times = {"csv": lambda: shown.with_times(text, found), "markdown": lambda: f"{text}\n\n{shown.markdown(found)}"}
    print(times.get(args.format, lambda: f"{text}\n\n{shown.section(found)}")())
    return OK
