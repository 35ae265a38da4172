"""A document as text, and the words for a file that cannot become one.

Knows pages, titles and dates, how they pass between two processes, and the refusals that several kinds of file share.
Refuses to know any kind of file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assistant.errors import DocumentRefused, PasswordNeeded
from assistant.stores.manifests import Localized

MAX_CHARS = 5_000_000  # of text; a page of a book has about 2,000
OnPage = Callable[[int, int], None]  # pages read so far, pages in all


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a document; `number` counts from 1, None where the kind of file has no pages."""

    number: int | None
    text: str


@dataclass(frozen=True, slots=True)
class LoadedDocument:
    """A document as text. Headings are lines that begin with "#"; `as_of` is an ISO date or None."""

    name: str
    title: str
    as_of: str | None
    pages: tuple[Page, ...]
    warnings: tuple[Localized, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """What passes to another process; `loaded` reads it."""
        return {
            "name": self.name,
            "title": self.title,
            "as_of": self.as_of,
            "pages": [[page.number, page.text] for page in self.pages],
            "warnings": [[warning.pt, warning.en] for warning in self.warnings],
        }


def loaded(record: Mapping[str, Any]) -> LoadedDocument:
    """The document of a record; raises `KeyError`, `TypeError` or `ValueError` for what is none."""
    return LoadedDocument(
        str(record["name"]),
        str(record["title"]),
        None if record["as_of"] is None else str(record["as_of"]),
        tuple(Page(None if number is None else int(number), str(text)) for number, text in record["pages"]),
        tuple(Localized(str(pt), str(en)) for pt, en in record["warnings"]),
    )


def _no_page(done: int, total: int) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read: what its owner calls it, its bytes, and what opens it where it is locked.

    Of a kind that can, only the page `only` is read, the others are empty; 0 is all.
    """

    name: str
    data: bytes
    password: str = field(default="", repr=False)
    on_page: OnPage = _no_page
    only: int = 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one reader found; empty strings where the file says nothing.

    `date` speaks of the content, `made` only of the file: the text's own date comes before it.
    """

    pages: tuple[Page, ...]
    title: str = ""
    date: str = ""
    made: str = ""
    warnings: tuple[Localized, ...] = ()


def pt_number(number: int) -> str:
    """A number with the points of Portuguese: 50.000.000."""
    return f"{number:,}".replace(",", ".")


def too_large(name: str, size: int, limit: int) -> DocumentRefused:
    """The error of a file of `size` bytes where `limit` are allowed."""
    return DocumentRefused(
        f"{name} has {size:,} bytes, more than the {limit:,} allowed. Split it.",
        pt=f"{name} tem {pt_number(size)} bytes; o limite é {pt_number(limit)}. Divida o arquivo.",
    )


def too_much_text(name: str, letters: int) -> DocumentRefused:
    """The error of a document with more text than one may have."""
    return DocumentRefused(
        f"{name} holds {letters:,} characters of text, above the {MAX_CHARS:,} allowed. Split it.",
        pt=f"{name} tem {pt_number(letters)} caracteres de texto; o limite é {pt_number(MAX_CHARS)}. Divida o arquivo.",
    )


def without_text(name: str) -> DocumentRefused:
    """The error of a document that says nothing."""
    return DocumentRefused(
        f"{name} holds no text. Add text to it or remove the file.",
        pt=f"{name} não tem texto. Acrescente texto ou remova o arquivo.",
    )


def damaged(name: str, kind: str, error: Exception | str) -> DocumentRefused:
    """The error of a file that is not what its ending says, or only half of it."""
    detail = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return DocumentRefused(
        f"{name} is damaged and cannot be read as {kind} ({' '.join(detail.split())[:200]}). "
        "Open it in its own program, save it again and add that file.",
        pt=f"{name} está danificado e não pode ser lido como {kind}. Abra-o no programa em que foi feito, "
        "salve-o de novo e envie essa cópia.",
    )


def locked(name: str, *, tried: bool) -> PasswordNeeded:
    """The error of a file that asks for a password; `tried` where the one given does not open it."""
    if tried:
        return PasswordNeeded(
            f"The password does not open {name}. Check it, or save the file without one and add that.",
            pt=f"A senha não abre {name}. Confira a senha ou salve uma cópia sem senha e envie essa cópia.",
        )
    return PasswordNeeded(
        f"{name} is protected by a password. Give the password, or save the file without one and add that.",
        pt=f"{name} está protegido por senha. Informe a senha ou salve uma cópia sem senha e envie essa cópia.",
    )


def changing(name: str) -> DocumentRefused:
    """The error of a file that another program is still writing."""
    return DocumentRefused(
        f"{name} changed while it was read: something is still writing it. Wait until it is whole and try again.",
        pt=f"{name} mudou durante a leitura: o arquivo ainda está sendo gravado. Espere terminar e tente de novo.",
    )


def missing_program(name: str, program: str, packages: str) -> DocumentRefused:
    """The error of a kind that only a program which is not installed here can read."""
    return DocumentRefused(
        f"{name} needs {program}, which is not installed on this machine. Install it "
        f"(Debian or Ubuntu: sudo apt install {packages}) and add the file again.",
        pt=f"{name} precisa do {program}, que não está instalado nesta máquina. Instale-o "
        f"(Debian ou Ubuntu: sudo apt install {packages}) e envie o arquivo de novo.",
    )
