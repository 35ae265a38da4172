"""Corpora that are made to be measured on: paragraphs of a question set, or documents that lie in a folder.

Tables of provisions in LexML's order (columns Tipo, Texto, urn) become norms, article by article. Refuses to know what
is measured.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from assistant.errors import DataError

_CARD = """title = { pt = "Para medir", en = "To be measured" }
description = { pt = "Documentos de um conjunto de perguntas.", en = "Documents of a question set." }
"""
_COLUMNS = ("Tipo", "Texto", "urn")
_NORM = re.compile(r"(?P<kind>[a-z_]+)_(?P<number>\d+)_(?P<year>\d{4})\d{4}")  # "lei_complementar_95_19980226"
_PROVISION = re.compile(r"(?:\[\s*(?P<above>.*?)\])?\s*(?P<text>.*)", re.S)  # "[ name | part | chapter | ] words"
_LONGEST_CELL = 1 << 24


def paragraph_corpus(contexts: Iterable[str], folder: Path) -> dict[str, str]:
    """Write each different paragraph as a document of the corpus `folder`; returns their names, by paragraph."""
    documents = _begun(folder)
    names = {context: f"{number:05d}.txt" for number, context in enumerate(dict.fromkeys(contexts))}
    for context, name in names.items():
        (documents / name).write_text(context, "utf-8")
    return names


def document_corpus(source: Path, folder: Path) -> None:
    """Copy what lies in `source` into the corpus `folder`, tables of provisions as norms.

    Raises `DataError` where `source` is no folder with files.
    """
    files = sorted(path for path in source.iterdir() if path.is_file()) if source.is_dir() else []
    if not files:
        raise DataError(f"{source} is no folder with documents.", pt=f"{source} não é uma pasta com documentos.")
    documents = _begun(folder)
    for path in files:
        norm = _norm(path) if path.suffix == ".csv" else None
        if norm is None:
            shutil.copy(path, documents / path.name)
        else:
            (documents / f"{path.stem}.md").write_text(norm, "utf-8")


def _begun(folder: Path) -> Path:
    (folder / "documents").mkdir(parents=True)
    (folder / "corpus.toml").write_text(_CARD, "utf-8")
    return folder / "documents"


def _norm(path: Path) -> str | None:
    """A table of provisions as the text of its norm; None for another table."""
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        table = csv.DictReader(file)
        if set(_COLUMNS) - set(table.fieldnames or ()):
            return None
        articles = [found for row in table if row["Tipo"] == "ART" and (found := _PROVISION.match(row["Texto"] or ""))]
    lines, last = [f"# {_title(path.stem, articles)}", ""], ""
    for article in articles:
        headings = [part.strip() for part in (article["above"] or "").split("|")[1:] if part.strip()]
        if headings and " — ".join(headings) != last:
            last = " — ".join(headings)
            lines += [f"## {last}", ""]
        lines += [article["text"].strip(), ""]
    return "\n".join(lines)


def _title(stem: str, articles: list[re.Match[str]]) -> str:
    """As in "Lei nº 8.078, de 1990 (Código de Defesa do Consumidor)": the kind of norm is what law is read by."""
    named = _NORM.fullmatch(stem)
    if named is None:
        return stem
    kind = "-".join(part.capitalize() for part in named["kind"].split("_"))
    if kind.startswith("Lei-"):  # "Lei Complementar", but "Decreto-Lei"
        kind = kind.replace("-", " ")
    number = f"{int(named['number']):,}".replace(",", ".")
    name = re.split(r"\.\s*\(|\.?\s*\|", articles[0]["above"] or "")[0].strip(" .") if articles else ""
    return f"{kind} nº {number}, de {named['year']}" + (f" ({name})" if name else "")
