"""Numbers as text."""

from __future__ import annotations

import pytest

from archspec.render.units import binary, decimal, grouped, shape, share


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "–"),
        (999, "999"),
        (1_000, "1.00 k"),
        (999_994, "999.99 k"),
        (999_996, "1.00 M"),
        (4_089_184_256, "4.09 G"),
        (2 * 10**15, "2.00 P"),
        (3 * 10**18, "3.00 E"),
        (118_013_952 * 10**12 * 10**3, "1.18e+23"),
    ],
)
def test_decimal_units(number, text):
    assert decimal(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "–"), (512, "512 B"), (1024, "1.00 KiB"), (60_950_432, "58.13 MiB"), (2**30, "1.00 GiB")]
)
def test_binary_units(number, text):
    assert binary(number) == text


def test_the_rest():
    assert grouped(25_557_032) == "25,557,032"
    assert shape((64, 112, 112)) == "64×112×112"
    assert (share(3, 4), share(1, 1000), share(1, 0)) == ("75 %", "<1 %", "<1 %")
