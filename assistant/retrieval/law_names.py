"""What a norm is called where it is cited: "CDC", "CF", "Lei 9.784/1999"; and which article a question cites.

Knows the common short names. Refuses to know the text of any norm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.retrieval.lexical import fold

TRANSITORY = "ato das disposicoes constitucionais transitorias"
_LONGEST = 60  # characters of a title that stands for the name
_BEGINNING_CHARS, _FIRST_LINES = 1_000, 8  # "Presidência da República", "Casa Civil" and more stand above a law's name
# (folded) words of the title -> how lawyers write it; the first that occurs
_SHORT = (
    ("disposicoes constitucionais transitorias", "ADCT"),
    ("defesa do consumidor", "CDC"),
    ("8.078", "CDC"),
    ("protecao de dados pessoais", "LGPD"),
    ("13.709", "LGPD"),
    ("introducao as normas do direito", "LINDB"),
    ("4.657", "LINDB"),
    ("eca digital", "ECA Digital"),
    ("eca-digital", "ECA Digital"),
    ("15.211", "ECA Digital"),
    ("estatuto da crianca", "ECA"),
    ("8.069", "ECA"),
    ("codigo de processo civil", "CPC"),
    ("13.105", "CPC"),
    ("codigo de processo penal", "CPP"),
    ("3.689", "CPP"),
    ("codigo penal", "CP"),
    ("2.848", "CP"),
    ("codigo civil", "CC"),
    ("10.406", "CC"),
    ("codigo tributario nacional", "CTN"),
    ("consolidacao das leis do trabalho", "CLT"),
    ("5.452", "CLT"),
    ("diretrizes e bases", "LDB"),
    ("9.394", "LDB"),
    ("acesso a informacao", "LAI"),
    ("12.527", "LAI"),
)
_ACRONYM = re.compile(r"\(([A-Z]{2,8})\)")
_CONSTITUTION = re.compile(r"^(?:texto da |a )?constituicao(?!.{0,40}estad)")
_NORM = re.compile(
    r"\b(lei complementar|lei|decreto-lei|decreto|medida provisoria|emenda constitucional|resolucao|portaria|"
    r"instrucao normativa)\s+(?:[\w/]+\s+)?n?[.o]{0,2}\s*(\d[\d.]*\d|\d)(?:[,\s]+de\s+[\w\s]*?(\d{4})|\s*/\s*(\d{4}))?"
)
# a line of the text that is the norm's own name; others may name another norm
_OPENING = re.compile(
    r"[\s#*]*(?:lei|decreto|medida|emenda|resolucao|portaria|instrucao|constituicao|codigo|estatuto)\b"
)
_DATE = re.compile(
    r"[(\[]?\b(?:(?:em|de|ate|vers[aã]o|texto|vigente|a partir)\s+)*(?:\d{1,2}[/.-])?(?:\d{1,2}[/.-])?\d{4}"
    r"(?:-\d{2}){0,2}\b[)\]]?",
    re.IGNORECASE,
)

_ARTICLES = re.compile(
    r"\bart(?:igo|\.)?\s*(?P<number>\d{1,2}\.\d{3}|\d{1,4})\s*[ºª°o]?(?P<suffix>-[A-Z]{1,2}\b)?", re.IGNORECASE
)
_PARTS = re.compile(
    r"§\s*(?P<paragraph>\d+)[ºª°o]?(?P<psuffix>-[A-Z]\b)?|(?P<sole>par[áa]grafo [úu]nico)|par[áa]grafo (?P<spelt>\d+)"
    r"|\b(?P<roman>[IVXLC]+\b(?:-[A-Z])?)|(?:inciso|inc\.)\s+(?P<inciso>[ivxlc]+)\b"
    r"|(?:[\"“']|al[íi]nea )(?P<letter>[a-z])\b"
)
# what may stand between an article and its norm
_RUN = re.compile(
    r"(?:[\s,;]|§+\s*\d+[ºª°o]?(?:-[A-Z]\b)?|par[áa]grafo(?:\s+[úu]nico|\s+\d+[ºª°o]?)|caput|incisos?|inc\.|al[íi]neas?|[IVXLC]+\b(?:-[A-Z])?|"
    r"\be\b|(?<=inciso )[ivxlc]+\b|[\"“'][a-z][\"”']|\b[a-z]\b\)?)*"
)
# "os limites de que trata o art. 52 da Constituição": asked about is something else
_MENTIONED = re.compile(
    r"\b(?:de que trata|nos termos d|previst|disposto n|se refere|observad|ressalvad|com base n)", re.IGNORECASE
)
_ACRONYMS = frozenset(short for _, short in _SHORT) | {"CF"}


@dataclass(frozen=True, slots=True)
class Reference:
    """An article that a question cites, "CDC, art. 49", and the path below it, ("§ 2º", "VI", '"a"')."""

    article: str
    path: tuple[str, ...] = ()


def reference(question: str) -> Reference | None:
    """The article that a question cites beside its norm ("art. 49 do CDC", "CDC, art. 49"); None where it cites none.

    An article that is only mentioned ("o que a lei diz dos prazos do art. 49 em feriados") is not what is asked for.
    """
    for cited in _ARTICLES.finditer(question):
        run = _RUN.match(question, cited.end())
        assert run is not None  # it may be empty
        name = _beginning(question[run.end() :]) or _ending(question[: cited.start()])
        if name and not _MENTIONED.search(question[max(cited.start() - 60, 0) : cited.start()]):
            label = article_label(cited["number"], (cited["suffix"] or "").upper())
            return Reference(f"{name}, art. {label}", tuple(_path(run[0])))
    return None


def _path(run: str) -> Iterator[str]:
    """Paragraph, inciso and alínea of what stands between an article and its norm."""
    for match in _PARTS.finditer(run):
        number = match["paragraph"] or match["spelt"]
        if number:
            yield f"§ {number}{'º' if int(number) < 10 else ''}{match['psuffix'] or ''}"
        elif match["sole"]:
            yield "parágrafo único"
        elif match["letter"]:
            yield f'"{match["letter"]}"'
        else:
            yield match["roman"] or match["inciso"].upper()


def _beginning(text: str) -> str:
    """The norm that a text names at once: "do CDC?", "da Constituição Federal", "da Lei nº 9.784/1999"."""
    rest = re.sub(r"^\W*(?:d[aoe]|n[ao]|of(?: the)?)\s+", "", text)
    first = re.match(r"\w+", rest)
    if first is None or rest == text:
        return ""
    if first[0] in _ACRONYMS:
        return first[0]
    folded = fold(rest[:90])
    if folded.startswith("constituicao"):
        return "" if re.match(r"constituicao\s+(?:do estado|estadual)", folded) else "CF"
    if not _OPENING.match(folded):
        return ""
    return known_name(re.split(r"[?;!]|\.\s", rest[:90])[0])


def _ending(text: str) -> str:
    """The norm whose short name a text ends with: "CDC, "."""
    last = re.search(r"(\w+)\W{1,3}(?:no\s+)?$", text)
    return last[1] if last and last[1] in _ACRONYMS else ""


def article_label(number: str, suffix: str = "") -> str:
    """An article's number as it is cited: ordinal up to 9, "5º", "10", "1.023", "146-A"."""
    value = int(number.replace(".", ""))
    shown = f"{value:,}".replace(",", ".")
    return f"{shown}{'º' if value < 10 else ''}{suffix}"


