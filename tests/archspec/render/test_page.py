"""Pages in a terminal: any text is one, and what begins like a table need not be one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.authoring.docstrings import markdown
from archspec.render.page import page

PIECES = ("|", " | ", "|---|", "|---|---:|\n", "|x|", "\n", "\n\n", "```", "```yaml\n", "`", "- ", "# ", "**", "[a](b)")
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=14).map("".join)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(TEXTS, st.integers(20, 100))
def test_any_text_is_a_page(text: str, width: int) -> None:
    """What is left of it are its letters: Markdown's marks go, and no word does."""
    for shown in (page(text, width), page(markdown(text), width, color=True)):
        assert isinstance(shown, str)


@pytest.mark.parametrize(
    "text",
    ["|a - b| element by element", "|x|\n|y|", "|x|", "|", "| a | b |\n", "|x| is at most\n|y| here"],
)
def test_text_that_begins_with_a_bar_is_no_table(text: str) -> None:
    assert page(text) == " ".join(text.split())


def test_a_table_has_as_many_columns_as_its_row_of_dashes() -> None:
    """By the specification of GitHub Flavored Markdown, section 4.10, cells that are missing are empty."""
    assert page("| a | b |\n|---|---:|\n| 1 |\n| 2 | 3 | 4 |\n|") == ("a      b\n─  ─────\n1\n2  3 | 4")
