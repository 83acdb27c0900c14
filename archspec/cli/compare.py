"""`archspec compare`: runs side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, format_option, positive, print_json, report


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUNDIR", help="what `archspec train` wrote")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="their curves: FILE.png, .svg or .pdf")
    parser.add_argument("--latency-ms", type=_budget, metavar="MS", help="time them; the best within that")
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="images at once, when timed (1)")
    parser.add_argument("--device", default="auto", help="where they are timed: cpu, cuda (the best there is)")
    format_option(parser, "text", "json", "csv", "markdown")


def _budget(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


_budget.__name__ = "time in ms (above 0)"


def run(args: argparse.Namespace) -> int:
    import archspec
    from archspec.errors import fail

    found = archspec.compare(args.runs, latency_ms=args.latency_ms, device=args.device, batch=args.batch)
    report(found.warnings)
    if args.format == "json":
        print_json(found.to_json())
    else:
        from archspec.render.runs import runs_table

        print(runs_table(found, args.format))
    if args.plot:
        found.plot(args.plot)
    if found.budget_ms is not None and found.chosen is None:
        fastest = min(found.runs, key=lambda run: run.figures["latency_ms"] or 0.0)
        needs = f"the fastest, {fastest.name}, takes {fastest.figures['latency_ms']:.2f} ms"
        raise fail("E681", f"no run answers within {found.budget_ms:g} ms: {needs}")
    return OK
