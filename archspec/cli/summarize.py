"""`archspec summarize`: a network's layers and totals; of several networks, their totals side by side."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from archspec.cli.common import (
    OK,
    SPEC_HELP,
    byte_count,
    format_option,
    input_option,
    load_one,
    positive,
    print_json,
    settings,
)

if TYPE_CHECKING:
    from archspec.analysis.summary import Summary
    from archspec.analysis.training import Optimizer


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", nargs="+", help=f"{SPEC_HELP}; of several their totals are compared")
    settings(parser, "vars.classes=10")
    input_option(parser)
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="images at once (1)")
    parser.add_argument("--depth", type=positive, metavar="D", help="fold the table to D levels of names")
    parser.add_argument("--sort", metavar="FIGURE", help="most first: macs, params, memory …")
    parser.add_argument("--columns", metavar="NAMES", help="operation,params,macs,saved,field,train_flops …")
    format_option(parser, "table", "json", "csv", "markdown", "latex", "notes")
    timing = parser.add_argument_group("time")
    timing.add_argument("--device", metavar="NAME|FILE", help="estimate it on h200, a100, rtx4090, ryzen7840u")
    timing.add_argument(
        "--precision",
        metavar="P",
        default="float32",
        help="of time and of training: float32, tf32, bfloat16, float16 (float32)",
    )
    training = parser.add_argument_group("memory of training")
    training.add_argument("--train", action="store_true", help="also what a step of training takes, in --precision")
    training.add_argument("--optimizer", choices=("sgd", "momentum", "adam", "adamw"), help="by this optimiser (sgd)")
    training.add_argument(
        "--workspace", choices=("cuda", "hopper", "cpu"), default="cuda", help="whose libraries' own memory (cuda)"
    )
    training.add_argument("--fit", type=byte_count, metavar="SIZE", help="the largest batch that fits, into 24GiB say")


def run(args: argparse.Namespace) -> int:
    import archspec

    optimizer: Optimizer | None = args.optimizer or ("sgd" if args.train else None)
    summaries = [
        archspec.summarize(
            load_one(spec, args),
            args.batch,
            optimizer=optimizer,
            device=args.workspace,
            fit=args.fit,
            precision=args.precision,
        )
        for spec in args.spec
    ]
    if len(summaries) > 1:
        from archspec.render import comparison

        if args.format == "json":
            print_json(comparison.to_json(summaries))
        else:
            print(comparison.comparison(summaries, args.format, args.sort))
        return OK
    (summary,) = summaries
    columns = args.columns.split(",") if args.columns is not None else None
    if args.device is not None:
        return _with_device(args, summary, columns)
    if args.format == "json":
        print_json(summary.to_json())
        return OK
    from archspec.render import table

    print(table.render(summary, args.format, depth=args.depth, sort=args.sort, columns=columns))
    return OK


def _with_device(args: argparse.Namespace, summary: Summary, columns: list[str] | None) -> int:
    """The same, and the time that the network takes on a device."""
    from archspec.analysis.roofline import SHORT, roofline
    from archspec.render import roofline as shown
    from archspec.render import table

    found = roofline(summary.graph, args.device, batch=args.batch, precision=SHORT.get(args.precision, args.precision))
    if args.format == "json":
        print_json(shown.with_device(summary.to_json(), found))
        return OK
    text = table.render(summary, args.format, depth=args.depth, sort=args.sort, columns=columns)
    times = {"csv": lambda: shown.with_times(text, found), "markdown": lambda: f"{text}\n\n{shown.markdown(found)}"}
    print(times.get(args.format, lambda: f"{text}\n\n{shown.section(found)}")())
    return OK
