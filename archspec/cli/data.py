"""`archspec data`: a run's data looked at, before anything is trained on it."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, format_option, positive, print_json, report, settings


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    does = "a contact sheet of examples, augmented as in training"
    show = actions.add_parser("show", help=does, description=f"{does[0].upper()}{does[1:]}.", allow_abbrev=False)
    _run_file(show)
    show.add_argument("-o", "--out", type=Path, required=True, metavar="SHEET.png", help="the picture to write")
    show.add_argument("--split", default="train", help="train, val, test or train_dev (train)")
    show.add_argument("--n", type=positive, default=36, metavar="N", help="how many examples (36)")
    show.add_argument("--epoch", type=positive, default=1, metavar="K", help="augmented as in that epoch (1)")
    show.set_defaults(action=_show)
    does = "examples by class and split, sizes, damaged files, images in two splits"
    check = actions.add_parser("check", help=does, description=f"{does[0].upper()}{does[1:]}.", allow_abbrev=False)
    _run_file(check)
    format_option(check, "text", "json")
    check.set_defaults(action=_check)


def _run_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_file", metavar="RUN.yaml", help="a run file: see examples/")
    settings(parser, "data.root=PATH")


def run(args: argparse.Namespace) -> int:
    action = args.action(args)
    assert isinstance(action, int)
    return action


def _show(args: argparse.Namespace) -> int:
    from archspec.backend import backend

    print(backend("torch").show_data(args.run_file, args.out, args.split, args.n, args.epoch, args.set))
    return OK


def _check(args: argparse.Namespace) -> int:
    from archspec.backend import backend

    found = backend("torch").check_data(args.run_file, args.set)
    report(found.warnings)
    if args.format == "json":
        print_json(found.to_json())
    else:
        print(found)
    return OK
