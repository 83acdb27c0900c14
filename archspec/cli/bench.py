"""`archspec bench`: this machine measured, and networks timed beside their estimates."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.cli.common import OK, SPEC_HELP, format_option, positive, print_json

if TYPE_CHECKING:
    from archspec.devices import Device
    from archspec.graph import TypedGraph

NAME = 24


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("specs", nargs="*", metavar="SPEC", help=f"networks to time: {SPEC_HELP}")
    parser.add_argument("--zoo", action="store_true", help="time every network that comes with archspec")
    parser.add_argument("--device", metavar="FILE", help="estimate by this device file, in place of measuring anew")
    parser.add_argument("-o", "--output", type=Path, metavar="DEVICE.yaml", help="a file for what was measured")
    parser.add_argument("--batch", type=positive, default=1, metavar="N", help="images at once, for the networks (1)")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="that compute (as the device file says, or as torch chooses)"
    )
    format_option(parser, "table", "json")


def run(args: argparse.Namespace) -> int:
    from archspec.backend import backend
    from archspec.devices import load_device, written
    from archspec.errors import fail
    from archspec.files import replacing

    if args.device and args.output:
        hint = "leave out --device to measure this machine, or -o to use what is known"
        raise fail("E565", "-o writes what is measured, and --device measures nothing", hint=hint)
    known = load_device(args.device) if args.device else None
    graphs = _loaded(args.specs)
    torch = backend("torch")
    threads = args.threads or (known.threads if known else None)
    with replacing(args.output) if args.output else nullcontext() as file:  # told before anything is measured
        device = known or torch.calibrate(progress=_progress, threads=threads)
        if file:
            file.write_text(written(device, "This machine, as `archspec bench` measured it."), encoding="utf-8")
    if not graphs and not args.zoo:
        if args.output:
            print(args.output)
        elif args.format == "json":
            print_json(device.model_dump(exclude_none=True))
        else:
            print(written(device), end="")
        return OK
    timed = torch.compare(_all(graphs, args.zoo), device, batch=args.batch, threads=threads)
    if args.format == "json":
        print_json({"device": device.name, "batch": args.batch, **_comparison(list(timed)).to_json()})
    else:
        _print_rows(timed, device, args.batch, threads)
    return OK


def _loaded(specs: list[str]) -> list[TypedGraph]:
    """All of them before anything is measured, so that what is wrong is told at once."""
    import archspec

    return [archspec.load(spec) for spec in specs]


def _all(graphs: list[TypedGraph], zoo: bool) -> Iterator[TypedGraph]:
    import archspec
    from archspec.zoo import entries

    yield from graphs
    for entry in entries() if zoo else ():
        yield archspec.load(entry.name)


def _comparison(timed: list[Any]) -> Any:
    from archspec.analysis.agreement import Comparison

    return Comparison(tuple(timed))


def _print_rows(timed: Iterator[Any], device: Device, batch: int, threads: int | None) -> None:
    """A line a network as it is done, and how well they agree."""
    from archspec.render.units import decimal, duration

    print(f"measured here against {device.name}, float32, batch {batch}\n")
    print(f"{'network':{NAME}}  {'MACs':>9}  {'measured':>9}  {'estimated':>9}  {'error':>7}")
    done = []
    for one in timed:
        done.append(one)
        error = f"{100 * one.error:+.0f} %"
        times = f"{duration(one.seconds):>9}  {duration(one.estimated):>9}"
        print(f"{one.name:{NAME}}  {decimal(one.macs):>9}  {times}  {error:>7}", flush=True)
    found = _comparison(done)
    busy = sum(one.busy for one in done)
    print(f"\nmedian error {100 * found.median_error:.1f} % over {len(done)} network{'s' if len(done) > 1 else ''}")
    if len(done) > 2:
        ours, macs = found.rank_correlation, found.rank_correlation_of_macs
        print(f"rank correlation with measured times {ours:.4f}, of MACs alone {macs:.4f}")
    if busy:
        advice = "" if threads == 1 else "; --threads 1 leaves out what others take"
        told = f"something else was using the machine while {busy} of {len(done)} networks were measured{advice}"
        print(f"note: {told}", file=sys.stderr)


def _progress(what: str, done: int, steps: int) -> None:
    """One line that is written over, where a person looks on."""
    if sys.stderr.isatty():
        end = "\r\x1b[K" if done == steps else ""
        print(f"\r\x1b[Kmeasuring this machine: {what} {done}/{steps}{end}", end="", file=sys.stderr, flush=True)
