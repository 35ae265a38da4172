"""A document from an address on the web: fetched once, from a public machine only.

Knows what an address may be and refuses everything that could make this machine ask its own network for somebody:
the name is resolved here, every address that it has must be public, and the connection goes to the address that was
checked, so that no second answer of a name server can change it. The same holds for each redirect. Proxies of the
environment are not used. Refuses to know corpora.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from assistant.errors import DocumentRefused
from assistant.retrieval.loading import SUFFIXES, too_large
from assistant.services.corpus_names import safe_document_name

_REDIRECTS = 5
_PIECE = 65_536
_MOVED = (301, 302, 303, 307, 308)
_TYPES = {
    "text/html": ".html", "application/xhtml+xml": ".html", "application/pdf": ".pdf", "text/markdown": ".md",
    "text/x-markdown": ".md", "text/csv": ".csv", "application/json": ".json", "application/x-ndjson": ".jsonl",
    "application/epub+zip": ".epub", "application/msword": ".doc", "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "image/png": ".png", "image/jpeg": ".jpg", "image/tiff": ".tiff",
}  # fmt: skip
_BY_NAME = ("", "application/octet-stream", "binary/octet-stream", "text/plain")  # the address tells more than these
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address in disguise
_CHARSET = re.compile(r"charset=\"?([\w.:-]{1,40})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Network:
    """How names become addresses and connections are made; tests give their own.

    `resolve` takes name and port; `connect` address, port and seconds, and never resolves anything.
    """

    resolve: Callable[[str, int], Sequence[str]]
    connect: Callable[[str, int, float], socket.socket]


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` is for everything together, redirects included."""

    max_bytes: int
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """The document as a file whose name tells its kind, and the address it came from in the end."""

    path: Path
    url: str


def fetch(url: str, folder: Path, limits: Limits, network: Network | None = None) -> Fetched:
    """Fetch a document into `folder`; raises `DocumentRefused` with the reason, keeping nothing."""
    network = network or SYSTEM
    ends = time.monotonic() + limits.seconds
    for _ in range(_REDIRECTS + 1):
        parts = _checked_url(url)
        addresses = _public_addresses(parts, network)
        with _asked(parts, addresses, ends, network) as answer:
            if answer.status in _MOVED and answer.headers.get("Location"):
                url = urljoin(url, answer.headers["Location"])
                continue
            if answer.status != http.client.OK:
                raise _failed(url, f"the server answered {answer.status}", f"o servidor respondeu {answer.status}")
            name = _name(parts, answer)
            data = _text_as_utf8(_body(answer, name, limits.max_bytes, ends), answer)
        path = folder / name
        path.write_bytes(data)
        return Fetched(path, url)
    raise _failed(url, f"it redirects more than {_REDIRECTS} times", f"ele redireciona mais de {_REDIRECTS} vezes")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet: not this machine, its network, a group or a reserve."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        disguised = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if disguised or found in _NAT64:
            return False
    special = found.is_private or found.is_loopback or found.is_link_local or found.is_multicast or found.is_reserved
    return found.is_global and not special and not found.is_unspecified


def _checked_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        host, _ = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except (ValueError, UnicodeError) as error:
        raise _refused_url(url) from error
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or re.search(r"\s", url.strip()):
        raise _refused_url(url)
    return parts


def _public_addresses(parts: SplitResult, network: Network) -> Sequence[str]:
    """The addresses of the host; raises `DocumentRefused` where any of them is not public."""
    host, port = _host(parts), _port(parts)
    try:
        addresses = list(network.resolve(host, port))
    except OSError as error:
        raise _failed(parts.geturl(), "its name is not known", "o nome não foi encontrado na rede") from error
    private = [address for address in addresses if not is_public(address)]
    if private or not addresses:
        shown = private[0] if private else "-"
        raise DocumentRefused(
            f"{host} is no public address ({shown}): addresses of this machine or its network are never fetched. "
            "Save the page as a file and add that.",
            pt=f"{host} não é um endereço público ({shown}): endereços desta máquina ou da rede dela nunca são "
            "buscados. Salve a página como arquivo e envie o arquivo.",
        )
    return addresses


