"""The command `archspec`: parses arguments, calls the functions a script would call, prints what they give.

Exit status: 0 fine; 1 the input is wrong (a spec, a setting, a name, a file), told on stderr; 2 the command
line is; 70 a fault of archspec itself; 128 + the signal's number after Ctrl-C (130), SIGTERM (143) or a
reader that went away (141). Each subcommand imports what it needs when it runs, so that none waits for another's.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from archspec.errors import Diagnostic, SpecError, format_diagnostic

if TYPE_CHECKING:
    from archspec.graph import TypedGraph

OK, WRONG_INPUT, INTERNAL, INTERRUPTED, BROKEN_PIPE, TERMINATED = 0, 1, 70, 130, 141, 143

SPEC_HELP = "a YAML file, or a network that comes with archspec (see `archspec list`); @VARIANT picks a variant"


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
        args = _parser().parse_args(argv)
        run: Callable[[argparse.Namespace], int] = args.run
        status = run(args)
        print(end="", flush=True)
        return status
    except SpecError as error:
        _report(error.diagnostics)
        return WRONG_INPUT
    except KeyboardInterrupt:
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


def _report(diagnostics: Iterable[Diagnostic]) -> None:
    """Diagnostics on stderr, a blank line between two, in colour where a person looks on."""
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    if texts := [format_diagnostic(d, color) for d in diagnostics]:
        print("\n\n".join(texts), file=sys.stderr)


def _print_json(data: Any) -> None:
    import json

    json.dump(data, sys.stdout, indent=2, ensure_ascii=False)
    print()


def _hurry() -> None:
    """For commands that are over in a blink: leave out what only longer ones gain from.

    What they allocate lives to the end, so collecting garbage finds none; and pydantic, left alone, reads the
    metadata of every installed package in search of plugins: together 6 % of `archspec summarize`.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _load(args: argparse.Namespace) -> TypedGraph:
    """The graph a command is about; what is doubtful or was left unchecked goes to stderr."""
    _hurry()
    import archspec
    from archspec.rules import lint

    graph = archspec.load(args.spec, overrides=args.set, input=args.input)
    for note in graph.notes:
        print(f"note: {note}", file=sys.stderr)
    _report(lint(graph))
    return graph


def _check(args: argparse.Namespace) -> int:
    _hurry()
    import archspec

    found = {spec: archspec.check(spec, strict=args.strict) for spec in args.spec}
    if args.format == "json":
        _print_json([{"spec": spec, **d.to_json()} for spec, ds in found.items() for d in ds])
    else:
        for spec, diagnostics in found.items():
            _report(diagnostics)
            errors = sum(d.severity == "error" for d in diagnostics)
            warnings = len(diagnostics) - errors
            print(f"{spec}: {_counted(errors, warnings)}")
    return WRONG_INPUT if any(d.severity == "error" for ds in found.values() for d in ds) else OK


def _counted(errors: int, warnings: int) -> str:
    parts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return ", ".join(parts) or "ok"


def _list(args: argparse.Namespace) -> int:
    from archspec import zoo

    entries = zoo.entries()
    if args.format == "json":
        _print_json([{"name": e.name, "file": str(e.path), "variant": e.variant, "cite": e.cite} for e in entries])
        return OK
    width = max((len(e.name) for e in entries), default=0)
    for entry in entries:
        print(f"{entry.name:{width}}  {entry.cite or ''}".rstrip())
    return OK


def _summarize(args: argparse.Namespace) -> int:
    import archspec

    summary = archspec.summarize(_load(args), batch=args.batch)
    if args.format == "json":
        _print_json(summary.to_json())
        return OK
    from archspec.render import table

    print(table.render(summary, args.format, depth=args.depth))
    return OK


def _draw(args: argparse.Namespace) -> int:
    import archspec

    print(archspec.draw(_load(args), args.output, depth=args.depth))
    return OK


def _train(args: argparse.Namespace) -> int:
    import archspec

    print(archspec.train(args.run_file, out=args.out, overrides=args.set))
    return OK


def _evaluate(args: argparse.Namespace) -> int:
    import archspec

    found = archspec.evaluate(
        args.run_dir, split=args.split, weights=args.weights, device=args.device, overrides=args.set
    )
    _report(found.warnings)
    if args.format == "json":
        _print_json(found.to_json())
    else:
        print(found)
    return OK


