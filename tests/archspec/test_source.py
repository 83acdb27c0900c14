"""YAML text → placed values: what is accepted, what is refused and where, and that nothing gets past."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.errors import Diagnostic, Span, SpecError
from archspec.source import Mapping, Scalar, Sequence, at, dump, from_plain, parse, read, to_plain

HERE = Span("here", 1, 1)
WORDS = ["on", "off", "yes", "no", "True", "FALSE", ".inf", ".nan", "inf", "nan", "0x10", "0o7", "1.2.3", "2..5"]


def errors(text: str) -> list[Diagnostic]:
    with pytest.raises(SpecError) as raised:
        parse(text, "f.yaml")
    return list(raised.value.diagnostics)


def places(text: str) -> list[tuple[str, int, int, int]]:
    return [(d.code, d.span.line, d.span.column, d.span.length) for d in errors(text) if d.span]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60_192_808", 60192808),
        ("-7", -7),
        ("+5", 5),
        ("0", 0),
        (str(2**63), 2**63),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.25e2", -125.0),
        ("1_000.5", 1000.5),
        ("0.0", 0.0),
        ("true", True),
        ("false", False),
        *[
            (word, word)
            for word in [
                "on",
                "off",
                "yes",
                "no",
                "True",
                "FALSE",
                ".inf",
                ".nan",
                "inf",
                "nan",
                "0x10",
                "0o7",
                "1.2.3",
                "2..5",
            ]
        ],
        ("2024-01-01", "2024-01-01"),
        ("stage3:0", "stage3:0"),
        ("1_", "1_"),
        ("'12'", "12"),
        ('"null"', "null"),
        ("''", ""),
        ("round_to($c, 8)", "round_to($c, 8)"),
        ("|\n  a\n  b", "a\nb\n"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    parsed = parse(f"a: {text}\n", "f.yaml")
    assert isinstance(parsed, Mapping)
    scalar = parsed.get("a")
    assert isinstance(scalar, Scalar)
    assert scalar.value == value and type(scalar.value) is type(value)
    assert scalar.quoted == (text[0] in "'\"|")
    if not scalar.quoted:
        assert scalar.text == text


def test_numeric_keys_are_text() -> None:
    assert to_plain(parse("{152: a, true: b, 012: c, 1e3: d}", "f")) == {
        "152": "a",
        "true": "b",
        "012": "c",
        "1e3": "d",
    }


def test_spans_count_characters_and_lines_are_shared() -> None:
    text = 'é: "ü", ß\n'.replace('"ü", ß', '["ü", ß, {k: 12}]') + "next:\n  - 'it''s'\n"
    root = parse(text, "f.yaml")
    assert isinstance(root, Mapping)
    row = root.get("é")
    assert isinstance(row, Sequence)
    line = text.splitlines()[0]
    assert row.span == Span("f.yaml", 1, 4, 1, line)
    assert [item.span.column for item in row.items] == [5, 10, 13]
    assert [item.span.length for item in row.items] == [3, 1, 1]
    assert at(root, ("é", 2, "k")) == Span("f.yaml", 1, 17, 2, line)
    assert at(root, ("é", 2, "k"), key=True) == Span("f.yaml", 1, 14, 1, line)
    assert at(root, ("next", 0)) == Span("f.yaml", 3, 5, 7, "  - 'it''s'")
    assert row.span.text is row.items[1].span.text
    assert at(root, ("é", "some_union_tag", 0)).column == 5
    assert at(root, ("next", 7, "x")).line == 3
    assert at(root, ("é", 5)) == row.span


def test_span_of_a_multi_line_scalar_ends_with_its_line() -> None:
    root = parse("a: one\n  two\nb: 3\n", "f")
    assert at(root, ("a",)) == Span("f", 1, 4, 3, "a: one")
    assert to_plain(root) == {"a": "one two", "b": 3}


def test_mapping_lookups() -> None:
    for count in (3, 40):
        root = parse("".join(f"k{i}: {i}\n" for i in range(count)), "f")
        assert isinstance(root, Mapping)
        assert root.keys() == [f"k{i}" for i in range(count)]
        assert [to_plain(value) for _, value in root.items()] == list(range(count))
        last = root.key(f"k{count - 1}")
        assert last is not None and last.span.line == count
        assert root.get("no") is None and root.key("no") is None
        assert "k1" in root and "no" not in root


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: {c: 1, c: 2}\na: 3", [("E002", 2, 11, 1), ("E002", 3, 1, 1)]),
        ("a: 012", [("E004", 1, 4, 3)]),
        (
            "[007, -01, 0_1, 08]",
            [("E004", 1, 2, 3), ("E004", 1, 7, 3), ("E004", 1, 12, 3), ("E004", 1, 17, 2)],
        ),
        ("a: 1:30\nb: 1:30:10.5", [("E005", 1, 4, 4), ("E005", 2, 4, 9)]),
        ("a:\nb: ~\nc: null\nd: ''", [("E003", 1, 1, 1), ("E003", 2, 1, 1), ("E003", 3, 1, 1)]),
        ("- 1\n-\n- 2", [("E003", 2, 2, 1)]),
        ("a: !!python/object:os.system {}", [("E006", 1, 4, 1)]),
        ("a: !!int 3", [("E006", 1, 4, 7)]),
        ("a: {x: 1}\n<<: {b: 1}", [("E007", 2, 1, 2)]),
        ("a: *b", [("E008", 1, 4, 2)]),
        ("a: &a [*a]", [("E008", 1, 8, 2)]),
        ("a: 1\n---\nb: 1", [("E009", 2, 1, 3)]),
        ("a: 9223372036854775809", [("E010", 1, 4, 19)]),
        ("a: 1e999\nb: 1e-999", [("E010", 1, 4, 5), ("E010", 2, 4, 6)]),
        ("a: x\x07y", [("E011", 1, 5, 1)]),
        ("[a]: 1", [("E012", 1, 1, 1)]),
        ("{{a: 1}: 2}", [("E012", 1, 2, 1)]),
        ("'': 1", [("E012", 1, 1, 2)]),
        ("", [("E014", 1, 1, 1)]),
        ("# nothing\n", [("E014", 1, 1, 1)]),
    ],
)
def test_refused_and_where(text: str, expected: list[tuple[str, int, int, int]]) -> None:
    assert places(text) == expected


def test_all_errors_at_once_up_to_the_one_that_ends_reading() -> None:
    found = errors("a: 012\nb: !x 1\nc: 1:30\na: 2\nd: {e: [}\n")
    assert [(d.code, d.span.line) for d in found if d.span] == [
        ("E004", 1),
        ("E006", 2),
        ("E005", 3),
        ("E002", 4),
        ("E001", 5),
    ]


def test_duplicate_key_names_both_places() -> None:
    (only,) = errors("a: 1\nb: 2\na: 3")
    assert "line 1" in only.message and only.hint is not None and "f.yaml:1:1" in only.hint


@pytest.mark.parametrize(
    ("text", "whole", "column", "length"),
    [
        ("{out: round_to($c, 8)}", "round_to($c, 8)", 7, 15),
        ("{out: max(1, floor($x / 4), 3), act: relu}", "max(1, floor($x / 4), 3)", 7, 24),
        ("[a, min($a, $b)]", "min($a, $b)", 5, 11),
    ],
)
def test_an_expression_cut_at_its_comma_is_told_once(text: str, whole: str, column: int, length: int) -> None:
    (only,) = errors(text)
    assert only.code == "E003" and whole in only.message
    assert only.hint is not None and "quote" in only.hint and "commas inside braces need quotes" in only.hint
    assert only.span is not None and (only.span.column, only.span.length) == (column, length)
    assert to_plain(parse(text.replace(whole, f'"{whole}"'), "f"))


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a:\n\tb: 1", 2, 1, "a tab indents"),
        ("a: [1, 2\nb: 3", 1, 4, "'[' is not closed"),
        ("a: {b: 1\n", 1, 4, "'{' is not closed"),
        ("a: {b: p${x}}", 1, 10, "'{' is unexpected"),
        ("a: {b: 1 c: 2}", 1, 11, "a comma or '}' is missing"),
        ("a: 'xyz\nb: 1", 1, 4, "quote is never closed"),
        ("a: b: c", 1, 5, "no key can stand here"),
        ('a: "\\q"', 1, 5, "escape"),
        ("a: 1\n  b: 2", 2, 4, "indented like more of the text above"),
        ("a: @x", 1, 4, "cannot start with @"),
        ("a: \"$x\" == 'b'", 1, 9, "text follows a closing quote"),
        ("- a\nb: 1", 2, 1, "does not fit the list that starts at line 1, column 1"),
        ("a: - b", 1, 4, "'-' cannot stand here"),
        ("x:\n  - a: 1\n   b: 2", 3, 4, "does not fit the list that starts at line 2, column 3"),
    ],
)
@pytest.mark.parametrize("loader", ["C", "Python"])
def test_syntax_errors_in_plain_words(
    text: str, line: int, column: int, words: str, loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "SafeLoader" if loader == "Python" else "CSafeLoader"
    if not hasattr(yaml, name):
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr("archspec.source.compose._LOADER", getattr(yaml, name))
    (only,) = errors(text)
    assert only.code == "E001" and words in only.message
    assert only.span is not None
    # The two parsers may stop a word apart, but never on another line.
    assert only.span.line == line and (loader == "Python" or only.span.column == column)


def test_aliases_repeat_values() -> None:
    root = parse("a: &x [1, {b: 2}]\nc: *x\nd: [*x, *x]", "f")
    assert to_plain(root)["d"] == [[1, {"b": 2}]] * 2
    assert at(root, ("c", 1, "b")).line == 1


BOMBS = {
    "lists": "[" * 300_000,
    "mappings": "{" * 300_000,
    "mixed": "[{a: " * 100_000,
    "dashes": "- " * 300_000,
    "questions": "? " * 300_000,
    "laughs": "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    + "\n".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)),
    "deep aliases": "a0: &a0 [x]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 300)),
    "halves": "[" + "(," * 300_000 + "]",
    "large": " " * 2_000_001,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly(name: str) -> None:
    # In a process of its own: the failure this guards against is a crash of the interpreter.
    script = (
        "import cProfile, sys\nfrom archspec.source import parse\nfrom archspec.errors import SpecError\n"
        "text, profile = sys.stdin.read(), cProfile.Profile()\n"
        "try:\n    profile.runcall(parse, text, 'f')\nexcept SpecError as error:\n"
        "    print(error.diagnostics[-1].code, sum(entry.callcount for entry in profile.getstats()))\n"
    )
    run = subprocess.run([sys.executable, "-c", script], input=BOMBS[name], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr[-500:]
    code, calls = run.stdout.split()
    assert code == "E013"
    assert int(calls) < (4_000_000 if name == "halves" else 20_000)


def test_work_grows_linearly(calls: Callable[..., float], seconds: Callable[..., float]) -> None:
    def work(layers: int, measured: Callable[..., float]) -> float:
        text = "layers:\n" + "  - conv: {out: 64, kernel: 3}\n    name: c\n" * layers
        return measured(lambda: parse(text, "f"))

    assert work(5000, calls) < 11 * work(500, calls)
    assert work(5000, seconds) < 30 * work(500, seconds)


def test_read_files(tmp_path: Path) -> None:
    good = tmp_path / "net.yaml"
    good.write_bytes("\ufeffname: é\n".encode())
    root = read(good)
    assert to_plain(root) == {"name": "é"}
    assert root.span.file == str(good) and root.span.column == 1
    assert at(root, ("name",)).column == 7

    def refused(name: str, content: bytes | None) -> Diagnostic:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SpecError) as raised:
            read(path)
        return raised.value.diagnostics[0]

    missing = refused("nett.yaml", None)
    assert missing.code == "E501" and missing.hint is not None and "net.yaml" in missing.hint
    (tmp_path / "folder").mkdir()
    assert refused("folder", None).code == "E502"
    assert refused("a\0b", None).code == "E503"
    utf16 = refused("utf16.yaml", "name: x".encode("utf-16"))
    assert utf16.code == "E011" and "UTF-16" in utf16.message
    latin = refused("latin.yaml", "a: b\nname: café x\n".encode("latin-1"))
    assert latin.code == "E011" and latin.span is not None
    assert (latin.span.line, latin.span.column) == (2, 10) and "0xe9" in latin.message
    for ends, line in ((b"\n", 2), (b"\r\n", 2), (b"\r", 2), (b"\x0b\x0c\x1c", 1)):
        odd = refused("odd.yaml", b"a: b" + ends + b"c: \xe9")
        assert odd.span is not None and odd.span.line == line
        assert (odd.span.column, odd.span.text[odd.span.column - 1]) == (4 if line == 2 else 11, "\ufffd")
    nul = refused("nul.yaml", b"a: 1\nb: x\0y\n")
    assert nul.code == "E011" and "NUL" in nul.message and nul.span is not None
    assert (nul.span.line, nul.span.column) == (2, 5)
    assert refused("large.yaml", b"#" * 2_000_001).code == "E013"
    assert refused("empty.yaml", b"").code == "E014"


def test_from_plain() -> None:
    data = {"a": [1, 2.5, True, "x"], 152: {"b": (1, 2)}, "half": Fraction(1, 2), "r": range(2)}
    value = from_plain(data, HERE)
    assert to_plain(value) == {"a": [1, 2.5, True, "x"], "152": {"b": [1, 2]}, "half": 0.5, "r": [0, 1]}
    assert at(value, ("a", 1)) is HERE
    loop: list[object] = []
    loop.append(loop)
    for bad, code in [
        (None, "E015"),
        ({"a": None}, "E015"),
        (float("nan"), "E015"),
        (object(), "E015"),
        ({1.5: 1}, "E012"),
        ({True: 1}, "E012"),
        (loop, "E013"),
    ]:
        with pytest.raises(SpecError) as raised:
            from_plain(bad, HERE)
        assert raised.value.diagnostics[0].code == code


SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["1e-3", "012", "1:30", "on", "null", "~", "", "<<", "true", "1_0", "é: x", "- a", "a\n  b", "x #"]
    )
)
KEYS = st.text(min_size=1, max_size=12) | st.sampled_from(["152", "on", "<<", "null", "a: b", "?"])
PLAIN = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))


@settings(deadline=None)
@given(PLAIN)
def test_dump_reads_back(data: object) -> None:
    back = to_plain(parse(dump(data), "f"))
    assert back == data
    assert repr(back) == repr(data)  # 1 and 1.0 and True are told apart


def test_dump_refuses_what_no_spec_holds() -> None:
    for bad in (None, [None], float("inf"), object()):
        with pytest.raises(ValueError, match="is no value"):
            dump(bad)
    assert parse(dump({"name": "x", "input": [3, 224, 224]}), "f")
    assert dump({"name": "x", "input": [3, 224, 224]}) == "name: x\ninput: [3, 224, 224]\n"


PIECES = st.sampled_from(
    [*"[]{}:,-?|>&*!%@`#'\"\n\t \\~", ": ", "- ", "\n  ", "a", "012", "<<", "é", "$x", "(", ")", "---\n"]
)


@settings(deadline=None, max_examples=400)
@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_gives_a_value_or_placed_errors(text: str) -> None:
    try:
        value = parse(text, "f")
    except SpecError as error:
        lines = text.removeprefix("\ufeff").splitlines() or [""]
        for found in error.diagnostics:
            assert found.span is not None
            assert 1 <= found.span.line <= len(lines) + 1
            assert 1 <= found.span.column <= len(found.span.text) + 1
            assert str(found)
    else:
        assert to_plain(value) is not None


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(data)
    try:
        read(path)
    except SpecError as error:
        assert all(found.code and str(found) for found in error.diagnostics)
