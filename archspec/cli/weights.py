"""`archspec weights import`: trained weights from elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, SPEC_HELP


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    bring = actions.add_parser("import", help="rename the tensors of a checkpoint to a spec's layers")
    bring.add_argument("spec", metavar="SPEC", help=SPEC_HELP)
    bring.add_argument("--from", dest="source", required=True, type=Path, metavar="FILE", help="a checkpoint")
    bring.add_argument(
        "--map",
        required=True,
        metavar="NAME|FILE",
        help="torchvision, timm, akamaster or identity; or a key map of your own",
    )
    bring.add_argument("-o", "--output", required=True, type=Path, metavar="OUT.safetensors", help="to write")


def run(args: argparse.Namespace) -> int:
    import archspec

    print(archspec.import_weights(args.spec, args.source, args.map, args.output))
    return OK
