from __future__ import annotations

import torch

from archspec_torch.runtime.data import classes_in


def test_counts_by_hand_of_every_kind_of_target() -> None:
    assert classes_in(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert classes_in(torch.tensor([[0.0, 1, 1], [0, 0, 0]]), 3).tolist() == [[0, 1, 1], [0, 0, 0]]
    rows = torch.zeros(3, 4, 6)
    rows[..., 4] = torch.tensor([[2, 2, 0, -1], [1, -1, -1, -1], [-1, -1, -1, -1]])
    rows[0, 0, 5] = 1  # an ignored object is there all the same
    assert classes_in(rows, 3).tolist() == [[1, 0, 2], [0, 1, 0], [0, 0, 0]]
