"""Splits: by shares drawn class by class with a seed, by folds, by lists of names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from archspec.errors import Diagnostic, Span, SpecError, did_you_mean, fail
from archspec.run.sections import HoldOut
from archspec_torch.runtime.data.multi import spread

SPLITS = ("train", "train_dev", "val", "test")
MAX_LIST = 1 << 30
"""Bytes of a list that is read."""
MAX_TOLD = 20
"""Lines of a list that are told of at most."""


def split_up(
    labels: Tensor,
    section: HoldOut,
    where: Callable[..., Span],
    names: Sequence[str] | None = None,
    given: Sequence[str] = (),
) -> dict[str, Tensor]:
    """Positions of each split in ascending order, as a `split` section says.

    `labels`: int64 (n,), or (n, classes) of 0 and 1. `names`: what lists call the examples, else their numbers.
    `given`: splits that the data has already, beside these examples. What has no list is drawn from what is in
    none, by its share. Raises SpecError E620, E629 for lists, E629 too for folds of data that have a `val`, E626 for a
    split without examples.
    """
    paths = {name: getattr(section, f"{name}_list", None) for name in SPLITS}
    listed = {
        name: _listed(Path(p), names, len(labels), where("split", f"{name}_list")) for name, p in paths.items() if p
    }
    _check_given(listed, section, given, where)
    _check_apart(listed, names, where("split"))
    rest = torch.ones(len(labels), dtype=torch.bool)
    for part in listed.values():
        rest[part] = False
    pool = listed.pop("train") if "train" in listed else rest.nonzero().flatten()
    seed, span = section.seed, where("split")
    wanted = {name: getattr(section, name, 0.0) for name in ("val", "test", "train_dev")}
    shares = {name: share for name, share in wanted.items() if name not in listed and name not in given}
    if section.folds is None:
        found = _drawn(labels, pool, shares, seed, span)
    else:
        found = _drawn(labels, pool, {name: shares[name] for name in shares if name == "test"}, seed, span)
        n, parts = len(found["train"]), folds(labels[found["train"]], section.folds, seed)
        if empty := [number for number, part in enumerate(parts) if not len(part)]:
            message = f"{n:,} examples make no {section.folds:,} folds: fold {empty[0]:,} would be empty"
            raise fail("E626", message, where("split", "folds"), "fewer folds, or more examples")
        held = parts.pop(section.fold)
        left = {"train": found["train"][torch.cat(parts).sort().values], "val": found["train"][held]}
        later = {name: shares[name] for name in shares if name == "train_dev"}
        found |= left | _drawn(labels, left["train"], later, seed, span)
    if not len(found["train"]):
        raise fail("E626", "the lists leave nothing to train on", span)
    return {**found, **listed}


def _drawn(
    labels: Tensor, pool: Tensor, shares: Mapping[str, float], seed: int, span: Span | None
) -> dict[str, Tensor]:
    """Shares of the examples at the positions in `pool`, and the rest as `train`."""
    parts = stratified(labels[pool], shares, seed, span)
    return {name: pool[part] for name, part in parts.items()}


def stratified(labels: Tensor, shares: Mapping[str, float], seed: int, span: Span | None = None) -> dict[str, Tensor]:
    """Positions of each part, in ascending order: the named shares, and `train` for the rest.

    `labels`: int64 (n,). Each part gets round(share · n) examples; within a class the share is met to less
    than one example, the largest remainders first. A class keeps at least one example for training. Several labels
    an example, (n, classes): see `multi.spread`.
    Raises SpecError E626 where a share comes to no example at all.
    """
    generator = torch.Generator().manual_seed(seed)
    shares = {name: share for name, share in shares.items() if share}
    if labels.ndim == 2:
        several = spread(labels, [*shares.values(), 1 - sum(shares.values())], generator)
        found = dict(zip([*shares, "train"], several, strict=True))
        for name, share in shares.items():
            if not len(found[name]):
                raise _empty(name, share, len(labels), span)
        return found
    pools = [(labels == c).nonzero().flatten() for c in torch.unique(labels)]
    pools = [pool[torch.randperm(len(pool), generator=generator)] for pool in pools]
    parts: dict[str, Tensor] = {}
    taken = [0] * len(pools)
    for name, share in shares.items():
        target = round(share * len(labels))
        quotas = [int(share * len(pool)) for pool in pools]
        by_remainder = sorted(range(len(pools)), key=lambda c: quotas[c] - share * len(pools[c]))
        for c in by_remainder[: max(0, target - sum(quotas))]:
            quotas[c] += 1
        quotas = [min(q, len(pools[c]) - 1 - taken[c]) for c, q in enumerate(quotas)]
        if sum(quotas) == 0:
            raise _empty(name, share, len(labels), span)
        parts[name] = torch.cat([pool[t : t + q] for pool, t, q in zip(pools, taken, quotas, strict=True)])
        taken = [t + q for t, q in zip(taken, quotas, strict=True)]
    parts["train"] = torch.cat([pool[t:] for pool, t in zip(pools, taken, strict=True)]) if pools else labels
    return {name: part.sort().values for name, part in parts.items()}


def folds(labels: Tensor, number: int, seed: int) -> list[Tensor]:
    """Positions in so many parts of nearly one size, each class spread over them to less than one example."""
    generator = torch.Generator().manual_seed(seed)
    if labels.ndim == 2:
        return spread(labels, [1 / number] * number, generator)
    pools = [(labels == c).nonzero().flatten() for c in torch.unique(labels)]
    order = torch.cat([pool[torch.randperm(len(pool), generator=generator)] for pool in pools])
    return [order[start::number].sort().values for start in range(number)]


def _empty(name: str, share: float, n: int, span: Span | None) -> SpecError:
    message = f"a share of {share:g} of {n} examples leaves '{name}' empty"
    return fail("E626", message, span, "give a larger share, or more examples")


def _listed(path: Path, names: Sequence[str] | None, n: int, span: Span) -> Tensor:
    """Positions of the names in a file, one a line, in ascending order. Raises SpecError E620, E629."""
    try:
        if path.exists() and not path.is_file():
            raise fail("E620", f"the list {path} is no file, but a folder, a device or a pipe", span)
        if path.stat().st_size > MAX_LIST:
            raise fail("E620", f"the list {path} has more than {MAX_LIST:,} bytes", span)
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise fail("E620", f"the list {path} cannot be read: {reason}", span) from error
    positions = {name: i for i, name in enumerate(names)} if names is not None else {str(i): i for i in range(n)}
    found: dict[int, int] = {}
    problems: list[Diagnostic] = []
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if not word or len(problems) >= MAX_TOLD:
            continue
        position, place = positions.get(word), Span(str(path), number, 1, len(line), line)
        if position is None:
            hint = did_you_mean(word, list(positions)) if names is not None else f"examples are numbered 0 … {n - 1}"
            problems.append(Diagnostic("E629", f"the data has no example '{word}'", place, hint))
        elif position in found:
            message = f"'{word}' is listed twice: in line {found[position]} already"
            problems.append(Diagnostic("E629", message, place))
        else:
            found[position] = number
    if problems:
        raise SpecError(problems)
    if not found:
        raise fail("E629", f"the list {path} names no example", span)
    return torch.tensor(sorted(found))


def _check_given(
    listed: Mapping[str, Tensor], section: HoldOut, given: Sequence[str], where: Callable[..., Span]
) -> None:
    """Raises SpecError E629 where the section makes a split that the data has already."""
    twice = [name for name in listed if name in given and name != "train"]
    if twice:
        raise fail("E629", f"the data has a split '{twice[0]}' of its own", where("split", f"{twice[0]}_list"))
    if section.folds is not None and "val" in given:
        raise fail("E629", "the data has a split 'val' of its own, so no fold can be", where("split", "folds"))


def _check_apart(listed: Mapping[str, Tensor], names: Sequence[str] | None, span: Span) -> None:
    """Raises SpecError E629 where an example is in two lists."""
    owner: dict[int, str] = {}
    for split, part in listed.items():
        for position in part.tolist():
            if position in owner:
                name = names[position] if names is not None else str(position)
                message = f"'{name}' is in two lists: those of {owner[position]} and {split}"
                raise fail("E629", message, span)
            owner[position] = split