def law_name(title: str, text: str = "") -> str:
    """The name to cite a norm by, from its title, else from the first lines of its text. It holds no date."""
    lines = [line for line in text[:_BEGINNING_CHARS].splitlines() if line.strip()][:_FIRST_LINES]
    opening = (line for line in lines if _OPENING.match(fold(line)))
    for words in (title, *opening):
        found = known_name(words)
        if found:
            return found
    bare = " ".join(_DATE.sub(" ", title).split()).strip(" ,;:-–—()") or title.strip()
    return bare if len(bare) <= _LONGEST else bare[:_LONGEST].rsplit(" ", 1)[0]


def known_name(words: str) -> str:
    """The short name of the norm that some words speak of, "" where they name none."""
    acronym = _ACRONYM.search(words)
    if acronym:
        return acronym[1]
    folded = fold(words.strip("#* "))
    for known, short in _SHORT:
        if known in folded:
            return short
    if _CONSTITUTION.search(folded):
        return "CF"
    # "nº" folds to "no"
    norm = _NORM.search(folded)
    if norm is None:
        return ""
    year = norm[3] or norm[4]
    kind = " ".join(part.capitalize() for part in norm[1].split()).replace("Decreto-lei", "Decreto-Lei")
    return f"{_accented(kind)} {norm[2].strip('.')}{f'/{year}' if year else ''}"


def _accented(kind: str) -> str:
    for plain, right in (("Provisoria", "Provisória"), ("Resolucao", "Resolução"), ("Instrucao", "Instrução")):
        kind = kind.replace(plain, right)
    return kind
