"""`archspec serve`: the page of a network, live, for this machine alone."""

from __future__ import annotations

import argparse
import sys

from archspec.cli.common import OK, spec_argument
from archspec.cli.report import page_options

PORT = 8750


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_argument(parser)
    where = f"where to listen ({PORT}); 0: any that is free"
    parser.add_argument("--port", type=port, default=PORT, metavar="P", help=where)
    page_options(parser)


def port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise ValueError
    return value


port.__name__ = "port (0 to 65535)"


def run(args: argparse.Namespace) -> int:
    import archspec
    from archspec.serving import Server, Watched

    def graph() -> archspec.TypedGraph:
        return archspec.load(args.spec, overrides=args.set, input=args.input, dense=args.dense)

    def told(wrong: str) -> None:
        print(wrong or f"{args.spec}: ok", file=sys.stderr, flush=True)

    watched = Watched(args.spec, graph, args.batch, args.optimizer, args.precision, args.device)
    server = Server(watched, args.port)
    if watched.wrong:
        told(watched.wrong)
    print(f"{args.spec} at {server.url} (Ctrl-C ends)", flush=True)
    server.follow(told)
    return OK
