"""`archspec list`: the networks that come with archspec."""

from __future__ import annotations

import argparse

from archspec.cli.common import OK, format_option, print_json


def arguments(parser: argparse.ArgumentParser) -> None:
    format_option(parser, "text", "json")


def run(args: argparse.Namespace) -> int:
    from archspec import zoo

    entries = zoo.entries()
    if args.format == "json":
        print_json([{"name": e.name, "file": str(e.path), "variant": e.variant, "cite": e.cite} for e in entries])
        return OK
    width = max((len(e.name) for e in entries), default=0)
    for entry in entries:
        print(f"{entry.name:{width}}  {entry.cite or ''}".rstrip())
    return OK
