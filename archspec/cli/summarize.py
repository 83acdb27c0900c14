"""`archspec summarize`: a network's layers and totals; of several networks, their totals side by side."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from archspec.cli.common import (
    OK,
    SPEC_HELP,
    byte_count,
    dense_option,
    format_option,
    input_option,
    load_all,
    positive,
    print_json,
    settings,
)
from archspec.cli.costs import batch_option, device_option, optimizer_option, precision_option

OPTIONS: Mapping[str, object] = {
    "depth": None, "sort": None, "columns": None, "device": None, "train": False, "optimizer": None, "fit": None
}  # fmt: skip
"""Options that some formats have no place for, and what they are unless given."""
HEEDED: Mapping[str, frozenset[str]] = {
    "table": frozenset(OPTIONS),
    "markdown": frozenset(OPTIONS),
    "latex": frozenset({"depth", "sort", "columns", "device"}),
    "csv": frozenset({"sort", "columns", "device"}),
    "json": frozenset({"device", "train", "optimizer", "fit"}),
    "notes": frozenset(),
}
"""The options that each format heeds, of one network."""
OF_SEVERAL = frozenset(OPTIONS) - {"depth"}
WHY = {
    "latex": "it is the table alone: --columns has what it shows",
    "csv": "it has a line for every layer, and no totals: --format json has them",
    "json": "it has every layer and figure, in the order that layers run",
    "notes": "its lines and figures are those of the notes",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", nargs="+", help=f"{SPEC_HELP}; of several their totals are compared")
    settings(parser, "vars.classes=10")
    input_option(parser)
    dense_option(parser)
    batch_option(parser)
    parser.add_argument("--depth", type=positive, metavar="D", help="fold the table to D levels of names")
    parser.add_argument("--sort", metavar="FIGURE", help="most first: macs, params, memory …")
    parser.add_argument("--columns", metavar="NAMES", help="operation,params,macs,saved,field,train_flops,time …")
    format_option(parser, "table", "json", "csv", "markdown", "latex", "notes")
    timing = parser.add_argument_group("time")
    device_option(timing, "estimate it on a device:")
    precision_option(timing, "of time and of training")
    training = parser.add_argument_group("memory of training")
    training.add_argument("--train", action="store_true", help="also what a step of training takes, in --precision")
    optimizer_option(training)
    training.add_argument("--workspace", choices=("cuda", "hopper", "cpu"), help="whose libraries' own memory (cuda)")
    training.add_argument("--fit", type=byte_count, metavar="SIZE", help="the largest batch that fits, into 24GiB say")


def run(args: argparse.Namespace) -> int:
    import archspec

    _check(args)
    summaries = [
        archspec.summarize(
            graph,
            args.batch,
            optimizer=args.optimizer or ("sgd" if args.train else None),
            workspace=args.workspace or "cuda",
            fit=args.fit,
            precision=args.precision,
            device=args.device,
        )
        for graph in load_all(args.spec, args)
    ]
    columns = [name.strip() for name in args.columns.split(",")] if args.columns is not None else None
    if len(summaries) > 1:
        from archspec.render import comparison

        if args.format == "json":
            print_json(comparison.to_json(summaries, args.sort))
        else:
            print(comparison.comparison(summaries, args.format, args.sort, columns=columns))
        return OK
    (summary,) = summaries
    if args.format == "json":
        print_json(summary.to_json())
        return OK
    from archspec.render import table

    print(table.render(summary, args.format, depth=args.depth, sort=args.sort, columns=columns))
    return OK


def _check(args: argparse.Namespace) -> None:
    """Raises SpecError E592 where an option would change nothing."""
    from archspec.errors import fail

    several = len(args.spec) > 1
    heeded = OF_SEVERAL if several else HEEDED[args.format]
    given = [name for name, unset in OPTIONS.items() if getattr(args, name) != unset]
    if unheeded := [f"--{name}" for name in given if name not in heeded]:
        what = "a comparison of several networks" if several else f"--format {args.format}"
        hint = "it has a line a network: summarize one of them" if several else WHY[args.format]
        raise fail("E592", f"{what} has no place for {', '.join(unheeded)}", hint=hint)
    if several and args.format == "json" and args.columns is not None:
        raise fail("E592", "--format json has no place for --columns", hint="it has every figure")
    if args.format == "latex" and args.device and not several and args.columns is None:
        hint = "--columns operation,macs,time puts the time beside each layer"
        raise fail("E592", "--format latex has no place for --device without a column of it", hint=hint)
    if args.workspace and not (args.train or args.optimizer or args.fit):
        raise fail("E592", "--workspace is of a step of training, and none was asked for", hint="--train tells of one")
    if args.format == "notes" and args.batch > 1:
        raise fail("E592", "--format notes has no place for --batch", hint="the notes count one image")