@contextmanager
def _asked(
    parts: SplitResult, addresses: Sequence[str], ends: float, network: Network
) -> Iterator[http.client.HTTPResponse]:
    """The answer to a GET, on a connection to one of the checked addresses that is closed in time, whatever it does."""
    host, port, url = _host(parts), _port(parts), parts.geturl()
    held = [_connected(url, addresses, port, ends, network)]
    # a server that sends a byte now and then never lets a timeout of one read pass
    watch = threading.Timer(max(0.1, ends - time.monotonic()), _cut, [held])
    watch.daemon = True
    watch.start()
    connection = http.client.HTTPConnection(host, port)
    try:
        if parts.scheme == "https":
            _secure(held, host)
        # a socket that is there is used: http.client resolves nothing and knows no proxies then
        connection.sock = held[0]
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        said = {"User-Agent": "assistant", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
        connection.request("GET", _quoted(target), headers=said)
        yield connection.getresponse()
    except ssl.SSLCertVerificationError as error:
        raise _failed(url, "its certificate is not valid", "o certificado do site não é válido") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failed(url, f"the connection failed ({error})", "a conexão falhou ou demorou demais") from error
    finally:
        watch.cancel()
        connection.close()
        held[0].close()


def _connected(url: str, addresses: Sequence[str], port: int, ends: float, network: Network) -> socket.socket:
    for address in addresses[:4]:
        left = ends - time.monotonic()
        if left <= 0:
            break
        with suppress(OSError):
            return network.connect(address, port, min(left, 15.0))
    raise _failed(url, "the server cannot be reached", "o servidor não respondeu")


def _secure(held: list[socket.socket], host: str) -> None:
    """Put TLS on the held connection; the certificate must be the host's, whatever the address."""
    secured = ssl.create_default_context().wrap_socket(held[0], server_hostname=host, do_handshake_on_connect=False)
    held[0] = secured
    secured.do_handshake()


def _body(answer: http.client.HTTPResponse, name: str, limit: int, ends: float) -> bytes:
    """The whole body; raises `DocumentRefused` for one that is too long or takes too long."""
    declared = answer.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(name, int(declared), limit)
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "deflate"):
        raise _failed(name, f"it comes packed as {coding}", "ele vem compactado de um jeito que não é lido aqui")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32) if coding in ("gzip", "deflate") else None
    data, received = bytearray(), 0
    try:
        while (not declared.isdigit() or received < int(declared)) and (piece := answer.read1(_PIECE)):
            received += len(piece)
            data += unpacker.decompress(piece, limit + 1 - len(data)) if unpacker else piece
            if len(data) > limit:
                raise too_large(name, len(data), limit)
            if time.monotonic() > ends:
                raise _failed(name, "it took too long", "ele demorou demais")
    except zlib.error as error:
        raise _failed(name, "it is damaged", "ele chegou danificado") from error
    if time.monotonic() > ends or (declared.isdigit() and received < int(declared)):
        raise _failed(name, "it ended half-way or took too long", "ele veio pela metade ou demorou demais")
    return bytes(data)


def _name(parts: SplitResult, answer: http.client.HTTPResponse) -> str:
    """Host and last part of the address, with the ending of what the server says it is."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    last = PurePosixPath(unquote(parts.path))
    own = last.suffix.lower() if last.suffix.lower() in SUFFIXES else ""
    suffix = own if kind in _BY_NAME and own else _TYPES.get(kind, ".txt" if kind == "text/plain" else "")
    if suffix not in SUFFIXES:
        kinds = ", ".join(SUFFIXES)
        raise DocumentRefused(
            f"{parts.geturl()[:120]} is of kind {kind or 'unknown'}, which is not read. Read are: {kinds}.",
            pt=f"{parts.geturl()[:120]} é do tipo {kind or 'desconhecido'}, que não é lido aqui. São lidos: {kinds}.",
        )
    host = _host(parts).removeprefix("www.").replace(".", "-")
    return safe_document_name(f"{'-'.join(p for p in (host, last.stem.strip('/')) if p)}{suffix}")


def _text_as_utf8(data: bytes, answer: http.client.HTTPResponse) -> bytes:
    """A text whose encoding only the server knows, as UTF-8 with its mark; anything else as it came."""
    header = answer.headers.get("Content-Type", "")
    charset = _CHARSET.search(header.lower())
    if not header.lower().startswith("text/") or not charset:
        return data
    try:
        return data.decode(charset[1]).encode("utf-8-sig" if not data.startswith(b"\xef\xbb\xbf") else "utf-8")
    except (LookupError, UnicodeDecodeError, UnicodeEncodeError):
        return data


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").encode("idna").decode("ascii")


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _quoted(target: str) -> str:
    """Letters beyond ASCII as a request line takes them; what is escaped stays."""
    return "".join(c if "!" <= c <= "~" else "".join(f"%{byte:02X}" for byte in c.encode("utf-8")) for c in target)


def _cut(held: list[socket.socket]) -> None:
    with suppress(OSError):
        socket.socket.shutdown(held[0], socket.SHUT_RDWR)  # below TLS, whose own shutdown is not for another thread


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _connect(address: str, port: int, seconds: float) -> socket.socket:
    return socket.create_connection((address, port), timeout=seconds)


SYSTEM = Network(_resolved, _connect)


def _refused_url(url: str) -> DocumentRefused:
    return DocumentRefused(
        f"{url[:120]!r} is no address of a page. Write it in full: https://example.org/page",
        pt=f"{url[:120]!r} não é o endereço de uma página. Escreva-o inteiro: https://exemplo.com.br/pagina",
    )


def _failed(url: str, why: str, why_pt: str) -> DocumentRefused:
    return DocumentRefused(
        f"{url[:120]} could not be fetched: {why}. Save the page as a file and add that.",
        pt=f"Não foi possível buscar {url[:120]}: {why_pt}. Salve a página como arquivo e envie o arquivo.",
    )
