"""`archspec check`: everything wrong or doubtful in specs."""

from __future__ import annotations

import argparse

from archspec.cli.common import (
    OK,
    SPEC_HELP,
    WRONG_INPUT,
    dense_option,
    format_option,
    hurry,
    input_option,
    print_json,
    report,
    settings,
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", nargs="+", metavar="SPEC", help=SPEC_HELP)
    settings(parser, "vars.classes=10")
    input_option(parser)
    dense_option(parser)
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    format_option(parser, "text", "json")


def run(args: argparse.Namespace) -> int:
    hurry()
    import archspec

    how = {"overrides": args.set, "input": args.input, "dense": args.dense}
    found = {spec: archspec.check(spec, args.strict, **how) for spec in args.spec}
    if args.format == "json":
        print_json([{"spec": spec, **d.to_json()} for spec, ds in found.items() for d in ds])
    else:
        for spec, diagnostics in found.items():
            report(diagnostics)
            errors = sum(d.severity == "error" for d in diagnostics)
            warnings = len(diagnostics) - errors
            print(f"{spec}: {_counted(errors, warnings)}")
    return WRONG_INPUT if any(d.severity == "error" for ds in found.values() for d in ds) else OK


def _counted(errors: int, warnings: int) -> str:
    parts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return ", ".join(parts) or "ok"
