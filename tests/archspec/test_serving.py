"""`archspec serve`: this machine alone, the page as the file now is, and an end by Ctrl-C."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import archspec
from archspec.devices.reading import directory
from archspec.errors import SpecError
from archspec.serving import Server, Watched
from tests.browser import PROGRAM, Browser

GOOD = "archspec: 1\ninput: [3, 8, 8]\nlayers:\n- conv: {out: 4, kernel: 3}\n"
BAD = GOOD.replace("conv", "konv")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def served(spec: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command in a process of its own, and its port."""
    command = [sys.executable, "-m", "archspec", "serve", str(spec), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    yield process, int(line.partition("127.0.0.1:")[2].partition("/")[0])
    process.kill()
    process.communicate()


def get(port: int, path: str = "/", host: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def renamed_over(path: Path, text: str) -> None:
    """As most editors save: a new file under another name, then renamed."""
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def test_it_answers_by_its_own_names_only(served: tuple[subprocess.Popen[str], int]) -> None:
    _, port = served
    assert get(port)[0] == 200 and "application/json" in get(port)[1]
    assert get(port, host=f"localhost:{port}")[0] == 200
    assert get(port, host=f"evil.example:{port}")[0] == 403
    assert get(port, "/events", host=f"evil.example:{port}")[0] == 403
    assert get(port, "/../mine.yaml")[0] == 404


def test_it_listens_on_the_loopback_interface_alone(spec: Path) -> None:
    server = Server(Watched(str(spec), lambda: _load(spec)), 0)
    assert server.socket.getsockname()[0] == "127.0.0.1"
    server.server_close()


def test_ctrl_c_ends_it(served: tuple[subprocess.Popen[str], int]) -> None:
    process, _ = served
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130 and said == "interrupted\n"


def test_a_port_that_is_taken_is_one_message(spec: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(SpecError, match=r"E576: port .* is taken"):
        Server(Watched(str(spec), lambda: _load(spec)), other.getsockname()[1])


@pytest.mark.parametrize("save", [renamed_over, lambda path, text: path.write_text(text, encoding="utf-8")])
def test_the_page_follows_the_file_errors_included(spec: Path, save: object) -> None:
    watched = Watched(str(spec), lambda: _load(spec))
    first = watched.page
    assert not watched.renew() and watched.wrong == ""
    save(spec, BAD)  # type: ignore[operator]
    assert watched.renew() and "did you mean" in watched.wrong and "konv" in watched.page
    assert watched.wait(1, 0) and not watched.wait(2, 0)
    spec.unlink()
    assert watched.renew() and watched.wrong
    save(spec, GOOD)  # type: ignore[operator]
    assert watched.renew() and watched.wrong == ""
    assert watched.page == first.replace('data-version="1"', f'data-version="{watched.version}"')


def test_a_used_file_is_followed_too(spec: Path) -> None:
    blocks = spec.with_name("parts.yaml")
    blocks.write_text("archspec: 1\nblocks:\n  part:\n    layers:\n    - conv: {out: 4, kernel: 3}\n", encoding="utf-8")
    spec.write_text("archspec: 1\nuse: [parts.yaml]\ninput: [3, 8, 8]\nlayers:\n- part\n", encoding="utf-8")
    watched = Watched(str(spec), lambda: _load(spec))
    assert watched.wrong == ""
    renamed_over(blocks, blocks.read_text(encoding="utf-8").replace("out: 4", "out: 5"))
    assert watched.renew() and "5×6×6" in watched.page


@pytest.mark.skipif(PROGRAM is None, reason="no chromium on the path")
def test_a_browser_sees_the_mistake_and_its_mending(served: tuple[subprocess.Popen[str], int], spec: Path) -> None:
    browser = Browser()
    try:
        browser.size(1280, 900)
        browser.open(f"http://127.0.0.1:{served[1]}/")
        browser.js("filter = document.querySelector('#filter'), filter.value = 'conv', 1")
        renamed_over(spec, BAD)
        browser.wait("document.querySelector('#diagnostics')?.textContent.includes('konv')")
        renamed_over(spec, GOOD.replace("out: 4", "out: 7"))
        browser.wait("document.querySelector('#table tbody')?.textContent.includes('7×6×6')")
        assert browser.js("document.querySelector('#filter').value") == "conv", "the page is as it was left"
        assert browser.complaints == []
    finally:
        browser.close()


def test_a_device_that_is_not_there_is_told_before_anyone_listens(spec: Path) -> None:
    command = [sys.executable, "-m", "archspec", "serve", str(spec), "--port", "0", "--device", "nosuch"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error E560: there is no device 'nosuch'")


def test_a_device_file_is_followed(spec: Path, tmp_path: Path) -> None:
    device = tmp_path / "mine.device.yaml"
    text = (directory() / "a100.yaml").read_text(encoding="utf-8")
    device.write_text(text, encoding="utf-8")
    watched = Watched(str(spec), lambda: _load(spec), device=str(device))
    assert not watched.renew() and watched.wrong == ""
    renamed_over(device, text.replace("bandwidth_gb_per_s", "bandwith_gb_per_s"))
    assert watched.renew() and "E561" in watched.wrong
    renamed_over(device, text)
    assert watched.renew() and watched.wrong == ""


def test_a_fault_of_archspec_is_told_and_survived(spec: Path) -> None:
    faults = [ZeroDivisionError("of ours"), None]

    def load() -> archspec.TypedGraph:
        if fault := faults.pop(0):
            raise fault
        return _load(spec)

    watched = Watched(str(spec), load)
    assert "internal error: ZeroDivisionError: of ours" in watched.page and "Traceback" not in watched.page
    assert watched.wrong.startswith("Traceback") and "in load" in watched.wrong, "whole in the terminal"
    renamed_over(spec, GOOD)
    assert watched.renew() and watched.wrong == ""


def _load(spec: Path) -> archspec.TypedGraph:
    return archspec.load(spec)
