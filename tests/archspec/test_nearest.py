"""What a misspelt word may have been meant as."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec.errors import did_you_mean, suggest
from archspec.nearest import nearest, one_slip

WORD = st.text(string.ascii_lowercase, min_size=2, max_size=8)


def distance(a: str, b: str) -> int:
    """Edits from one word to the other, an exchange of neighbours being one: the whole table, as in the textbook."""
    table = {(i, j): max(i, j) for i in range(len(a) + 1) for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            kept = table[i - 1, j - 1] + (a[i - 1] != b[j - 1])
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, kept)
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(a), len(b)]


@given(WORD, WORD)
def test_one_slip_is_a_distance_of_one_at_most(a: str, b: str) -> None:
    assert one_slip(a, b) == (distance(a, b) <= 1)


@given(WORD, st.integers(0, 7), st.sampled_from(string.ascii_lowercase))
def test_near_words_are_found_from_either_side(word: str, at: int, letter: str) -> None:
    at = min(at, len(word) - 1)
    for other in (word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :]):
        assert one_slip(word, other) and one_slip(other, word)


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("kernal", ["kernel", "padding"], ["kernel"]),
        ("cona", ["concat", "conv"], ["conv"]),
        ("erlu", ["selu", "relu", "elu"], ["elu", "relu"]),
        ("Conv", ["conv", "concat"], ["conv"]),
        ("batchnorm", ["batch_norm", "layer_norm"], ["batch_norm"]),
        ("convolution", ["conv", "conv_transpose"], []),
        ("x" * 10_000, ["x" * 9_999], []),
        ("", ["conv"], []),
    ],
)
def test_nearest(word: str, known: list[str], found: list[str]) -> None:
    assert sorted(nearest(word, known)) == found


def test_all_that_are_equally_near_are_told() -> None:
    assert did_you_mean("erlu", ["relu", "conv", "elu"]) == "did you mean 'relu' or 'elu'?"
    assert suggest("erlu", ["relu", "conv", "elu"]) == "relu"


def test_a_word_among_very_many_takes_no_time() -> None:
    found = nearest("k99x", (f"k{i}" for i in range(10**9)))
    assert len(found) == 3 and all(one_slip("k99x", word) for word in found)
