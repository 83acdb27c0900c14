"""`csv`: a table with a path and a label, or several, for each image."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from archspec.errors import Diagnostic, Span, SpecError, did_you_mean, fail
from archspec.run.sections import Csv
from archspec_torch.runtime.data.examples import Where
from archspec_torch.runtime.data.files import Files
from archspec_torch.runtime.data.splits import MAX_TOLD, SPLITS, split_up
from archspec_torch.runtime.data.targets import Target

WORDS = {**{name: name for name in SPLITS}, "validation": "val", "valid": "val", "dev": "val", "train-dev": "train_dev"}
"""What a split column may say, and which split that is."""
MAX_FILE = 1 << 30


@dataclass(frozen=True)
class Row:
    """A line of the table: the image's path as written, its labels, its split where there is such a column."""

    path: str
    labels: tuple[str, ...]
    split: str | None
    span: Span


def open_csv(section: Csv, where: Where) -> Files:
    """The images of a table.

    Raises SpecError: E620 for a file that is not there, E631 for what is wrong with its lines, in their places,
    E622 for labels that are none of the `names`, E623 for held-out classes that training does not have, E626 and
    E629 of the split.
    """
    file = Path(section.file)
    rows = _rows(section, where)
    names = tuple(section.names) if section.names else _names(rows)
    if len(names) < 2:
        raise fail("E631", f"{file} has {len(names)} class; two at least are needed", where("label_column"))
    labels = _labels(rows, names, section)
    root = Path(section.root) if section.root else file.parent
    paths = [root / row.path for row in rows]
    written = [row.path for row in rows]
    parts: dict[str, Tensor] = {}
    pool = torch.arange(len(rows))
    if section.split_column is not None:
        for name in SPLITS:
            parts[name] = torch.tensor([i for i, row in enumerate(rows) if row.split == name], dtype=torch.int64)
        parts = {name: part for name, part in parts.items() if len(part)}
        if "train" not in parts:
            raise fail("E631", f"no line of {file} is in the split train", where("split_column"))
        pool = parts["train"]
    # Test images are those that the column says, or a list does: beside a column none are drawn.
    split = section.split.model_copy(update={"test": 0.0}) if parts else section.split
    drawn = split_up(labels[pool], split, where, [written[i] for i in pool.tolist()], tuple(parts))
    parts |= {name: pool[part] for name, part in drawn.items()}
    found = {name: (tuple(paths[i] for i in part.tolist()), labels[part]) for name, part in parts.items()}
    target = Target.TAGS if section.multi_label else Target.CLASS
    return Files(found, names, file.stem, section.in_memory, where("file"), root, target)


Found = TypeVar("Found")


def read_table(
    file: Path, span: Span, heading: Callable[[list[str], str], Callable[[list[str], Span], Found | Diagnostic]]
) -> list[Found]:
    """What is found in each line of a table of commas below its first, empty ones left out.

    `heading` takes the names of the columns, and the line as it is written; what it gives takes the cells of a line
    and their place, and finds something, or what is wrong with them. Raises SpecError E620 for a file that cannot be
    read, E631 for one that is no table, and all that is wrong with its lines.
    """
    try:
        if file.exists() and not file.is_file():
            raise fail("E620", f"{file} is no file, but a folder, a device or a pipe", span)
        if file.stat().st_size > MAX_FILE:
            raise fail("E631", f"{file} has more than {MAX_FILE:,} bytes", span)
        text = file.read_text(encoding="utf-8-sig")
        lines = text.split("\n")  # as csv counts them: not at form feeds and other separators of Unicode
        table = csv.reader(io.StringIO(text, newline=""), strict=True)
        row = heading([name.strip() for name in next(table, [])], lines[0])
        rows: list[Found] = []
        problems: list[Diagnostic] = []
        for cells in table:
            if not any(cell.strip() for cell in cells):
                continue
            line = table.line_num
            place = Span(str(file), line, 1, max(1, len(lines[line - 1])), lines[line - 1])
            found = row([cell.strip() for cell in cells], place)
            if isinstance(found, Diagnostic):
                problems.append(found)
            else:
                rows.append(found)
            if len(problems) >= MAX_TOLD:
                break
    except OSError as error:
        raise fail("E620", f"{file} cannot be read: {error.strerror or error}", span) from error
    except UnicodeDecodeError as error:
        raise fail("E631", f"{file} is no text in UTF-8", span) from error
    except csv.Error as error:
        raise fail("E631", f"{error}", Span(str(file), table.line_num, 1)) from error
    if problems:
        raise SpecError(problems)
    if not rows:
        raise fail("E631", f"{file} has no line below its header", span)
    return rows


