"""The card of an export: what it is, where it is from, how good it is, how to load it, and under which terms.

Pure functions from facts to Markdown, in Portuguese or English. Texts of the adapter's card are escaped: nothing
in them becomes markup. Refuses to know folders, and names none: a path of this machine is nobody else's business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.models.catalog import BaseModel, Source
from assistant.models.gguf_merge import PRECISION as GGUF_PRECISION
from assistant.models.prompt_format import STYLE_FIELD, TOPICS_FIELD
from assistant.services.export_forms import Form
from assistant.services.parity import CLEAR
from assistant.stores.manifests import Card, Localized, Manifest
from assistant.training.merging import PRECISION as MERGED_PRECISION

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#!&])")
_LIBRARY = {Form.PEFT: "peft", Form.MERGED: "transformers", Form.GGUF: "llama.cpp", Form.GGUF_MERGED: "llama.cpp"}
_FORMS = {
    Form.PEFT: Localized("adaptador PEFT, sobre a base em bf16", "PEFT adapter, over the base in bf16"),
    Form.MERGED: Localized(
        f"modelo inteiro para transformers, fundido em {MERGED_PRECISION}",
        f"whole model for transformers, merged in {MERGED_PRECISION}",
    ),
    Form.GGUF: Localized(
        "adaptador GGUF (16 bits), sobre o GGUF da base", "GGUF adapter (16 bits), over the base's GGUF"
    ),
    Form.GGUF_MERGED: Localized(
        f"modelo inteiro para llama.cpp; o que o adaptador muda fica em {GGUF_PRECISION}, o resto como na base",
        f"whole model for llama.cpp; what the adapter changes is {GGUF_PRECISION}, the rest as in the base",
    ),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card tells. `artefact` is the name of the GGUF file, "" for a folder; `parity` as `export` keeps it."""

    card: Card
    manifest: Manifest
    base: BaseModel
    form: Form
    artefact: str
    parity: Mapping[str, Any]
    exported: str


def readme(facts: Facts, language: str) -> str:
    """README.md: front matter that model hubs read, then the card."""
    card, say = facts.card, _Words(language)
    parts = [
        _front_matter(facts),
        f"# {_plain(card.title.get(language))}",
        _plain(card.description.get(language)),
        _table(_identity(facts, say)),
        f"## {say('Como pedir', 'How to ask')}\n\n{_asking(card, say)}",
        f"## {say('Como carregar', 'How to load it')}\n\n{_loading(facts, say)}",
        f"## {say('Resultados', 'Scores')}\n\n{_scores(facts.manifest, say)}",
        f"## {say('Paridade', 'Parity')}\n\n{_parity(facts, say)}",
        f"## {say('Licença da base', 'Licence of the base')}\n\n{_terms(facts.base, say)}",
    ]
    return "\n\n".join(parts) + "\n"


def notice(base: BaseModel) -> str:
    """NOTICE.txt: the terms that go along with everything made from the base."""
    lines = [f"This export is made from the base model {base.title}.", f"Licence of the base model: {base.licence}."]
    return "\n".join([*lines, *([base.notice] if base.notice else [])]) + "\n"


