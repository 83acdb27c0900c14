"""`archspec explain`: what a code, a layer or another word of the language means."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap

from archspec.cli.common import OK, hurry

WIDEST = 100
"""Columns that a page fills at most: longer lines are hard to read."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "topic",
        nargs="*",
        metavar="TOPIC",
        help="a code (E102), a layer, a block, any other word of a spec or a run file",
    )
    parser.add_argument("--in", dest="spec", metavar="SPEC", help="explain a block of that spec; alone: its blocks")


def run(args: argparse.Namespace) -> int:
    hurry()
    from archspec.authoring.explaining import blocks, explain
    from archspec.render.page import page

    width = min(shutil.get_terminal_size((80, 24)).columns, WIDEST)
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    if not args.topic:
        print("\n".join(_topics(width) if args.spec is None else blocks(args.spec)))
        return OK
    pages = [page(explain(topic, args.spec), width, color) for topic in args.topic]
    print("\n\n".join(pages))
    return OK


def _topics(width: int) -> list[str]:
    """Everything that can be explained, a paragraph a kind; codes by what they are about."""
    from archspec.authoring.explaining import GROUPS, codes, topics

    indented = textwrap.TextWrapper(width, initial_indent="  ", subsequent_indent="  ")
    lines = []
    for kind, words in topics().items():
        lines += [kind, *indented.wrap(", ".join(words))]
    lines.append("Codes of errors and warnings")
    for start, found in codes().items():
        span = found[0] if len(found) == 1 else f"{found[0]} … {found[-1]}"
        lines.append(f"  {span:13}  {GROUPS.get(start, '')}".rstrip())
    return lines
