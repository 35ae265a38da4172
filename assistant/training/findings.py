"""What a report can find in a data set: how grave it is, and its words in both languages.

Knows the wording only. Refuses to know how a finding is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from assistant.stores.manifests import Localized
from assistant.training.records import Record

SHOWN = 20  # lines of a finding that are listed


class Severity(StrEnum):
    """An error keeps the data from being used; a warning is for a person to judge."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `lines` are the first `SHOWN` of `count`; `documents` names their files in a set of several."""

    code: str
    severity: Severity
    message: Localized
    lines: tuple[int, ...] = ()
    count: int = 0
    documents: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """Document (empty in a set of one file) and line of every row that is listed."""
        return tuple(zip(self.documents or ("",) * len(self.lines), self.lines, strict=True))


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_WORDS: dict[str, tuple[Severity, str, str]] = {
    "all_inputs_empty": (_E, "A coluna de entrada está vazia em todas as linhas. Escolha outra coluna.",
        "The input column is empty in every row. Choose another column."),
    "all_outputs_empty": (_E, "A coluna de saída está vazia em todas as linhas. Escolha outra coluna.",
        "The output column is empty in every row. Choose another column."),
    "empty_input": (_W, "Linhas sem entrada: {n}. Ficam fora do treino.",
        "{n} rows without input; they are left out of training."),
    "empty_output": (_W, "Linhas sem saída: {n}. Ficam fora do treino.",
        "{n} rows without output; they are left out of training."),
    "all_too_long": (_E, "Nenhum exemplo cabe em {limit} tokens. Encurte os textos ou aumente max_length na receita.",
        "No example fits into {limit} tokens. Shorten the texts or raise max_length in the recipe."),
    "too_long": (_W, "Exemplos com mais de {limit} tokens: {n}. Ficam fora. Encurte-os ou aumente max_length.",
        "{n} examples have more than {limit} tokens; they are left out of training. Shorten them or raise max_length."),
    "few_rows": (_W, "Poucos exemplos: {n}. Com menos de {least} o adaptador aprende pouco. Acrescente outros.",
        "Only {n} examples; with fewer than {least} an adapter learns little. Add more."),
    "one_class": (_E, "Todas as saídas são iguais ({label}): não há o que aprender. Acrescente exemplos das outras "
        "classes.", "Every output is the same ({label}): there is nothing to learn. Add examples of other classes."),
    "one_sided": (_W, "{share} % dos exemplos são da classe {label}. Acrescente exemplos das outras.",
        "{share} % of the examples are of the class {label}. Add examples of the others."),
    "rare_class": (_W, "Classes com menos de {least} exemplos: {labels}. Acrescente exemplos ou junte classes.",
        "Classes with fewer than {least} examples: {labels}. Add examples or merge classes."),
    "no_entities": (_E, "Nenhum texto tem entidades marcadas: não há o que aprender. Marque as entidades.",
        "No text has marked entities: there is nothing to learn. Mark the entities."),
    "always_entities": (_I, "Todos os textos têm entidades; sem exemplos vazios, o adaptador tende a marcar demais.",
        "Every text has entities; without empty examples an adapter tends to mark too much."),
    "one_label": (_W, "Só há entidades de uma classe ({label}).", "There are entities of one class only ({label})."),
    "no_entity_list": (_E, "Saídas que não são listas de entidades: {n} (CLASSE: texto | CLASSE: texto, ou nenhuma).",
        "{n} outputs are no lists of entities (LABEL: text | LABEL: text, or nenhuma)."),
    "entity_not_in_text": (_E, "Linhas com uma entidade que não está no texto: {n}, por exemplo «{sample}». Copie-a "
        "do texto como está.", "{n} rows have an entity that is not in the text, for instance {sample!r}. Copy it "
        "from the text as it stands."),
    "entity_with_separator": (_E, "Linhas com entidades que contêm « | », o separador da saída: {n}. Retire o sinal.",
        "{n} entities contain ' | ', which separates entities in the output. Remove the sign."),
    "unknown_label": (_E, "Classes que o cartão do adaptador não lista: {labels}. Corrija os dados ou o cartão.",
        "Classes that the adapter's card does not list: {labels}. Correct the data or the card."),
    "unused_label": (_W, "Classes do cartão sem nenhum exemplo: {labels}.",
        "Classes of the card without any example: {labels}."),
    "stop_inside": (_W, "Saídas com um sinal de parada do cartão (por exemplo, uma quebra de linha): {n}. A resposta "
        "seria cortada ali.", "{n} outputs contain a stop text of the card (a line break, for instance): the answer "
        "would be cut there."),
    "same_as_input": (_W, "Saídas que repetem a entrada: {n}.", "{n} outputs repeat their input."),
    "duplicates": (_W, "Repetições exatas de outro exemplo: {n}.", "{n} examples repeat another one exactly."),
    "contradictions": (_W, "Exemplos com a mesma entrada que outro e uma saída diferente: {n}. Decida qual vale.",
        "{n} examples have the same input as another one and a different output. Decide which one holds."),
    "near_equal": (_I, "Entradas quase iguais a outra: {n}. Ficam juntas na divisão.",
        "{n} inputs are nearly equal to another one; they stay together in the split."),
    "near_skipped": (_I, "Mais de {most} entradas: só as iguais foram procuradas, não as quase iguais.",
        "More than {most} inputs: only equal ones were looked for, not nearly equal ones."),
    "leakage": (_W, "Exemplos de validação ou teste quase iguais a um do treino: {n}. O resultado pareceria melhor "
        "do que é. Dê o mesmo grupo a entradas parecidas.", "{n} examples of validation or test are nearly equal to "
        "one of training: the result would look better than it is. Give similar inputs the same group."),
    "held_out_rows": (_W, "Linhas iguais ou quase iguais a uma que o adaptador reserva para validação ou teste: {n}. "
        "Ficam de fora: o resultado pareceria melhor do que é.", "{n} rows are equal or nearly equal to one that the "
        "adapter holds out for validation or test; they are left out: the result would look better than it is."),
    "held_out_groups": (_W, "Linhas de um grupo que o adaptador reserva para validação ou teste: {n}. Ficam de fora.",
        "{n} rows are of a group that the adapter holds out for validation or test; they are left out."),
    "known_rows": (_W, "Linhas que o adaptador já tem no treino: {n}. Ficam de fora.",
        "{n} rows are in the adapter's training data already; they are left out."),
    "known_contradictions": (_W, "Linhas com a mesma entrada que uma do treino de antes e outra saída: {n}. A primeira "
        "dizia «{sample}». Decida qual vale.", "{n} rows have the same input as one of the training data so far and "
        "another output. The first one said {sample!r}. Decide which one holds."),
    "nothing_new": (_E, "Nenhuma linha é nova: o adaptador já tem todas, no treino ou reservadas. Escolha outro "
        "arquivo.", "Every row is there already, in the adapter's training data or held out. Choose another file."),
    "new_class": (_W, "Linhas de classes que os dados de antes não têm: {n} ({labels}). Confira se não é outra grafia.",
        "{n} rows are of classes that the data so far does not have ({labels}). See that it is not another spelling."),
    "not_compared": (_I, "Dados do adaptador que não puderam ser lidos aqui e não foram comparados: {names}.",
        "Data of the adapter that could not be read here and was not compared: {names}."),
    "language": (_W, "A maior parte dos textos parece estar em {language}, não em português: o adaptador vai responder "
        "nessa língua.", "Most of the texts seem to be in {language}, not in Portuguese: the adapter will answer in "
        "that language."),
    "mixed_languages": (_I, "Textos que parecem estar em outra língua que a maioria: {n}.",
        "{n} texts seem to be in another language than most."),
    "mojibake": (_W, "Linhas com acentos estragados (por exemplo, Ã§ em vez de ç): {n}. Salve o arquivo de novo em "
        "UTF-8.", "{n} rows have broken accents (Ã§ instead of ç, for instance). Save the file again as UTF-8."),
    "cpf": (_W, "Linhas com um CPF válido: {n}. Retire-o ou troque-o: um modelo pode repetir o que aprendeu.",
        "{n} rows hold a valid CPF number. Remove or replace it: a model may repeat what it has learnt."),
    "email": (_W, "Linhas com um endereço de e-mail: {n}. Retire-o ou troque-o: um modelo pode repetir o que aprendeu.",
        "{n} rows hold an e-mail address. Remove or replace it: a model may repeat what it has learnt."),
    "phone": (_W, "Linhas com um telefone: {n}. Retire-o ou troque-o: um modelo pode repetir o que aprendeu.",
        "{n} rows hold a telephone number. Remove or replace it: a model may repeat what it has learnt."),
}  # fmt: skip


def finding(code: str, records: Sequence[Record] = (), **fields: object) -> Finding:
    """A finding about these records; `fields` fill its words (`Localized` ones by language), `n` is their number."""
    severity, pt, en = _WORDS[code]
    values = {"n": len(records), **fields}
    shown = records[:SHOWN]
    return Finding(
        code,
        severity,
        Localized(_filled(pt, values, "pt"), _filled(en, values, "en")),
        tuple(record.line for record in shown),
        len(records),
        tuple(record.group for record in shown),
    )


def _filled(words: str, values: Mapping[str, object], language: str) -> str:
    return words.format(**{k: v.get(language) if isinstance(v, Localized) else v for k, v in values.items()})


def note(message: Localized) -> Finding:
    """What a reader had to say about the file as a whole."""
    return Finding("reading", Severity.WARNING, message)