class _Words:
    """Chooses between two languages."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, pt: str, en: str) -> str:
        return en if self.language == "en" else pt


def _front_matter(facts: Facts) -> str:
    fields: dict[str, object] = {"library_name": _LIBRARY[facts.form], "license": "other"}
    fields |= {"license_name": facts.base.licence, "tags": ["lora"]}
    if facts.base.source is Source.HUB:
        fields["base_model"] = facts.base.location
    return "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in fields.items()), "---"])


def _identity(facts: Facts, say: _Words) -> list[tuple[str, str]]:
    manifest, base = facts.manifest, facts.base
    libraries = ", ".join(f"{name} {version}" for name, version in manifest.libraries.items())
    rows = [
        (say("adaptador", "adapter"), f"`{manifest.adapter}`, {say('versão', 'version')} {manifest.number:04d}"),
        (say("forma", "form"), f"{facts.form}: {_FORMS[facts.form].get(say.language)}"),
        (say("modelo base", "base model"), f"{_plain(base.title)} (`{base.name}`)"),
        (say("base, SHA-256", "base, SHA-256"), f"`{manifest.base_fingerprint}`"),
        (say("treinado em", "trained"), _day(manifest.created, say)),
        (say("dados de treino, SHA-256", "training data, SHA-256"), f"`{manifest.data_hash}`"),
        (say("bibliotecas do treino", "libraries of the training"), _plain(libraries)),
        (say("exportado em", "exported"), _day(facts.exported, say)),
    ]
    return [row for row in rows if row[1]]


def _asking(card: Card, say: _Words) -> str:
    first = say(
        "O adaptador aprendeu com exatamente este formato; `{input}` é o texto de quem pergunta:",
        "The adapter learned exactly this format; `{input}` is the text of whoever asks:",
    )
    topics = say(
        "`{topics}` são as palavras do texto que as respostas retomam, juntas as de cada frase (`demora, garçom; "
        "frango`), ou `nenhum`: as de 0,5 ou mais em `taken_up` de `topics.json`, pelas cinco primeiras letras, "
        "sem acento.",
        "`{topics}` are the words of the text that replies take up, those of a sentence together (`demora, garçom; "
        "frango`), or `nenhum`: those with 0.5 or more in `taken_up` of `topics.json`, by their first five letters, "
        "without accents.",
    )
    style = say(
        "`{style}` é o estilo pedido (`formal, curta`; `calorosa, longa`; ou um só dos dois). Sem ele, ou sem "
        "`styles.json` ao lado dos pesos, tire a linha inteira.",
        "`{style}` is the style asked for (`formal, curta`; `calorosa, longa`; or one of both). Without it, or without "
        "`styles.json` beside the weights, leave out the whole line.",
    )
    stop = ", ".join(f"`{json.dumps(text, ensure_ascii=False)}`" for text in card.stop if "`" not in text)
    lines = [first, "", _fenced(card.template)]
    if TOPICS_FIELD in card.template:
        lines += ["", topics]
    if STYLE_FIELD in card.template:
        lines += ["", style]
    if stop:
        lines += ["", f"{say('Pare em', 'Stop at')}: {stop}."]
    return "\n".join([*lines, "", f"{say('No máximo', 'At most')} {card.max_tokens} tokens."])


def _loading(facts: Facts, say: _Words) -> str:
    base = facts.base
    if facts.form is Form.MERGED:
        return _fenced(
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            'model = AutoModelForCausalLM.from_pretrained("FOLDER", dtype="bfloat16")\n'
            'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
            "python",
        )
    if facts.form is Form.GGUF_MERGED:
        return _fenced(f"llama-server -m {facts.artefact}\nASSISTANT_BASE_MODEL={facts.artefact} make run")
    gguf_base = base.source in (Source.PACKAGE, Source.GGUF)
    file = base.file or f"{base.name}.gguf"
    if facts.form is Form.GGUF:
        return _fenced(f"llama-server -m {file if gguf_base else 'BASE.gguf'} --lora {facts.artefact}")
    source = f'"BASE_FOLDER", gguf_file="{file}"' if gguf_base else f'"{_public_location(base)}"'
    code = (
        "from peft import PeftModel\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f'base = AutoModelForCausalLM.from_pretrained({source}, dtype="bfloat16")\n'
        f"tokenizer = AutoTokenizer.from_pretrained({source})\n"
        'model = PeftModel.from_pretrained(base, "FOLDER")'
    )
    where = ""
    if base.source is Source.PACKAGE:
        package = base.location.replace("_", "-")
        where = say(
            f"\n\n`{file}` vem do pacote Python `{package}`; o assistente o monta em `var/models/`.",
            f"\n\n`{file}` is from the Python package `{package}`; the assistant assembles it in `var/models/`.",
        )
    return _fenced(code, "python") + where


def _public_location(base: BaseModel) -> str:
    return base.location if base.source is Source.HUB else base.name


def _scores(manifest: Manifest, say: _Words) -> str:
    if not manifest.scores:
        return say("Esta versão não foi avaliada.", "This version was not evaluated.")
    first = say(
        "Da avaliação ao fim do treino, pelo caminho inteiro do assistente (de 0 a 1, salvo contagens):",
        "From the evaluation after training, on the assistant's whole path (0 to 1, but for counts):",
    )
    return f"{first}\n\n" + _table([(f"`{key}`", f"{value:g}") for key, value in manifest.scores.items()])


def _parity(facts: Facts, say: _Words) -> str:
    parity = facts.parity
    inputs = {
        "training": say("dados de treino", "training data"),
        "utterances": say("exemplos do cartão", "utterances of the card"),
    }.get(parity["inputs"], f"`{parity['inputs']}`")
    head = say(
        f"Textos gulosos (até {parity['tokens']} tokens) de {parity['prompts']} entradas ({inputs}), comparados com os "
        f"do PEFT sobre a base em bf16. As formas têm precisões diferentes: num quase empate entre dois tokens, o "
        f"texto segue outro caminho a partir dali. Clara é uma diferença de mais de {_decimal(CLEAR, say)} em "
        "log-probabilidade.",
        f"Greedy texts (up to {parity['tokens']} tokens) for {parity['prompts']} inputs ({inputs}), against those of "
        "PEFT over the base in bf16. The forms differ in precision: at a near tie between two tokens a text goes "
        f"another way from there on. A difference is clear above {_decimal(CLEAR, say)} in log-probability.",
    )
    titles = [
        say("forma", "form"),
        say("textos iguais", "equal texts"),
        say("prefixo comum", "common prefix"),
        say("caracteres até divergir", "characters before they part"),
        say("vazios", "empty"),
        say("diferenças claras", "clear differences"),
    ]
    rows = [
        [
            f"**{name}**" if name == facts.form else name,
            _percent(found["identical"], say),
            _percent(found["common_prefix"], say),
            _decimal(found["prefix_characters"], say),
            str(found["empty"]),
            str(round(found["clear"])),
        ]
        for name, found in parity["forms"].items()
    ]
    return f"{head}\n\n" + "\n".join(_row(cells) for cells in [titles, ["---"] * len(titles), *rows])


def _terms(base: BaseModel, say: _Words) -> str:
    text = say(
        f"{_plain(base.licence)}. Estes termos acompanham tudo o que é feito a partir da base; veja `NOTICE.txt`.",
        f"{_plain(base.licence)}. These terms go along with everything made from the base; see `NOTICE.txt`.",
    )
    return f"{text}\n\n> {_plain(base.notice)}" if base.notice else text


def _table(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(_row(cells) for cells in [["", ""], ["---", "---"], *map(list, rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _fenced(text: str, kind: str = "") -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{kind}\n{text}\n{fence}"


def _plain(text: str) -> str:
    """One line of text in which nothing is markup."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _day(moment: str, say: _Words) -> str:
    parts = moment[:10].split("-")
    return moment[:10] if say.language == "en" or len(parts) != 3 else "/".join(reversed(parts))


def _percent(share: float, say: _Words) -> str:
    return f"{_decimal(share * 100, say)} %"


def _decimal(value: float, say: _Words) -> str:
    text = f"{value:.1f}"
    return text if say.language == "en" else text.replace(".", ",")
