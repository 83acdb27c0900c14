"""`archspec plugin`: a file of operators of one's own, tested as archspec's own are."""

from __future__ import annotations

import argparse

from archspec.cli.common import OK, WRONG_INPUT, format_option, plugin_faults, print_json, report


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.py", help="a plugin: see docs/plugins.md")
    format_option(parser, "text", "json")


def run(args: argparse.Namespace) -> int:
    import archspec
    from archspec.plugins import using

    with using([args.file]) as (plugin,), plugin_faults():
        found = archspec.check_plugin(plugin)
    report(found.problems)
    if args.format == "json":
        print_json(found.to_json())
    else:
        print(found)
    return WRONG_INPUT if found.problems else OK
