"""`archspec inspect`: what a trained network has learnt, as pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, SPEC_HELP, positive


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="RUNDIR|SPEC", help=f"what `archspec train` wrote; or {SPEC_HELP}")
    parser.add_argument(
        "--weights", default="best", metavar="WHICH", help="best, last, or a file of safetensors (best)"
    )
    parser.add_argument("--layer", metavar="LAYER", help="its name, as `summarize` has it; of a scope, its last layer")
    parser.add_argument("--image", type=Path, metavar="FILE", help="its feature maps at the layer")
    parser.add_argument("--unit", type=int, metavar="N", help="a channel of the layer, from 0 on: what excites it most")
    parser.add_argument("--split", default="val", help="whose patches are looked through (val)")
    parser.add_argument("--top", type=positive, default=9, metavar="N", help="how many patches (9)")
    parser.add_argument("--steps", type=positive, default=256, metavar="N", help="of gradient ascent (256)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (the best there is)")
    parser.add_argument("-o", "--out", type=Path, default=Path("inspected"), metavar="DIR", help="(inspected)")


def run(args: argparse.Namespace) -> int:
    import archspec
    from archspec.cli.common import report

    options = ("weights", "layer", "unit", "image", "split", "top", "steps", "device")
    given = {name: getattr(args, name) for name in options}
    for path in archspec.inspect(args.target, args.out, report=lambda warning: report([warning]), **given):
        print(path)
    return OK
