"""A data set's repository on the Hugging Face hub: what it says of itself, and its files, read piece by piece.

Knows huggingface_hub and its errors. Nothing is kept on the disk, nothing of a repository is executed, and the network
is only asked by `look` and by reading. Refuses to know forms of data.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from assistant.errors import DataError

_TIMEOUT = 30.0  # seconds without a byte before the network counts as gone
_BUFFER = 1 << 20  # bytes of one request, unless more is asked for


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit; `files` are (path, bytes), `changed` is an ISO date, "" for what the hub leaves out.

    `configs` is what its card says under that key.
    """

    name: str
    commit: str
    changed: str
    licence: str
    files: tuple[tuple[str, int], ...]
    configs: Any = None


def look(name: str) -> Repository:
    """What the hub says of the data set `owner/name` today; raises `DataError` with the way out."""
    from huggingface_hub import HfApi

    with translated(name):
        found = HfApi().dataset_info(name, files_metadata=True, timeout=_TIMEOUT)
    said: Any = found.card_data  # its library gives it no types
    card: dict[str, Any] = dict(said.to_dict()) if said else {}
    licence = card.get("license") or [tag[8:] for tag in found.tags or () if tag.startswith("license:")]
    return Repository(
        name,
        str(found.sha or "main"),
        found.last_modified.date().isoformat() if found.last_modified else "",
        ", ".join(map(str, licence)) if isinstance(licence, list) else str(licence),
        tuple((file.rfilename, int(file.size or 0)) for file in found.siblings or ()),
        card.get("configs"),
    )


def open_file(repository: Repository, path: str, size: int) -> io.BufferedReader:
    """A file of the repository, readable and seekable; each piece is fetched when it is needed."""
    return io.BufferedReader(_Remote(repository, path, size), _BUFFER)


class _Remote(io.RawIOBase):
    """Bytes of one file by range; every read is one request."""

    def __init__(self, repository: Repository, path: str, size: int) -> None:
        from huggingface_hub import hf_hub_url

        self._name = repository.name
        self._size = size
        self._at = 0
        self._url = hf_hub_url(repository.name, path, repo_type="dataset", revision=repository.commit)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        data = self._fetch(self._at, wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _fetch(self, start: int, count: int) -> bytes:
        """`count` bytes from `start`; what a server sends beyond them is not read."""
        from huggingface_hub import utils

        tools: Any = utils  # public there, without types
        headers = {
            **tools.build_hf_headers(),
            "range": f"bytes={start}-{start + count - 1}",
            "accept-encoding": "identity",
        }
        data = bytearray()
        with (
            translated(self._name),
            tools.get_session().stream("GET", self._url, headers=headers, timeout=_TIMEOUT) as response,
        ):
            tools.hf_raise_for_status(response)
            if start and response.status_code != 206:
                raise ConnectionError("the server sends whole files only")
            for part in response.iter_bytes():
                data += part
                if len(data) >= count:
                    break
        if len(data) < count:
            raise _no_network(self._name)
        return bytes(data[:count])


@contextmanager
def translated(name: str) -> Iterator[None]:
    """What the hub's library raises, as `DataError`; the network alone is asked within."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        raise _offline(name) from error
    except errors.GatedRepoError as error:
        raise _refused(
            name,
            "its conditions have to be accepted on its page first, and HF_TOKEN be set",
            "as condições precisam ser aceitas antes na página dele, e HF_TOKEN definido",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise _refused(
            name,
            "the hub has no such data set, or it is private. Check owner and name",
            "o hub não tem esse conjunto, ou ele é privado. Confira dono e nome",
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        raise _refused(
            name,
            f"the hub answered with the error {status}. Try again later",
            f"o hub respondeu com o erro {status}. Tente de novo mais tarde",
        ) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise _no_network(name) from error


def _refused(name: str, why: str, why_pt: str) -> DataError:
    return DataError(
        f"The data set {name} cannot be had: {why}, or bring the data as a file.",
        pt=f"Não foi possível obter o conjunto {name}: {why_pt}, ou traga os dados em um arquivo.",
    )


def _no_network(name: str) -> DataError:
    return DataError(
        f"The data set {name} cannot be had: there is no network, or the hub does not answer. Try again later, or "
        "bring the data as a file: download it elsewhere and give it here.",
        pt=f"Não foi possível obter o conjunto {name}: não há rede, ou o hub não responde. Tente de novo mais tarde ou "
        "traga os dados em um arquivo: baixe-o em outro lugar e envie-o aqui.",
    )


def _offline(name: str) -> DataError:
    return DataError(
        f"The data set {name} cannot be had: there is no network, since HF_HUB_OFFLINE is set. Unset it and start "
        "again, or bring the data as a file.",
        pt=f"Não foi possível obter o conjunto {name}: não há rede, porque HF_HUB_OFFLINE está definido. Remova-o e "
        "inicie de novo, ou traga os dados em um arquivo.",
    )
