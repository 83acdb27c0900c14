"""The split that a run was trained with, kept in its directory: what was trained on never becomes a test image.

split.json holds the names of each split's examples, paths below the data's root or hashes of pixels, and their labels.
Shares are drawn from all examples, so a file that goes or comes would move others from one split to another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from torch import Tensor

from archspec.errors import Diagnostic, Span, SpecError, did_you_mean, fail
from archspec.files import write_text
from archspec.run import RunFile
from archspec_torch.runtime.data.examples import Place, Source
from archspec_torch.runtime.data.splits import SPLITS
from archspec_torch.runtime.data.targets import Target

SPLIT = "split.json"


class Part(BaseModel):
    """One split: a name and a label an example; a list of classes where an image may have several,
    a digest of its objects in boxes, or of its points."""

    model_config = ConfigDict(extra="forbid", strict=True)

    names: list[str]
    labels: list[int] | list[list[int]] | list[str]

    @model_validator(mode="after")
    def _a_label_each(self) -> Self:
        if len(self.names) != len(self.labels):
            raise ValueError(f"{len(self.names)} names and {len(self.labels)} labels")
        return self


PARTS = TypeAdapter(dict[str, Part])


def keep_split(directory: Path, source: Source) -> None:
    """Writes split.json. Raises SpecError E505."""
    parts = {split: {"names": list(source.names_of(split)), "labels": _plain(source, split)} for split in source.sizes}
    write_text(directory / SPLIT, json.dumps(parts, ensure_ascii=False, separators=(",", ":")) + "\n")


def as_trained(source: Source, directory: Path, span: Span | None) -> tuple[Source, list[Diagnostic]]:
    """The data in the splits of the run's training, and a warning (W657) where they are not what they were.

    An example that training knew is in the split that it had then; others are where the data's split puts them now.
    Nothing is changed where the directory holds no split.json. Raises SpecError E607 for a damaged one, E625 where
    nothing of a split is left.
    """
    path = directory / SPLIT
    if not path.is_file():
        return source, []
    try:
        kept = PARTS.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise fail("E607", f"{path} cannot be used: {reason}") from error
    home: dict[str, tuple[str, Any]] = {}
    for split, part in kept.items():
        home |= {name: (split, label) for name, label in zip(part.names, part.labels, strict=True)}
    parts: dict[str, list[Place]] = {split: [] for split in (*kept, *source.sizes)}
    new, moved, relabelled = dict.fromkeys(parts, 0), 0, 0
    there: dict[str, Place] = {}
    for split in source.sizes:
        for i, (name, label) in enumerate(zip(source.names_of(split), _plain(source, split), strict=True)):
            if name not in home:
                new[split] += 1
                parts[split].append((split, i))
                continue
            there[name] = split, i
            moved += home[name][0] != split
            relabelled += home[name][1] != label
    for split, part in kept.items():  # in the order of then, those that came since behind them
        parts[split] = [there[name] for name in part.names if name in there] + parts[split]
    gone = {split: sum(name not in there for name in part.names) for split, part in kept.items()}
    if not (moved or relabelled or any(new.values()) or any(gone.values())):
        return source, []
    for split, part in kept.items():
        if not parts[split]:
            raise fail("E625", f"nothing is left of the run's split '{split}', which had {len(part.names):,}", span)
    told = [
        f"{split} had {len(kept[split].names) if split in kept else 0:,} images{_and(gone.get(split, 0), new[split])}"
        for split in parts
        if gone.get(split) or new[split]
    ]
    told += [f"{relabelled:,} {'has another label' if relabelled == 1 else 'have other labels'}"] * bool(relabelled)
    told += [f"{moved:,} would be in another split now, and stay where they were"] * bool(moved)
    hint = "what was trained on is in no other split; figures of other images are not those of the run"
    message = f"the data is not what the run was trained on: {'; '.join(told)}"
    left = {split: places for split, places in parts.items() if places}
    return source.regrouped(left), [Diagnostic("W657", message, span, hint, severity="warning")]


def no_split(split: str, known: Sequence[str], run: RunFile) -> SpecError:
    """The E627 of a split that the data of a run does not have, placed at what makes its splits."""
    hint = did_you_mean(split, known, "splits")
    if split in SPLITS:
        hint = f"its splits: {', '.join(known)}; a run whose data.split gives {split} a share has it too"
    return fail("E627", f"the data has no split '{split}'", run.key_span("data", "split"), hint)


def _and(gone: int, new: int) -> str:
    told = [f"{gone:,} {'is' if gone == 1 else 'are'} not there any more"] * bool(gone)
    told += [f"{new:,} came since"] * bool(new)
    return ", " + " and ".join(told)


def _plain(source: Source, split: str) -> list[Any]:
    """A label an example, as split.json has it; objects without the rows of none that end them."""
    labels = source.labels_of(split)
    match source.target:
        case Target.CLASS:
            return labels.tolist()
        case Target.TAGS:
            return [row.nonzero().flatten().tolist() for row in labels]
        case Target.BOXES:
            return [_digest(rows[rows[:, 4] >= 0]) for rows in labels]
        case Target.POINTS:
            return [_digest(points) for points in labels]


def _digest(rows: Tensor) -> str:
    """16 hex digits of objects (m, 6) or points (K, 3)."""
    return blake2b(rows.numpy().tobytes(), digest_size=8).hexdigest()
