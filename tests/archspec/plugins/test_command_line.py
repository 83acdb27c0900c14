"""`--plugin`, and that nothing but a person names a plugin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import archspec
from archspec.cli import COMMANDS, WITHOUT_PLUGINS, main

DOUBLE = """
from archspec.plugins import *
@operator('double')
class Double(Operator):
    def infer(self, inputs): return inputs
"""


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in WITHOUT_PLUGINS])
def test_every_command_that_meets_layers_takes_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [command, *{"weights": ["import"], "data": ["show"]}.get(command, [])]
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    assert "--plugin FILE.py" in capsys.readouterr().out


def test_a_plugin_lasts_as_long_as_the_command(
    plugin: Callable[..., Path], write_spec: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path, file = write_spec("- double", "[3, 4, 4]"), plugin(DOUBLE)
    assert main(["check", str(path), "--plugin", str(file)]) == 0
    assert main(["check", str(path)]) == 1
    assert main(["check", str(path), "--plugin", str(plugin("1 / 0", "broken.py"))]) == 1
    said = capsys.readouterr().err
    assert "broken.py:1:1: error E551" in said
    assert "Traceback" not in said


def test_a_spec_cannot_name_one(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n{DOUBLE}")
    for key in ("plugin", "plugins"):
        path = tmp_path / "t.yaml"
        path.write_text(f"archspec: 1\n{key}: evil.py\ninput: [3, 4, 4]\nlayers: [double]\n")
        assert "E101" in [d.code for d in archspec.check(path)]
    path.write_text("archspec: 1\nuse: evil.py\ninput: [3, 4, 4]\nlayers: [double]\n")
    assert archspec.check(path)
    assert not marker.exists()


def test_an_unknown_word_speaks_of_plugins_only_where_no_word_is_near(write_spec: Callable[..., Path]) -> None:
    (near,) = archspec.check(write_spec("- rellu", "[3, 4, 4]"))
    (far,) = archspec.check(write_spec("- xyzzy", "[3, 4, 4]"))
    assert near.hint == "did you mean 'relu'?"
    assert far.hint is not None and "--plugin FILE.py" in far.hint
