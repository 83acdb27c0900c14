"""The command `archspec`: parses arguments, calls the functions a script would call, prints what they give.

Exit status: 0 fine; 1 the input is wrong (a spec, a setting, a name, a file), told on stderr; 2 the command
line is; 70 a fault of archspec itself; 128 + the signal's number after Ctrl-C (130), SIGTERM (143) or a
reader that went away (141). A command is a module of this package with `arguments(parser)` and `run(args)`;
only the one that was asked for is imported, and it imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

from archspec.cli.common import (
    BROKEN_PIPE,
    INTERNAL,
    INTERRUPTED,
    TERMINATED,
    WRONG_INPUT,
    alone,
    plugin_faults,
    plugin_option,
    plugins,
)
from archspec.cli.common import report as tell  # `report` here is the command's module
from archspec.errors import SpecError

COMMANDS = {
    "check": "read specs and say all that is wrong with them",
    "format": "lay out specs and run files in one style, comments kept",
    "explain": "what a code, a layer or another word of the language means",
    "list": "the networks that come with archspec",
    "new": "write a spec to begin from: a small classifier, or a network that is there already",
    "expand": "write a spec out: every layer with its name and all its arguments",
    "summarize": "shapes, parameters, cost and memory, layer by layer and in total",
    "where": "the pixels of the image that a cell of a layer sees",
    "diff": "what is different between two networks, and which weights of one load into the other",
    "draw": "draw the network (png and pdf need Graphviz; svg does not)",
    "report": "a network, or a run, as one page of HTML: diagram, table, memory over time",
    "serve": "the same page, live: it follows the file, errors included",
    "schema": "the JSON Schema by which editors complete, explain and check specs",
    "bench": "measure this machine, and time networks on it",
    "doctor": "examine a run before it is trained: data, network, loss, gradients, learning rate",
    "data": "look at data, a run's or annotated boxes: a contact sheet, what is in it, another format",
    "train": "train as a run file says, into a run directory",
    "tune": "search values of a run: many short runs, the bad ones cut",
    "evaluate": "measure a trained network on images it was not trained on",
    "evaluate-boxes": "score detections in files against annotated boxes: COCO's figures and VOC's",
    "anchors": "the widths and heights that stand best for a data set's boxes",
    "compare": "runs side by side: what differs in their files, and what they reached",
    "predict": "say what images show, by a trained network",
    "detect": "find objects in images, folders and videos, by a trained detector; draw their boxes",
    "inspect": "what a trained network has learnt, as pictures",
    "weights": "trained weights from elsewhere",
    "plugin": "test a file of operators of your own",
}
"""Every command, in the order that `--help` lists them, and what it does."""

WITHOUT_PLUGINS = ("list", "plugin", "format", "evaluate-boxes", "anchors")
"""Commands that meet no layer of a spec, and so take no `--plugin`."""

IN_ONE_PROCESS = ("bench", "doctor", "tune", "evaluate", "predict", "detect", "inspect")
"""Commands that compute for long or write what they find, and so are refused where torchrun has started several."""


def entry() -> NoReturn:
    """What the command runs: `main`, and out.

    Where torch was not loaded nothing is left that wants an orderly end, and taking a graph apart object by
    object would cost a tenth of `archspec summarize`.
    """
    status = main()
    if "torch" not in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. `argv` defaults to the command line."""
    try:
        with contextlib.suppress(ValueError):  # outside the main thread signals are not ours to handle
            signal.signal(signal.SIGTERM, _terminate)
        _print_any_character()
        words = sys.argv[1:] if argv is None else argv
        args = _parser(words).parse_args(words)
        run: Callable[[argparse.Namespace], int] = args.run
        with plugins(args), plugin_faults():
            if args.command in IN_ONE_PROCESS:
                alone(args.command)
            status = run(args)
        print(end="", flush=True)
        return status
    except SpecError as error:
        tell(error.diagnostics)
        return WRONG_INPUT
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":  # of several processes the first says it
            print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # what is still buffered has no reader: without this the interpreter complains at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return WRONG_INPUT
    except Exception as error:
        if os.environ.get("ARCHSPEC_DEBUG"):
            raise
        print(
            f"archspec: internal error: {type(error).__name__}: {error}\n"
            "This is a fault of archspec, not of your input: please report it, with what\n"
            "ARCHSPEC_DEBUG=1 makes it print.",
            file=sys.stderr,
        )
        return INTERNAL


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)


def _print_any_character() -> None:
    """Where the terminal's encoding has no ×, print a stand-in rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="archspec",
        description="Neural networks written in YAML: check, count, draw, compile and train them.",
        epilog="Start with `archspec summarize lenet5`, then `archspec train examples/digits.yaml`.",
        allow_abbrev=False,
        formatter_class=_Help,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, does in COMMANDS.items():
        one = commands.add_parser(name, help=does, description=does[0].upper() + does[1:] + ".", allow_abbrev=False)
        if name in words:
            command = import_module(f"archspec.cli.{name.replace('-', '_')}")
            command.arguments(one)
            if name not in WITHOUT_PLUGINS:
                plugin_option(one)
            one.set_defaults(run=command.run, command=name)
    return parser


class _Help(argparse.HelpFormatter):
    """Leaves room for the longest command beside what it does; left alone, argparse breaks the line."""

    def __init__(self, prog: str):
        super().__init__(prog)
        self._action_max_length = 14


class _Version(argparse.Action):
    """`--version`, looked up only when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any):
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import version

        print(f"archspec {version('archspec-nn')}")
        parser.exit()
