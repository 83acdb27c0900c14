"""Window arithmetic against numbers worked by hand and against counting positions one by one."""

from __future__ import annotations

import pytest

from archspec.tensor import TensorType, adaptive_extent, extent, pad_word, transposed_output, window_output


def positions(size: int, kernel: int, stride: int, before: int, after: int, dilation: int, ceil: bool) -> int:
    """Places of a window, tried one after the other."""
    found, start = 0, -before
    while True:
        end = start + (kernel - 1) * dilation  # the last tap
        fits = end < size + after
        if ceil:  # may reach out by less than a stride, but must begin before the padding at the end
            fits = end - stride < size + after - 1 and start < size
        if not fits:
            return found
        found, start = found + 1, start + stride


def test_window_output_counts_positions() -> None:
    for size in range(1, 12):
        for kernel in range(1, 5):
            for stride in range(1, 5):
                for dilation in (1, 2, 3):
                    for before, after in ((0, 0), (1, 1), (0, 1), (2, 0), (1, 3)):
                        for ceil in (False, True):
                            args = (size, kernel, stride, before, after, dilation, ceil)
                            counted = positions(*args)
                            assert max(0, window_output(*args)) == counted, args


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "output"),
    [
        (32, 5, 1, 0, 28),  # LeNet-5's first layer
        (227, 11, 4, 0, 55),  # AlexNet's
        (224, 7, 2, 3, 112),  # ResNet's
        (7, 3, 1, 1, 7),
        (32, 5, 2, 0, 14),  # 14.5: the last row is not read
        (7, 3, 3, 0, 2),  # 2.33
    ],
)
def test_output_sizes_of_the_textbook(size: int, kernel: int, stride: int, padding: int, output: int) -> None:
    assert window_output(size, kernel, stride, padding, padding) == output


def test_a_window_that_does_not_fit_has_no_position() -> None:
    assert window_output(5, 7) < 1
    assert window_output(6, 7) == 0
    assert window_output(7, 7) == 1


def test_extent_counts_from_first_to_last_tap() -> None:
    assert [extent(3, d) for d in (1, 2, 3)] == [3, 5, 7]
    assert extent(1, 9) == 1


@pytest.mark.parametrize(
    ("word", "size", "kernel", "stride", "dilation", "padding"),
    [
        ("valid", 9, 3, 1, 1, (0, 0)),
        ("same", 9, 3, 1, 1, (1, 1)),
        ("same", 9, 3, 2, 1, (1, 1)),  # whatever the stride
        ("same", 9, 4, 1, 1, (1, 2)),  # the odd cell after
        ("same", 9, 3, 1, 4, (4, 4)),
        ("full", 9, 3, 1, 1, (2, 2)),
        ("full", 9, 3, 1, 2, (4, 4)),
        ("same_upper", 224, 3, 2, 1, (0, 1)),  # TensorFlow's MobileNet
        ("same_upper", 225, 3, 2, 1, (1, 1)),
        ("same_upper", 224, 7, 2, 1, (2, 3)),
        ("same_upper", 9, 3, 1, 1, (1, 1)),
        ("same_upper", 8, 1, 2, 1, (0, 0)),  # a stride wider than the window
    ],
)
def test_words_for_padding(
    word: str, size: int, kernel: int, stride: int, dilation: int, padding: tuple[int, int]
) -> None:
    assert pad_word(word, size, kernel, stride, dilation) == padding  # type: ignore[arg-type]


def test_same_upper_gives_the_size_divided_by_the_stride() -> None:
    for size in range(1, 30):
        for kernel in range(1, 6):
            for stride in range(1, 5):
                before, after = pad_word("same_upper", size, kernel, stride)
                assert window_output(size, kernel, stride, before, after) == -(-size // stride)


def test_a_transposed_window_undoes_a_window() -> None:
    for size in range(5, 20):
        for kernel in range(1, 5):
            for stride in range(1, 4):
                for padding in range(2):
                    small = window_output(size, kernel, stride, padding, padding)
                    lost = (size + 2 * padding - kernel) % stride
                    assert transposed_output(small, kernel, stride, padding, padding, lost) == size


def test_adaptive_windows_share_cells_where_they_do_not_tile() -> None:
    assert adaptive_extent(6, 3) == 6
    assert adaptive_extent(7, 3) == 3 + 3 + 3  # cells 0-2, 2-4, 4-6
    assert adaptive_extent(2, 4) == 4  # every cell twice


def test_tensor_type() -> None:
    image = TensorType((3, 4, 5))
    assert (image.channels, image.spatial, image.rank, image.numel) == (3, (4, 5), 2, 60)
    assert image.nbytes == 240
    assert TensorType((8,), "int64").nbytes == 64
    assert str(image) == "3×4×5"
