"""Checks of the data: labels, what the network is given, images in two splits, labels that images do not explain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import torch
from torch import Tensor
from torch.nn import functional

from archspec_torch.runtime.data import Examples, Target, digest_of
from archspec_torch.runtime.doctor import boxes
from archspec_torch.runtime.doctor.finding import Finding, Verdict
from archspec_torch.runtime.doctor.subject import Subject, listed, sample, sampled

HASHED = 10_000
"""Images of a split that are compared with those of the other."""


def labels(subject: Subject) -> Iterator[Finding]:
    """Whether labels are in range, every class has examples, and none has nearly all."""
    found, classes = subject.job.source.labels_of("train"), subject.job.task.classes
    match subject.target:
        case Target.CLASS:
            yield _classes(found, classes)
        case Target.TAGS:
            yield _tags(found, classes)
        case Target.BOXES:
            yield from boxes.objects(found, classes)
        case Target.POINTS:
            yield _points(found, classes)
            yield from (
                Finding("sides", "doubt", told.message, told.hint or "")
                for told in subject.job.warnings
                if told.code == "W659"
            )
        case other:
            assert_never(other)


def _classes(found: Tensor, classes: tuple[str, ...]) -> Finding:
    """Of one class an image (n,)."""
    counts = torch.bincount(found.cpu(), minlength=len(classes)).tolist()
    most, figures = max(counts) / len(found), {"counts": counts}
    empty = [classes[i] for i, count in enumerate(counts) if not count]
    text = f"{len(found):,} images of {len(classes)} classes, {min(counts):,} to {max(counts):,} of each"
    if int(found.min()) < 0 or int(found.max()) >= len(classes):
        text = f"labels go from {int(found.min())} to {int(found.max())}, and there are {len(classes)} classes"
        return Finding("labels", "fault", text, "number the classes from 0", figures)
    if len(classes) - len(empty) < 2:
        return Finding(
            "labels", "fault", f"{text}: there is one class alone", "there is nothing to tell apart", figures
        )
    if empty:
        from_one = empty == [classes[0]]
        advice = "labels seem to count from 1: subtract 1" if from_one else "look at how labels are read"
        return Finding("labels", "fault" if from_one else "doubt", f"{text}; none of {listed(empty)}", advice, figures)
    if most > 0.9 or max(counts) > 10 * min(counts):
        advice = f"always the largest is right for {most:.1%}: class_weights: balanced, and look at recall and F1"
        return Finding("labels", "fault" if most > 0.97 else "doubt", text, advice, figures)
    return Finding("labels", "ok", text, "", figures)


def _tags(found: Tensor, classes: tuple[str, ...]) -> Finding:
    """Of any number of classes an image (n, classes)."""
    shares = found.float().mean(0).tolist()
    empty = [classes[i] for i, share in enumerate(shares) if share == 0]
    text = f"{len(found):,} images, {len(classes)} labels, each on {min(shares):.1%} to {max(shares):.1%} of them"
    return Finding("labels", "doubt" if empty else "ok", text, f"no image has {listed(empty)}" if empty else "")


def _points(found: Tensor, classes: tuple[str, ...]) -> Finding:
    """Of points (n, K, 3)."""
    seen = found[..., 2].mean(0).tolist()
    empty = [name for name, share in zip(classes, seen, strict=True) if not share]
    text = f"{len(found):,} images, {len(classes)} points, each seen in {min(seen):.1%} to {max(seen):.1%} of them"
    return Finding("labels", "doubt" if empty else "ok", text, f"no image shows {listed(empty)}" if empty else "")


def inputs(subject: Subject) -> Iterator[Finding]:
    """Whether what the network is given has mean 0 and deviation 1 a channel, and varies from image to image."""
    images = subject.train[0]
    given = subject.job.normalize(images)
    mean, std = given.mean((0, 2, 3)).tolist(), given.std((0, 2, 3)).tolist()
    figures = {"mean": mean, "std": std}
    text = f"mean {_range(mean)}, standard deviation {_range(std)} over {len(images):,} images"
    still = [i for i, channel in enumerate(images.transpose(0, 1)) if int(channel.max()) == int(channel.min())]
    same = bool((images == images[:1]).all())
    if same or len(still) == images.shape[1]:
        yield Finding("inputs", "fault", f"all images are the same; {text}", "look at how images are read", figures)
    elif max(map(abs, mean)) > 1 or max(std) > 4 or (max(std) < 0.25):
        advice = "subtract the training split's mean and divide by its deviation, channel by channel"
        yield Finding("inputs", "fault", f"not normalised: {text}", advice, figures)
    elif still:
        yield Finding(
            "inputs", "doubt", f"channel {still[0]} has one value everywhere; {text}", "leave it out", figures
        )
    elif max(map(abs, mean)) > 0.3 or max(std) > 2 or min(std) < 0.5:
        yield Finding("inputs", "doubt", text, "mean 0 and deviation 1 were expected", figures)
    else:
        yield Finding("inputs", "ok", text, "", figures)


def leak(subject: Subject) -> Iterator[Finding]:
    """Whether images of the validation or the test split are trained on, pixel for pixel."""
    job, seed = subject.job, subject.plan.seed
    trained = set(_digests(job.train, seed))
    held = {"val": list(_digests(job.val, seed))}
    if job.test is not None:
        held["test"] = list(_digests(job.test, seed))
    both = {split: sum(digest in trained for digest in digests) for split, digests in held.items()}
    shares = [both[split] / max(1, len(digests)) for split, digests in held.items()]
    told = [
        f"{both[split]:,} of {len(digests):,} {split} images ({share:.1%})"
        for (split, digests), share in zip(held.items(), shares, strict=True)
    ]
    text = f"{' and '.join(told)} are among {len(trained):,} different training images"
    figures = {"in_both": both, "held": {split: len(digests) for split, digests in held.items()}, "train": len(trained)}
    if any(both.values()):
        many = any(share > 0.01 and both[split] > 2 for split, share in zip(held, shares, strict=True))
        verdict: Verdict = "fault" if many else "doubt"
        advice = "accuracy on them says nothing: remove doubles, or split by their source"
        yield Finding("leak", verdict, text, advice, figures)
    else:
        yield Finding("leak", "ok", text, "", figures)


def neighbours(subject: Subject) -> Iterator[Finding]:
    """Whether images that look alike have the same label, within the training split and across to validation.

    The label of the nearest of 2,000 training images, by Euclidean distance, against always the largest class. Where
    it is of no use no image may be at fault: pixels are a poor distance for photographs. So this is a doubt, unless
    training images agree with one another and validation images do not.
    """
    if subject.target is not Target.CLASS:
        return
    images, trained = sample(subject.job.train, subject.job.device, subject.plan.seed, 2000)
    others, held = sample(subject.job.val, subject.job.device, subject.plan.seed, 1000)
    base, queries = _flat(images), _flat(others)
    within = torch.cdist(base, base)
    within.fill_diagonal_(float("inf"))
    inside = (trained[within.argmin(1)] == trained).float().mean().item()
    across = (trained[torch.cdist(queries, base).argmin(1)] == held).float().mean().item()
    chance = float(torch.bincount(trained).max()) / len(trained)
    low, high = beyond(chance, len(trained)), beyond(chance, len(held))
    figures = {"train": inside, "val": across, "chance": chance}
    text = f"the nearest training image has the same label for {inside:.1%} of training and {across:.1%} of validation"
    text += f" images; chance is {chance:.1%}"
    if inside > 2 * low and across < (chance + inside) / 3 and len(held) >= 30:
        advice = "the labels of validation mean something else than those of training"
        yield Finding("neighbours", "fault", text, advice, figures)
    elif inside < low and across < high:
        advice = "labels may be shuffled, or belong to other images; look at some with `archspec data show`"
        yield Finding("neighbours", "doubt", text, advice, figures)
    else:
        yield Finding("neighbours", "ok", text, "", figures)


def beyond(share: float, n: int) -> float:
    """What a share of n draws exceeds by chance about once in a thousand times."""
    return share + 3 * (share * (1 - share) / max(1, n)) ** 0.5


def _flat(images: Tensor) -> Tensor:
    """float32 (n, d): pixels, made smaller where there are many."""
    pixels = images.float()
    if pixels.shape[-1] * pixels.shape[-2] > 1024:
        pixels = functional.adaptive_avg_pool2d(pixels, 24)
    return pixels.flatten(1)


def _digests(examples: Examples, seed: int) -> Iterator[bytes]:
    """Of each image in turn: no more than a batch of them is in memory."""
    for images, _ in sampled(examples, torch.device("cpu"), seed, HASHED, at_once=64):
        yield from map(digest_of, images)


def _range(numbers: list[float]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:.2f}" if round(low, 2) == round(high, 2) else f"{low:.2f} to {high:.2f}"
