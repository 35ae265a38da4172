"""A whole corpus as one file: out of this machine, and into another one.

    manifest.json        form, name, when it was made, and the SHA-256 and size of every other file
    corpus.toml          title, description, age limit, given dates
    documents/<name>     as they are

Everything is verified before anything is kept, and the corpus appears at once. Refuses to index: that follows.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from assistant.errors import AssistantError, ConfigurationError, DocumentRefused, StorageError
from assistant.retrieval.loading import MAX_BYTES
from assistant.services.corpora import CorporaService
from assistant.services.corpus_card import read_card
from assistant.services.corpus_zip import check_entry, opened, write_entry
from assistant.stores.manifests import Localized, check_name, is_name, sha256_of

_FORM = "assistant-corpus"
_VERSION = 1
_MANIFEST, _CARD, _DOCUMENTS = "manifest.json", "corpus.toml", "documents/"
_MAX_MANIFEST = 5_000_000  # bytes
_MAX_CARD = 1_000_000
_MAX_TOTAL = 4_000_000_000  # of everything, unpacked: a plain ZIP holds no more


class CorpusTransfer:
    """Exports and imports corpora under one folder."""

    def __init__(self, corpora: CorporaService, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self._corpora = corpora
        self._folder = folder
        self._max_bytes = max_bytes

    def export(self, corpus: str, target: Path) -> Path:
        """Write a corpus to `target`, a ZIP that appears when it is whole; raises `StorageError`."""
        card, documents = self._corpora.card_path(corpus), self._corpora.paths(corpus)
        files = {_CARD: card, **{f"{_DOCUMENTS}{path.name}": path for path in documents}}
        half = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
        try:
            with zipfile.ZipFile(half, "x", zipfile.ZIP_DEFLATED, allowZip64=False) as archive:
                sums = {name: {"sha256": sha256_of(path), "bytes": path.stat().st_size} for name, path in files.items()}
                head = {"form": _FORM, "version": _VERSION, "name": corpus, "files": sums}
                made = {"created": datetime.now(UTC).isoformat(timespec="seconds")}
                archive.writestr(_MANIFEST, json.dumps(head | made, ensure_ascii=False, indent=1))
                for name, path in files.items():
                    archive.write(path, name)
            half.replace(target)
        except (OSError, zipfile.LargeZipFile) as error:
            raise StorageError(
                f"{target} could not be written: {error}. Free space or choose another folder.",
                pt=f"Não foi possível gravar {target.name}. Libere espaço no disco ou escolha outra pasta.",
            ) from error
        finally:
            half.unlink(missing_ok=True)
        return target

    def import_file(self, file: Path, name: str = "") -> str:
        """Make a corpus of an exported file, under its own name or another; the name that it has.

        Raises `DocumentRefused` for a file that is not whole, `ConfigurationError` for a name that is taken.
        """
        staged = self._folder / f".{uuid.uuid4().hex}"
        try:
            with opened(file) as archive:
                manifest = _manifest(archive, file.name)
                wanted = check_name(name.strip() or str(manifest["name"]), "a corpus")
                if (self._folder / wanted).exists():
                    raise _taken(wanted)
                (staged / _DOCUMENTS).mkdir(parents=True)
                self._unpack(archive, manifest["files"], staged)
            _check_card(staged, file.name)
            self._place(staged, wanted)
        except (OSError, zipfile.BadZipFile) as error:
            raise StorageError(
                f"{file.name} could not be imported: {error}. Free space on the disk or check its rights.",
                pt=f"Não foi possível importar {file.name}. Libere espaço no disco ou confira as permissões.",
            ) from error
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return wanted

    def _unpack(self, archive: zipfile.ZipFile, sums: Mapping[str, Any], staged: Path) -> None:
        """Every file of the manifest, and no other, with the content that the manifest says."""
        entries = {info.filename: info for info in archive.infolist() if not info.is_dir()}
        entries.pop(_MANIFEST, None)
        if strange := sorted(set(entries) ^ set(sums)):
            raise _broken(strange[0], "is not in both the file and its list", "não está no arquivo e na lista dele")
        if len(entries) != sum(not i.is_dir() for i in archive.infolist()) - 1:
            raise _broken(archive.filename or "", "holds a name twice", "traz um nome repetido")
        left = _MAX_TOTAL
        for name, info in entries.items():
            check_entry(info, name)
            document = name.removeprefix(_DOCUMENTS)
            if name != _CARD:
                if not name.startswith(_DOCUMENTS) or document != PurePosixPath(document).name:
                    raise _broken(name, "is no document", "não é um documento")
                self._corpora.check_file_name(document)
            # its name comes last, so that the half-made folder is no corpus
            target = staged / ("card" if name == _CARD else name)
            left -= write_entry(archive, info, target, min(_MAX_CARD if name == _CARD else self._max_bytes, left))
            said = sums[name].get("sha256") if isinstance(sums[name], dict) else None
            if sha256_of(target) != said:
                raise _broken(name, "is not what it was when it was exported", "mudou desde que foi exportado")

    def _place(self, staged: Path, name: str) -> None:
        target = self._folder / name
        if target.exists():
            raise _taken(name)
        os.rename(staged, target)
        (target / "card").rename(target / _CARD)


def _manifest(archive: zipfile.ZipFile, name: str) -> Mapping[str, Any]:
    try:
        info = archive.getinfo(_MANIFEST)
        if info.file_size > _MAX_MANIFEST or info.flag_bits & 0x1:
            raise ValueError("too large")
        with archive.open(info) as file:
            raw = json.loads(file.read(_MAX_MANIFEST + 1))
        if raw["form"] != _FORM or not isinstance(raw["files"], dict) or not is_name(raw["name"]):
            raise ValueError("not a corpus")
        version = int(raw["version"])
    except (KeyError, ValueError, TypeError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DocumentRefused(
            f"{name} is no exported corpus: it has no list of its files. To add documents of a ZIP, open a corpus and "
            "drop it there.",
            pt=f"{name} não é um corpus exportado: falta a lista dos arquivos. Para acrescentar os documentos de um "
            "ZIP, abra um corpus e solte o ZIP nele.",
        ) from error
    if version > _VERSION:
        raise DocumentRefused(
            f"{name} was exported by a newer version of this program ({version}). Update this one.",
            pt=f"{name} foi exportado por uma versão mais nova deste programa. Atualize este.",
        )
    checked: Mapping[str, Any] = raw
    return checked


def _check_card(staged: Path, name: str) -> None:
    try:
        read_card(staged / "card")
    except AssistantError as error:
        said = Localized.of(error)
        raise DocumentRefused(f"{name}: {said.en}", pt=f"{name}: {said.pt}") from error


def _taken(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"A corpus {name!r} exists already. Give another name for the imported one.",
        pt=f"O corpus {name!r} já existe. Diga outro nome para o importado.",
    )


def _broken(name: str, why: str, why_pt: str) -> DocumentRefused:
    return DocumentRefused(
        f"{name} {why}. Nothing was imported; export the corpus again.",
        pt=f"{name} {why_pt}. Nada foi importado; exporte o corpus de novo.",
    )
