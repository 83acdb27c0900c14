"""`archspec data`: data looked at before anything is trained on it, a run's or annotated boxes; boxes rewritten."""

from __future__ import annotations

import argparse
from pathlib import Path

from archspec.cli.common import OK, format_option, positive, print_json, report, settings
from archspec.errors import Diagnostic

IMAGES = "folder of the images, where the annotations do not say; may be repeated (beside the annotations)"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    does = "a contact sheet of examples, augmented as in training"
    show = actions.add_parser("show", help=does, description=f"{does[0].upper()}{does[1:]}.", allow_abbrev=False)
    _run_file(show)
    show.add_argument("-o", "--out", type=Path, required=True, metavar="SHEET.png", help="the picture to write")
    show.add_argument("--split", default="train", help="train, val, test or train_dev (train)")
    show.add_argument("--n", type=positive, default=36, metavar="N", help="how many examples (36)")
    show.add_argument("--epoch", type=positive, default=1, metavar="K", help="augmented as in that epoch (1)")
    show.set_defaults(action=_show)
    does = "examples by class and split, sizes, damaged files, images in two splits; of boxes, those that are wrong"
    check = actions.add_parser("check", help=does, description=f"{does[0].upper()}{does[1:]}.", allow_abbrev=False)
    _run_file(check, " or BOXES", ", or annotated boxes: a folder (VOC, YOLO), data.yaml (YOLO), .json (COCO) or .csv")
    check.add_argument("--strict", action="store_true", help="anything doubtful is an error")
    check.add_argument("--classes", default="", metavar="A,B", help="of boxes: the classes there should be")
    check.add_argument("--split", metavar="NAME", help="of boxes: only that set (VOC's ImageSets/Main, YOLO's)")
    check.add_argument("--images", action="append", type=Path, default=[], metavar="DIR", help=IMAGES)
    format_option(check, "text", "json")
    check.set_defaults(action=_check)
    does = "annotated boxes written in another format"
    convert = actions.add_parser("convert", help=does, description=f"{does[0].upper()}{does[1:]}.", allow_abbrev=False)
    convert.add_argument(
        "source", type=Path, metavar="SRC", help="a folder (VOC, YOLO), data.yaml, .json (COCO) or .csv"
    )
    convert.add_argument("target", type=Path, metavar="DST", help="a new folder (VOC, YOLO; with the images) or file")
    convert.add_argument("--to", choices=("voc", "coco", "yolo", "csv"), required=True, help="the format")
    convert.add_argument("--split", metavar="NAME", help="only the images of that set (VOC's ImageSets/Main, YOLO's)")
    convert.add_argument("--images", action="append", type=Path, default=[], metavar="DIR", help=IMAGES)
    convert.add_argument("--annotations-only", action="store_true", help="copy no images")
    convert.set_defaults(action=_convert)


def _run_file(parser: argparse.ArgumentParser, other: str = "", help: str = "") -> None:
    parser.add_argument("run_file", metavar=f"RUN.yaml{other}", help=f"a run file: see examples/{help}")
    settings(parser, "data.root=PATH")


def run(args: argparse.Namespace) -> int:
    action = args.action(args)
    assert isinstance(action, int)
    return action


def _show(args: argparse.Namespace) -> int:
    from archspec.backend import backend

    print(backend("torch").show_data(args.run_file, args.out, args.split, args.n, args.epoch, args.set))
    return OK


def _check(args: argparse.Namespace) -> int:
    from archspec.backend import backend
    from archspec.errors import fail

    if backend("torch").holds_boxes(args.run_file):
        classes = [name.strip() for name in args.classes.split(",") if name.strip()]
        found = backend("torch").check_boxes(args.run_file, classes, split=args.split, images=args.images)
        for warning in found.warnings if args.format == "text" else ():  # each of them, however many
            report([warning])
    else:
        if args.classes or args.split or args.images:
            message = f"'{args.run_file}' is no annotated boxes: --classes, --split and --images are for those"
            raise fail("E641", message)
        found = backend("torch").check_data(args.run_file, args.set)
        report(found.warnings)
    if args.format == "json":
        print_json(found.to_json())
    else:
        print(found)
    if args.strict and found.warnings:
        count = len(found.warnings)
        what = f"{count:,} things are" if count > 1 else "one thing is"
        raise fail("E645", f"{what} wrong with '{args.run_file}', and --strict lets nothing pass")
    return OK


def _convert(args: argparse.Namespace) -> int:
    from archspec.backend import backend

    options = {"split": args.split, "images": args.images, "annotations_only": args.annotations_only}
    lost: list[Diagnostic] = []
    made = backend("torch").convert_boxes(args.source, args.target, args.to, told=lost.append, **options)
    report(lost)
    boxes = sum(len(entry.objects) for entry in made.images)
    sets = "".join(f"; {name} {len(places):,}" for name, places in made.sets.items() if args.to in ("voc", "yolo"))
    folder = {"voc": "JPEGImages", "yolo": "images"}.get(args.to)
    alone = f"; no images, which belong in {args.target / folder}" if folder and args.annotations_only else ""
    print(f"{args.target}: {len(made.images):,} images, {boxes:,} boxes, {len(made.classes):,} classes{sets}{alone}")
    return OK