def _predict(args: argparse.Namespace) -> int:
    import archspec

    found = archspec.predict(args.run_dir, args.image, top=args.top, weights=args.weights, device=args.device)
    problems = [one.problem for one in found if one.problem is not None]
    _report(problems)
    if args.format == "json":
        _print_json([one.to_json() for one in found])
    else:
        for one in found:
            if one.problem is None:
                print(one)
    return WRONG_INPUT if problems else OK


def _import_weights(args: argparse.Namespace) -> int:
    import archspec

    print(archspec.import_weights(args.spec, args.source, args.map, args.output))
    return OK


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


_positive.__name__ = "number (1 or more)"  # what argparse calls it in "invalid … value"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="archspec",
        description="Neural networks written in YAML: check, count, draw, compile and train them.",
        epilog="Start with `archspec summarize lenet5`, then `archspec train examples/digits.yaml`.",
        allow_abbrev=False,
        formatter_class=_Help,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False)
        made.set_defaults(run=run)
        return made

    check = command("check", _check, "read specs and say all that is wrong with them")
    check.add_argument("spec", nargs="+", metavar="SPEC", help=SPEC_HELP)
    check.add_argument("--strict", action="store_true", help="warnings are errors")
    _format(check, "text", "json")

    listing = command("list", _list, "the networks that come with archspec")
    _format(listing, "text", "json")

    summarize = command("summarize", _summarize, "shapes, parameters, cost and memory, layer by layer and in total")
    _spec(summarize)
    summarize.add_argument("--batch", type=_positive, default=1, metavar="N", help="images at once (1)")
    summarize.add_argument("--depth", type=_positive, metavar="D", help="fold the table to D levels of names")
    _format(summarize, "table", "json", "csv", "markdown")

    draw = command("draw", _draw, "draw the network (svg and png need Graphviz; dot does not)")
    _spec(draw)
    draw.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="FILE.svg, FILE.png or FILE.dot")
    draw.add_argument("--depth", type=_positive, metavar="D", help="open blocks down to D levels")

    train = command("train", _train, "train as a run file says, into a run directory")
    train.add_argument("run_file", metavar="RUN.yaml", help="what to train on what, and how: see examples/")
    _settings(train, "train.epochs=3")
    train.add_argument("--out", type=Path, metavar="DIR", help="the run directory: a new one (runs/NAME-N)")

    evaluate = command("evaluate", _evaluate, "measure a trained network on images it was not trained on")
    _trained(evaluate)
    evaluate.add_argument("--split", choices=("train", "val", "test"), help="of the data (test, else val)")
    _settings(evaluate, "data.root=elsewhere")
    _format(evaluate, "text", "json")

    predict = command("predict", _predict, "say what images show, by a trained network")
    _trained(predict)
    predict.add_argument("image", nargs="+", type=Path, metavar="IMAGE", help="images of any size and kind")
    predict.add_argument("--top", type=_positive, default=5, metavar="N", help="how many classes to name (5)")
    _format(predict, "text", "json")

    weights = commands.add_parser("weights", help="trained weights from elsewhere", allow_abbrev=False)
    actions = weights.add_subparsers(title="actions", required=True, metavar="ACTION")
    bring = actions.add_parser("import", help="rename the tensors of a checkpoint to a spec's layers")
    bring.set_defaults(run=_import_weights)
    bring.add_argument("spec", metavar="SPEC", help=SPEC_HELP)
    bring.add_argument("--from", dest="source", required=True, type=Path, metavar="FILE", help="a checkpoint")
    bring.add_argument(
        "--map",
        required=True,
        metavar="NAME|FILE",
        help="torchvision, timm, akamaster or identity; or a key map of your own",
    )
    bring.add_argument("-o", "--output", required=True, type=Path, metavar="OUT.safetensors", help="to write")
    return parser


def _trained(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", type=Path, metavar="RUNDIR", help="what `archspec train` wrote")
    parser.add_argument("--weights", choices=("best", "last"), default="best", help="weights of which epoch (best)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (the best there is)")


def _spec(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help=SPEC_HELP)
    _settings(parser, "vars.classes=10")
    parser.add_argument("--input", metavar="CxHxW", help="another input size, as 3x224x224")


def _settings(parser: argparse.ArgumentParser, example: str) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help=f"another value for something the file sets, as {example}; may be repeated",
    )


def _format(parser: argparse.ArgumentParser, *formats: str) -> None:
    parser.add_argument("--format", choices=formats, default=formats[0], help=f"how to print it ({formats[0]})")


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
