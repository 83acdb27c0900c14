"""`archspec format`: specs and run files in one layout."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from archspec.cli.common import OK, WRONG_INPUT, hurry, report
from archspec.errors import Diagnostic, SpecError

if TYPE_CHECKING:
    from archspec.authoring.formatting.files import Formatted

STDIN = "<stdin>"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="+", metavar="FILE", help="YAML files; - reads stdin and writes stdout")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a file would change")
    parser.add_argument("--diff", action="store_true", help="write nothing; print what would change")


def run(args: argparse.Namespace) -> int:
    hurry()
    from archspec.authoring.formatting.files import write_formatted

    wrong: list[Diagnostic] = []
    found = list(_formatted(args.file, wrong))
    report(wrong)
    changed = [one for one in found if one.changed]
    for one in found:
        if args.diff:
            print(one.diff(), end="")
        elif one.file == STDIN and not args.check:
            print(one.after, end="")
        elif one.changed:
            if not args.check:
                write_formatted(one)
            print(f"{one.file}: {'would be ' if args.check else ''}reformatted")
    if args.file != ["-"] and not args.diff and not wrong:
        print(_summary(len(found), len(changed), args.check))
    return WRONG_INPUT if wrong or (args.check and changed) else OK


def _formatted(files: list[str], wrong: list[Diagnostic]) -> Iterator[Formatted]:
    """Every file that can be read, in its layout; what is wrong with the others."""
    from archspec.authoring.formatting.files import formatted, read_formatted

    for file in dict.fromkeys(files):
        try:
            yield formatted(sys.stdin.buffer.read(), STDIN) if file == "-" else read_formatted(file)
        except SpecError as error:
            wrong += error.diagnostics


def _summary(files: int, changed: int, check: bool) -> str:
    if not changed:
        return "1 file is as it should be" if files == 1 else f"{files} files are as they should be"
    return f"{changed} of {files} file{'s' if files > 1 else ''} {'would be ' if check else ''}reformatted"