def _rows(section: Csv, where: Where) -> list[Row]:
    seen: dict[str, int] = {}

    def heading(header: list[str], line: str) -> Callable[[list[str], Span], Row | Diagnostic]:
        columns = _columns(header, line, section, where)
        return lambda cells, place: _row(cells, header, columns, section, place, seen)

    return read_table(Path(section.file), where("file"), heading)


def _columns(header: Sequence[str], line: str, section: Csv, where: Where) -> dict[str, int]:
    """Numbers of the columns by what they are for. Raises SpecError E631 for one that the header does not name."""
    wanted = {"path": section.path_column, "label": section.label_column, "split": section.split_column}
    problems = []
    for what, name in wanted.items():
        if name is not None and name not in header:
            hint = did_you_mean(name, header, "columns")
            message = f"{Path(section.file).name} has no column '{name}'; its first line is '{line[:80]}'"
            problems.append(Diagnostic("E631", message, where(f"{what}_column"), hint))
    if problems:
        raise SpecError(problems)
    return {what: header.index(name) for what, name in wanted.items() if name is not None}


def _row(
    cells: Sequence[str],
    header: Sequence[str],
    columns: dict[str, int],
    section: Csv,
    place: Span,
    seen: dict[str, int],
) -> Row | Diagnostic:
    """The row, or what is wrong with it; its path is `seen`."""
    if len(cells) != len(header):
        return Diagnostic("E631", f"{len(cells)} values in a table of {len(header)} columns", place)
    path, written = cells[columns["path"]], cells[columns["label"]]
    if not path:
        return Diagnostic("E631", "there is no path", place)
    file = os.path.normpath(path)  # `./0.png` is `0.png`
    if file in seen:
        hint = "with multi_label, several labels stand in one line" if not section.multi_label else None
        return Diagnostic("E631", f"'{path}' is in line {seen[file]} already", place, hint)
    labels = [part.strip() for part in written.split(section.separator)] if section.multi_label else [written]
    labels = [label for label in labels if label]
    if not labels and not section.multi_label:
        return Diagnostic("E631", f"'{path}' has no label", place)
    split = cells[columns["split"]] if "split" in columns else None
    if split is not None and split not in WORDS:
        return Diagnostic("E631", f"there is no split '{split}'", place, did_you_mean(split, list(WORDS), "splits"))
    seen[file] = place.line
    return Row(path, tuple(dict.fromkeys(labels)), WORDS[split] if split is not None else None, place)


def _names(rows: Sequence[Row]) -> tuple[str, ...]:
    """The labels that occur, in order of numbers where all are numbers, else of the alphabet."""
    found = {label for row in rows for label in row.labels}
    return tuple(sorted(found, key=int) if all(name.isdecimal() for name in found) else sorted(found))


def _labels(rows: Sequence[Row], names: Sequence[str], section: Csv) -> Tensor:
    """int64 (n,), or float32 (n, classes) of 0 and 1. With `names`, a label is one of them or its number."""
    numbers = {str(i): i for i in range(len(names))} if section.names else {}
    numbers |= {name: i for i, name in enumerate(names)}
    problems = [
        Diagnostic("E622", f"'{label}' is none of the {len(names)} classes", row.span, did_you_mean(label, list(names)))
        for row in rows
        for label in row.labels
        if label not in numbers
    ]
    if problems:
        raise SpecError(problems[:MAX_TOLD])
    if not section.multi_label:
        return torch.tensor([numbers[row.labels[0]] for row in rows])
    labels = torch.zeros(len(rows), len(names))
    for i, row in enumerate(rows):
        labels[i, [numbers[label] for label in row.labels]] = 1
    return labels
