"""The page of a spec on this machine alone, made anew whenever the spec's files change, errors included.

The server listens on the loopback interface and answers only to requests that call it by that name, so that no
page from elsewhere can read a spec through a browser (by a name of its own that leads here).
"""

from __future__ import annotations

import errno
import threading
import traceback
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from archspec import zoo
from archspec.analysis.autocast import arithmetic, precision_of
from archspec.analysis.needs import optimizer_of
from archspec.analysis.roofline import device_for
from archspec.errors import SpecError, fail, format_diagnostics
from archspec.render.html import error_page, page

if TYPE_CHECKING:
    from archspec.graph import TypedGraph

HOST = "127.0.0.1"
EVERY = 0.25
"""Seconds between looks at the files."""
AT_ONCE = 32
"""Pages that may wait for changes; more are told to try later."""

State = dict[str, tuple[int, int, int] | None]


class Watched:
    """The page of a spec as its files now are. `version` changes with it, and `changed` is told."""

    def __init__(
        self,
        spec: str,
        load: Callable[[], TypedGraph],
        batch: int = 1,
        optimizer: str = "sgd",
        precision: str = "float32",
        device: str | Path | None = None,
    ):
        self.spec, self.load, self.batch, self.optimizer = spec, load, batch, optimizer
        self.precision, self.device = precision, device
        precision_of(precision)  # told at once: no change of the spec would mend them
        optimizer_of(optimizer)
        if device is not None:
            device_for(device, arithmetic(precision))
        self.changed = threading.Condition()
        self.version, self.page, self.wrong = 0, "", ""
        self.files = {str(zoo.locate(spec)[0])}
        if device is not None and Path(device).is_file():
            self.files.add(str(device))
        self.state: State = {}
        self.make()

    def make(self) -> None:
        """The page, of the network or of what is wrong, archspec itself included; and the files that it came from."""
        before = look(self.files)  # as they were before they are read: a change meanwhile is seen next time
        number = self.version + 1
        files: set[str] = set()
        try:
            graph = self.load()
            text, wrong = page(graph, self.batch, self.optimizer, self.precision, self.device, live=str(number)), ""
            files = {node.span.file for node in graph.nodes.values()}
        except SpecError as error:
            wrong = format_diagnostics(error.diagnostics)
            text = error_page(self.spec, wrong, live=str(number))
            files = {d.span.file for d in error.diagnostics if d.span}
        except Exception as error:  # ours: told on the page as such, and whole where the server was started
            wrong = traceback.format_exc()
            said = f"internal error: {type(error).__name__}: {error}\n\n"
            said += "This is a fault of archspec, not of the spec: please report it, with what the terminal shows."
            text = error_page(self.spec, said, live=str(number))
        self.files |= {file for file in files if file and Path(file).is_file()}
        self.state = look(self.files) | before
        with self.changed:
            self.version, self.page, self.wrong = number, text, wrong
            self.changed.notify_all()

    def renew(self) -> bool:
        """Make the page anew if a file has changed; whether it had."""
        if look(self.files) == self.state:
            return False
        self.make()
        return True

    def wait(self, version: int, seconds: float) -> bool:
        """Whether the page is another than that version, now or within so many seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: self.version != version, seconds)


def look(files: Iterable[str]) -> State:
    """Which file each name stands for, when it was written and how long it is; None for one that is not there.

    Editors that write a new file and rename it change the first, those that write into the file the others.
    """
    found: State = {}
    for name in files:
        try:
            stat = Path(name).stat()
            found[name] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except OSError:
            found[name] = None
    return found


class Server(ThreadingHTTPServer):
    """Serves one page on the loopback interface. Raises SpecError E576 where the port cannot be had."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, watched: Watched, port: int):
        self.watched = watched
        self.places = threading.Semaphore(AT_ONCE)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is taken by another program" if taken else f"cannot be had: {error.strerror or error}"
            hint = "another one: `--port N`, or any that is free: `--port 0`"
            raise fail("E576", f"port {port} {why}", hint=hint) from None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/"

    def follow(self, told: Callable[[str], None]) -> None:
        """Answer, and look at the files again and again, until interrupted; `told` what is wrong after each change."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        rest = threading.Event()
        try:
            while not rest.wait(EVERY):
                if self.watched.renew():
                    told(self.watched.wrong)
        finally:
            self.shutdown()
            self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that went away is nothing to tell of."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 30
    server_version, sys_version = "archspec", ""

    def do_GET(self) -> None:
        if self.headers.get("Host") not in self._names():
            self.send_error(HTTPStatus.FORBIDDEN, "this page is for this machine alone")
            return
        path, _, version = self.path.partition("?")
        if path == "/":
            self._send(self.server.watched.page.encode())
        elif path == "/events":
            self._events(int(version) if version.isdecimal() and len(version) < 10 else 0)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _names(self) -> set[str]:
        return {f"{host}:{self.server.server_port}" for host in (HOST, "localhost")}

    def _send(self, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self._close_headers()
        self.wfile.write(body)

    def _events(self, version: int) -> None:
        """Say `changed` once the page is another, and a comment now and then, by which a lost reader is noticed."""
        if not self.server.places.acquire(blocking=False):
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        try:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/event-stream")
            self._close_headers()
            self.wfile.write(b"retry: 500\n\n")
            while not self.server.watched.wait(version, 5):
                self.wfile.write(b": here\n\n")
            self.wfile.write(b"event: changed\ndata: \n\n")
        except OSError:
            pass  # the reader has gone
        finally:
            self.server.places.release()

    def _close_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not told: the terminal is for what is wrong with the spec."""
