"""What several views of an image, or several networks, say as one.

Of one class an image, log-probabilities (n, classes), which sum to 1 over the classes. Of any number of classes,
log-odds (n, classes), ln p / (1 − p), in which neither a probability near 0 nor one near 1 is rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def mean_probabilities(log_probabilities: Sequence[Tensor]) -> Tensor:
    """The logarithm of the mean of probabilities that are given as logarithms, each (n, classes)."""
    if len(log_probabilities) == 1:
        return log_probabilities[0]
    return torch.stack(list(log_probabilities)).logsumexp(0) - math.log(len(log_probabilities))


def votes(log_probabilities: Sequence[Tensor]) -> Tensor:
    """A vote for each network's best class, as log-probabilities (n, classes).

    The mean probabilities count as one voter more: they decide where votes are even, since for two classes they
    differ by less than a vote, and leave no class without any probability.
    """
    ballots = torch.stack([functional.one_hot(one.argmax(1), one.shape[1]) for one in log_probabilities]).sum(0)
    share = (ballots + mean_probabilities(log_probabilities).double().exp()) / (len(log_probabilities) + 1)
    return share.log().float()


def mean_odds(log_odds: Sequence[Tensor]) -> Tensor:
    """The log-odds of the mean of probabilities that are given as log-odds, each (n, classes)."""
    if len(log_odds) == 1:
        return log_odds[0]
    odds = torch.stack(list(log_odds))
    return functional.logsigmoid(odds).logsumexp(0) - functional.logsigmoid(-odds).logsumexp(0)


def tag_votes(log_odds: Sequence[Tensor], threshold: float) -> Tensor:
    """A vote of each network on each class, for it where its probability reaches the threshold, as log-odds.

    The mean probability counts as one voter more, and decides where votes are even. Odds are told against those of the
    threshold, so that the majority's answer is what the threshold gives.
    """
    edge = math.log(threshold / (1 - threshold))
    ballots = torch.stack([one.sigmoid() >= threshold for one in log_odds]).sum(0)
    mean = mean_odds(log_odds).double() - edge
    return ((ballots + mean.sigmoid()).log() - (len(log_odds) - ballots + (-mean).sigmoid()).log() + edge).float()
