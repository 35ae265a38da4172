"""Fetching from the web: never from this machine or its network, whatever names and redirects say."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assistant.errors import DocumentRefused
from assistant.services.corpus_report import FileState
from assistant.services.web_page import Limits, Network, fetch, is_public

from .library import Library, open_library

PUBLIC = "93.184.216.34"
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Web:
    """A server of this machine that stands for the whole internet, and a name server that can be made to lie."""

    port: int
    pages: dict[str, Answer]
    names: dict[str, list[list[str]]] = field(default_factory=lambda: {"exemplo.com.br": [[PUBLIC]]})
    asked: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)

    @property
    def network(self) -> Network:
        return Network(self._resolve, self._connect)

    def _resolve(self, host: str, port: int) -> list[str]:
        answers = self.names.get(host)
        if answers is None:
            raise socket.gaierror("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.connected.append(address)
        return socket.create_connection(("127.0.0.1", self.port), seconds)


def page(
    body: bytes, kind: str = "text/html; charset=utf-8", status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def moved(to: str) -> Answer:
    return page(b"", status=302, headers={"Location": to})


@pytest.fixture
def web() -> Iterator[Web]:
    found = Web(0, {})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(f"{self.headers['Host']}{self.path}")
            found.pages[self.path](self)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def got(web: Web, url: str, folder: Path, limits: Limits | None = None) -> tuple[str, bytes]:
    fetched = fetch(url, folder, limits or Limits(100_000, 10), web.network)
    return fetched.path.name, fetched.path.read_bytes()


def test_a_page_becomes_a_file_named_by_its_address(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    web.pages["/leis/l8078.htm?ano=1990"] = page(b"<p>Art. 49</p>")
    name, body = got(web, "http://exemplo.com.br/leis/l8078.htm?ano=1990", tmp_path)
    assert (name, body) == ("exemplo-com-br-l8078.html", b"\xef\xbb\xbf<p>Art. 49</p>")
    assert web.connected == [PUBLIC] and web.asked == ["exemplo.com.br/leis/l8078.htm?ano=1990"]


@pytest.mark.parametrize(
    ("kind", "path", "name"),
    [
        ("application/pdf", "/x", "exemplo-com-br-x.pdf"),
        ("application/octet-stream", "/edital.pdf", "exemplo-com-br-edital.pdf"),
        ("text/plain", "/nota.md", "exemplo-com-br-nota.md"),
        ("text/plain", "/", "exemplo-com-br.txt"),
    ],
)
def test_the_server_says_the_kind(web: Web, tmp_path: Path, kind: str, path: str, name: str) -> None:
    web.pages[path] = page(b"corpo", kind)
    assert got(web, f"http://exemplo.com.br{path}", tmp_path)[0] == name


def test_text_of_an_old_server_is_read_in_the_encoding_it_declares(web: Web, tmp_path: Path) -> None:
    web.pages["/a.txt"] = page("ação".encode("latin-1"), "text/plain; charset=ISO-8859-1")
    assert got(web, "http://exemplo.com.br/a.txt", tmp_path)[1].decode("utf-8-sig") == "ação"
    web.pages["/b.txt"] = page(gzip.compress(b"z" * 50), "text/plain", headers={"Content-Encoding": "gzip"})
    assert got(web, "http://exemplo.com.br/b.txt", tmp_path)[1] == b"z" * 50


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.9.9", "192.168.0.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:93.184.216.34", "64:ff9b::7f00:1", "2002:7f00:1::",
        "2001:0:7f00:1::", "2001:db8::1", "nonsense",
    ],
)  # fmt: skip
def test_no_address_of_this_machine_or_its_network_is_ever_connected_to(web: Web, tmp_path: Path, address: str) -> None:
    assert not is_public(address)
    web.names["interno.exemplo"] = [[address]]
    with pytest.raises(DocumentRefused, match="no public address") as refused:
        got(web, "http://interno.exemplo/", tmp_path)
    assert "endereço público" in refused.value.text("pt")
    web.names["dois.exemplo"] = [[PUBLIC, address]]
    with pytest.raises(DocumentRefused, match="no public address"):
        got(web, "http://dois.exemplo/", tmp_path)
    assert web.connected == [] and web.asked == []


def test_the_real_resolver_knows_this_machine_by_every_spelling(web: Web, tmp_path: Path) -> None:
    for host in ("127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "localhost", "[::1]"):
        with pytest.raises(DocumentRefused):
            fetch(f"http://{host}:{web.port}/", tmp_path, Limits(1000, 5))
    assert web.asked == [] and list(tmp_path.iterdir()) == []


def test_a_redirect_is_checked_like_the_first_address(web: Web, tmp_path: Path) -> None:
    web.names["interno.exemplo"] = [["169.254.169.254"]]
    web.pages |= {
        "/1": moved("http://interno.exemplo/latest/meta-data"),
        "/2": moved("file:///etc/passwd"),
        "/3": moved("ftp://exemplo.com.br/a.txt"),
        "/4": moved("/5"),
        "/5": page(b"chegou", "text/plain"),
        "/6": moved("/6"),
        "/7": moved("http://user:secret@exemplo.com.br/5"),
    }
    for path, words in {"/1": "no public", "/2": "no address", "/3": "no address", "/6": "redirects more"}.items():
        with pytest.raises(DocumentRefused, match=words):
            got(web, f"http://exemplo.com.br{path}", tmp_path)
    with pytest.raises(DocumentRefused, match="no address"):
        got(web, "http://exemplo.com.br/7", tmp_path)
    assert set(web.connected) == {PUBLIC}
    assert got(web, "http://exemplo.com.br/4", tmp_path)[1].endswith(b"chegou")


def test_a_name_that_changes_its_address_meanwhile_changes_nothing(web: Web, tmp_path: Path) -> None:
    web.names["muda.exemplo"] = [[PUBLIC], ["127.0.0.1"]]
    web.pages["/a.txt"] = page(b"publico", "text/plain")
    assert got(web, "http://muda.exemplo/a.txt", tmp_path)[1].endswith(b"publico")
    assert web.connected == [PUBLIC], "the address that was checked, not a second answer of the name server"
    with pytest.raises(DocumentRefused):
        got(web, "http://muda.exemplo/a.txt", tmp_path)
    assert web.connected == [PUBLIC]


@pytest.mark.parametrize(
    "url",
    ["", "exemplo.com.br", "file:///etc/passwd", "ftp://a.b/c", "gopher://a", "http://", "http://a b.com/",
     "http://exemplo.com.br:99999/", "javascript:alert(1)", "http://u:p@exemplo.com.br/", "http://ex\x00.br/"],
)  # fmt: skip
def test_what_is_no_address_of_a_page_is_refused(web: Web, tmp_path: Path, url: str) -> None:
    with pytest.raises(DocumentRefused):
        got(web, url, tmp_path)
    assert web.connected == []


def test_size_time_kind_and_status_have_limits(web: Web, tmp_path: Path) -> None:
    go = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain")
        handler.end_headers()
        while not go.wait(0.02):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return

    web.pages |= {
        "/grande": page(b"x" * 200_000, "text/plain"),
        "/bomba": page(gzip.compress(b"x" * 9_000_000), "text/plain", headers={"Content-Encoding": "gzip"}),
        "/video": page(b"x", "video/mp4"),
        "/some": page(b"x", status=404),
        "/lento": endless,
        "/meio": page(b"x", "text/plain", headers={"Content-Length": "50"}),
    }
    words = {"/grande": "limite", "/bomba": "limite", "/video": "video/mp4", "/some": "404", "/meio": "metade"}
    for path, word in words.items():
        with pytest.raises(DocumentRefused) as refused:
            got(web, f"http://exemplo.com.br{path}", tmp_path)
        assert word in refused.value.text("pt"), path
    with pytest.raises(DocumentRefused) as refused:
        got(web, "http://exemplo.com.br/lento", tmp_path, Limits(100_000, 0.3))
    go.set()
    assert "demorou" in refused.value.text("pt")
    assert list(tmp_path.iterdir()) == []


def test_a_page_goes_into_a_corpus_with_where_it_is_from(web: Web, tmp_path: Path) -> None:
    library: Library = open_library(tmp_path / "home", web.network)
    web.pages["/nota"] = page(
        b"<head><title>Nota</title></head><body><p>O farol pisca.</p><script>alert(1)</script></body>"
    )
    ingestions = library.tools.ingestions
    work = library.finished(ingestions.add_url("notas", "http://exemplo.com.br/nota", "2024-05"))
    (line,) = work.files
    assert (line.name, line.state, line.as_of) == ("exemplo-com-br-nota.html", FileState.DONE, "2024-05")
    assert line.origin == "http://exemplo.com.br/nota"
    assert library.found("farol") == ["O farol pisca."] and library.found("alert") == []
    refused = library.finished(ingestions.add_url("notas", "http://127.0.0.1/"))
    assert refused.files[0].state is FileState.REFUSED
    ingestions.close()
    library.store.close()
