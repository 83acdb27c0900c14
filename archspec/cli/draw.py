"""`archspec draw`: a picture of a network."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, load, load_one, positive, spec_argument

STYLES = ("blocks", "layers", "paper", "unet", "volumes")
HELP = """\
styles:
  blocks   what repeats folded, and its inside beside the network; an encoder-decoder as a U
  layers   a box for each layer, repeats drawn once
  paper    the column of the ResNet and VGG papers: sizes in the margin, shortcuts as arcs
  unet     an encoder-decoder with a row for each resolution
  volumes  tensors as boxes in perspective, as the LeNet and AlexNet papers draw them
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = HELP
    spec_argument(parser)
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="FILE.svg, FILE.png, FILE.pdf or FILE.dot"
    )
    parser.add_argument("--style", choices=STYLES, default="blocks", help="what the picture looks like (blocks)")
    parser.add_argument("--depth", type=positive, metavar="D", help="open blocks down to D levels")
    parser.add_argument(
        "--theme", choices=("light", "dark"), default="light", help="colours on white or on black (light)"
    )
    marks = parser.add_mutually_exclusive_group()
    marks.add_argument("--heat", choices=("params", "macs", "memory"), help="colour by share of the whole network's")
    marks.add_argument(
        "--highlight-diff",
        metavar="OTHER",
        help="colour what was added or changed since spec OTHER, with the same --input and --set",
    )


def run(args: argparse.Namespace) -> int:
    import archspec

    graph = load(args)
    other = load_one(args.highlight_diff, args) if args.highlight_diff else None
    looks = {"style": args.style, "heat": args.heat, "theme": args.theme, "against": other}
    print(archspec.draw(graph, args.output, args.depth, **looks))
    return OK
