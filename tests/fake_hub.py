"""A hub on this machine: the two addresses that a data set needs, as the real one answers them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Repositories by name: their files, and what their card says; `asked` are the addresses that were asked for.

    While `gate` is clear, nothing is answered.
    """

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.cards: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.sent = 0  # bytes of files
        self.broken = False
        self.url = ""
        self.gate = threading.Event()
        self.gate.set()

    def add(self, name: str, files: dict[str, bytes], **card: Any) -> None:
        self.files[name], self.cards[name] = files, card

    def answer(self, path: str, wanted: str | None) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(path)
        self.gate.wait(60)
        if self.broken:
            return 503, {}, b""
        parts = unquote(urlsplit(path).path).strip("/").split("/")
        if parts[:2] == ["api", "datasets"]:
            return self._about("/".join(parts[2:4]))
        if (parts[0], *parts[3:5]) != ("datasets", "resolve", COMMIT):  # nothing that a data set needs
            return 404, {}, b""
        data = self.files["/".join(parts[1:3])]["/".join(parts[5:])]
        first, last = (int(at) for at in str(wanted).removeprefix("bytes=").split("-"))
        piece = data[first : last + 1]
        self.sent += len(piece)
        return 206, {"Content-Range": f"bytes {first}-{first + len(piece) - 1}/{len(data)}"}, piece

    def _about(self, name: str) -> tuple[int, dict[str, str], bytes]:
        if name not in self.files:
            code = "GatedRepo" if name.endswith("/gated") else "RepoNotFound"
            return (403 if code == "GatedRepo" else 404), {"X-Error-Code": code}, b""
        siblings = [{"rfilename": path, "size": len(data)} for path, data in self.files[name].items()]
        about = {"_id": "x", "id": name, "sha": COMMIT, "lastModified": "2024-05-06T07:08:09.000Z", "private": False,
                 "tags": [], "siblings": siblings, "cardData": self.cards[name]}  # fmt: skip
        return 200, {"Content-Type": "application/json"}, json.dumps(about).encode()


@contextmanager
def serving() -> Iterator[FakeHub]:
    """The hub behind an address of its own, `hub.url`."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = hub.answer(self.path, self.headers["range"])
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield hub
    hub.gate.set()
    server.shutdown()
    server.server_close()


@contextmanager
def asking(monkeypatch: Any) -> Iterator[FakeHub]:
    """The same as the only hub that this process knows."""
    from huggingface_hub.utils import close_session

    with serving() as hub:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        address = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address)
        yield hub
        close_session()
