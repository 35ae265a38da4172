"""Public data sets that recipes name: where they live, at which commit, with which checksum.

A file is looked for in the folder of public data sets first, then in this project's own cache, and
fetched from its public home only when it is in neither. Refuses to fetch anything else.
"""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import DataError, StorageError

_TIMEOUT = 30.0  # seconds without a byte before the network counts as gone
_LARGEST = 64 * 1024**2  # bytes; no listed file is near it


@dataclass(frozen=True, slots=True)
class PublicFile:
    """One file at one commit of a public repository, its SHA-256 and licence."""

    repository: str
    commit: str
    path: str
    sha256: str
    licence: str

    @property
    def url(self) -> str:
        """Address of the raw file."""
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{self.path}"


FILES: dict[str, PublicFile] = {
    "lener-br/train.conll": PublicFile(
        "peluz/lener-br",
        "4999cb7f63191f1d6904206f312eeca8f5b45c5a",
        "leNER-Br/train/train.conll",
        "6fdf9066333c84565f9e3d28ee8f0f519336bece69b63f8d78b8de0fe96dcd47",
        "MIT",
    ),
    "lener-br/dev.conll": PublicFile(
        "peluz/lener-br",
        "4999cb7f63191f1d6904206f312eeca8f5b45c5a",
        "leNER-Br/dev/dev.conll",
        "7e350feb828198031e57c21d6aadbf8dac92b19a684e45d7081c6cb491e2063b",
        "MIT",
    ),
    "faquad/train.json": PublicFile(
        "liafacom/faquad",
        "6ad978f20672bb41625b3b71fbe4a88b893d0a86",
        "data/train.json",
        "33d32022638a4ad252420d44544585279903a83637a974c6fe6c2e53f1c7b294",
        "CC BY 4.0",
    ),
    "squad-pt/sample-v1.1-pt.json": PublicFile(
        "nunorc/squad-v1.1-pt",
        "da73fd9d7ae32ab063882c02e4be3bfda4a12193",
        "docs/sample-v1.1-pt.json",
        "7f9dcf3dc518378cce1f922a358cfe70c90e6fffc025de10fc2328a09b766c7d",
        "MIT; CC BY-SA 4.0",
    ),
}

Fetch = Callable[[str], bytes]


def fetch(url: str) -> bytes:
    """The bytes at a listed address; raises `OSError` when they cannot be had."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:  # noqa: S310  # only https from FILES
        return bytes(response.read(_LARGEST))


def present(name: str, folder: Path, cache: Path) -> Path | None:
    """The file `name` of a public set where it is on this machine already; never asks the network."""
    return next((root / name for root in (folder, cache) if (root / name).is_file()), None)


def not_here(name: str) -> DataError:
    """What is said where a file would have to be fetched and nobody asked for a training yet."""
    return DataError(
        f"The public data file {name!r} is not on this machine yet. It is fetched when the training starts; "
        "time and memory can be predicted after that.",
        pt=f"Os dados públicos {name!r} ainda não estão nesta máquina. Eles são buscados na rede quando o treino "
        "começar; só então dá para prever tempo e memória.",
    )


def locate(name: str, folder: Path, cache: Path, get: Fetch = fetch) -> Path:
    """The file `name` of a public set ("lener-br/train.conll"), fetched once if need be.

    Raises `DataError` for a set that is not listed, without network, or with another checksum.
    """
    if (there := present(name, folder, cache)) is not None:
        return there
    known = FILES.get(name)
    if known is None:
        raise DataError(
            f"The public data file {name!r} is not in {folder}, and no home is known for it. "
            f"Known: {', '.join(FILES)}. Put the file there, or set ASSISTANT_DATA_FOLDER.",
            pt=f"O arquivo de dados públicos {name!r} não está em {folder}, e não se sabe de onde obtê-lo. Ponha-o "
            "lá, ou defina ASSISTANT_DATA_FOLDER.",
        )
    try:
        content = get(known.url)
    except (OSError, urllib.error.URLError) as error:
        raise DataError(
            f"The public data file {name!r} is not in {folder} and could not be fetched from {known.url} ({error}). "
            "Connect to the network once, or set ASSISTANT_DATA_FOLDER to a folder that holds it.",
            pt=f"O arquivo de dados públicos {name!r} não está em {folder} e não foi possível obtê-lo em {known.url}. "
            "Conecte-se à rede uma vez, ou defina ASSISTANT_DATA_FOLDER com a pasta que o contém.",
        ) from error
    if hashlib.sha256(content).hexdigest() != known.sha256:
        raise DataError(
            f"What came from {known.url} is not the file that was expected: its checksum differs.",
            pt=f"O que veio de {known.url} não é o arquivo esperado: a soma de verificação difere.",
        )
    try:
        target = cache / name
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.with_name(f".{target.name}.part")
        staged.write_bytes(content)
        staged.replace(target)
    except OSError as error:
        raise StorageError(
            f"The data file {cache / name} could not be written: {error}.",
            pt=f"Não foi possível gravar {cache / name}. Libere espaço no disco ou confira as permissões.",
        ) from error
    return target
