"""What commands share: their common arguments, and how they print."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archspec.errors import Diagnostic, SpecError, format_diagnostics

if TYPE_CHECKING:
    from archspec.graph import TypedGraph

OK, WRONG_INPUT, INTERNAL, INTERRUPTED, BROKEN_PIPE, TERMINATED = 0, 1, 70, 130, 141, 143

SPEC_HELP = "a YAML file, or a network that comes with archspec (see `archspec list`); @VARIANT picks a variant"


LINGER = 2.0
"""Seconds for which a process waits that has nothing to say: torchrun ends the others as soon as one has ended."""

_offered: set[str] = set()
"""Codes that a person was told how to read about: once is enough."""


def report(diagnostics: Iterable[Diagnostic]) -> None:
    """Diagnostics on stderr, a blank line between two; where a person looks on in colour, and with what says more."""
    found, watched = list(diagnostics), sys.stderr.isatty()
    color = watched and not os.environ.get("NO_COLOR")
    if text := format_diagnostics(found, color):
        print(text, file=sys.stderr)
    codes = dict.fromkeys(d.code for d in found if d.severity == "error" and d.code not in _offered)
    if codes and watched:
        _offered.update(codes)
        more = f"more: archspec explain {' '.join([*codes][:4])}"
        print(f"\x1b[2m{more}\x1b[0m" if color else more, file=sys.stderr)


def print_json(data: Any) -> None:
    import json

    json.dump(data, sys.stdout, indent=2, ensure_ascii=False)
    print()


def hurry() -> None:
    """For commands that are over in a blink: leave out what only longer ones gain from.

    What they allocate lives to the end, so collecting garbage finds none; and pydantic, left alone, reads the
    metadata of every installed package in search of plugins: together 6 % of `archspec summarize`.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def load(args: argparse.Namespace) -> TypedGraph:
    """The graph a command is about; what is doubtful or was left unchecked goes to stderr."""
    return load_one(args.spec, args)


def load_one(spec: str, args: argparse.Namespace) -> TypedGraph:
    """The same, of one of several specs, all with the same edits."""
    hurry()
    import archspec
    from archspec.rules import lint

    graph = archspec.load(spec, overrides=args.set, input=args.input, dense=args.dense)
    for note in graph.notes:
        print(f"note: {note}", file=sys.stderr)
    report(lint(graph))
    return graph


def load_all(specs: Sequence[str], args: argparse.Namespace) -> list[TypedGraph]:
    """The graphs of several specs; those of one name are called as the command line calls them, to be told apart."""
    graphs = [load_one(spec, args) for spec in specs]
    names = [graph.name for graph in graphs]
    return [
        graph if names.count(graph.name) == 1 or len(set(specs)) == 1 else replace(graph, name=spec)
        for spec, graph in zip(specs, graphs, strict=True)
    ]


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


positive.__name__ = "number (1 or more)"  # what argparse calls it in "invalid … value"


_BYTES = {"": 1, "B": 1}
for _power, _letter in enumerate("KMGT", start=1):
    _BYTES |= {f"{_letter}iB": 1024**_power, f"{_letter}B": 1000**_power, _letter: 1024**_power}


def byte_count(text: str) -> int:
    """Bytes as a person writes them: 24GiB, 24G (the same), 24GB (1000³), 1.5GiB."""
    end = len(text.rstrip("KMGTiB"))
    unit = _BYTES.get(text[end:])
    number = Decimal(text[:end].strip()) if text[:end].strip().replace(".", "", 1).isdecimal() else 0
    if unit is None or not number:
        raise ValueError
    return int(number * unit)


byte_count.__name__ = "size (as 24GiB)"


def spec_argument(parser: argparse.ArgumentParser, or_run: bool = False) -> None:
    """SPEC, and the edits made to it before it is read: what `load` takes. `or_run`: a run directory will do too."""
    metavar, more = ("SPEC|RUNDIR", "; or what `archspec train` wrote") if or_run else ("SPEC", "")
    parser.add_argument("spec", metavar=metavar, help=SPEC_HELP + more)
    settings(parser, "vars.classes=10")
    input_option(parser)
    dense_option(parser)


def run_dir_argument(parser: argparse.ArgumentParser) -> None:
    """RUNDIR, and which of its weights compute where."""
    parser.add_argument("run_dir", type=Path, metavar="RUNDIR", help="what `archspec train` wrote")
    parser.add_argument("--weights", default="best", metavar="best|last|FILE", help="which weights (best)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (the best there is)")


def settings(parser: argparse.ArgumentParser, example: str) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help=f"another value for something the file sets, as {example}; may be repeated",
    )


def input_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", metavar="CxHxW", help="another input size, as 3x224x224; 3xHxW leaves it open")


def dense_option(parser: argparse.ArgumentParser) -> None:
    told = "slide it over an image of the size --input: fully connected layers behind `flatten` as convolutions"
    parser.add_argument("--dense", action="store_true", help=told)


def plugin_option(parser: argparse.ArgumentParser) -> None:
    """`--plugin`, for a command or for each of its actions."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                plugin_option(one)
            return
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE.py",
        help="operators of your own that the network uses; may be repeated",
    )


def plugins(args: argparse.Namespace) -> AbstractContextManager[object]:
    """The plugins that `--plugin` names, for as long as the command runs."""
    files = getattr(args, "plugin", [])
    if not files:
        return nullcontext()
    from archspec.plugins import using

    return using(files)


@contextmanager
def plugin_faults() -> Iterator[None]:
    """An exception that came through a plugin becomes SpecError E556: asked while the plugin is still loaded."""
    try:
        yield
    except (SpecError, OSError):
        raise
    except Exception as error:
        loaded = sys.modules.get("archspec.plugins.faults")
        told = loaded.blame(error) if loaded is not None and not os.environ.get("ARCHSPEC_DEBUG") else None
        if told is None:
            raise
        raise SpecError(told) from error


def alone(command: str) -> None:
    """Raises SpecError E685 where torchrun has started several processes of a command that is for one: in the first
    process with a diagnostic, in the others without."""
    from archspec.backend import processes

    rank, size = processes()
    if rank:
        time.sleep(LINGER)
    if size > 1:
        message = f"`archspec {command}` computes in one process, and {size} were started"
        hint = "start it without torchrun; of the commands, `archspec train` shares its work"
        raise SpecError(() if rank else Diagnostic("E685", message, hint=hint))


def format_option(parser: argparse.ArgumentParser, *formats: str) -> None:
    parser.add_argument("--format", choices=formats, default=formats[0], help=f"how to print it ({formats[0]})")
