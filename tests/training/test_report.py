"""The report finds what would spoil a training, names the lines, and shows what the model will see."""

import pytest

from assistant.stores.manifests import Localized
from assistant.training.drafts import NewAdapter, draft_card
from assistant.training.findings import SHOWN, Severity
from assistant.training.language import language_of
from assistant.training.parts import divide
from assistant.training.personal import Personal, personal_data
from assistant.training.records import Record, RecordSet
from assistant.training.report import ReportOptions, preview, report
from assistant.training.similar import clusters
from assistant.types import AdapterKind

WORDS = Localized("Teste", "Test")
OPTIONS = ReportOptions(lambda text: len(text.split()), max_length=60)
THINGS = ["poste", "buraco", "ônibus", "lixo", "barulho", "esgoto", "cachorro", "escola", "posto", "praça"]
PLACES = ["Aurora", "Bonfim", "Centro", "Dourados", "Estrela", "Floresta", "Glória", "Horizonte", "Ipê", "Jardim"]


def complaint(i):
    thing, place = THINGS[i % 10], PLACES[i // 10 % 10]
    return f"O problema do {thing} {i * 37} no bairro {place} não foi resolvido pela equipe {i}"


def rows(n, output=lambda i: f"Resposta número {i} sobre o caso {i}", group=lambda i: ""):
    return [Record(complaint(i), output(i), group(i), i + 1, None) for i in range(n)]


def made(records, kind=AdapterKind.REPLY, options=OPTIONS, **changes):
    card = draft_card(NewAdapter("teste", kind, WORDS, WORDS), records)
    from dataclasses import replace

    return report(RecordSet(tuple(records), "csv"), replace(card, **changes), options)


def codes(result):
    return {item.code: item for item in result.findings}


def record(text, output="x", line=1, entities=None, group=""):
    return Record(text, output, group, line, entities)


def test_good_data_has_no_finding_and_a_recorded_split():
    result = made(rows(100))
    assert result.ok and not result.findings
    assert (result.rows, result.usable, result.languages) == (100, 100, {"pt": 100})
    assert (result.split.train, result.split.validation, result.split.test, result.split.seed) == (80, 10, 10, 13)
    assert 0 < result.tokens.median <= result.tokens.p95 <= result.tokens.max <= result.tokens.limit == 60


def test_an_empty_column_is_an_error_and_empty_cells_are_counted_with_their_lines():
    found = codes(made(rows(60, lambda i: "")))
    assert found["all_outputs_empty"].severity is Severity.ERROR
    some = codes(made(rows(60, lambda i: "" if i < 30 else f"Resposta {i}")))["empty_output"]
    assert (some.count, len(some.lines), some.lines[0]) == (30, SHOWN, 1)
    assert some.message.pt.startswith("Linhas sem saída: 30") and some.message.en.startswith("30 rows")


def test_one_class_for_everything_is_an_error_and_a_ruling_one_a_warning():
    assert codes(made(rows(60, lambda i: "Obras")))["one_class"].severity is Severity.ERROR
    found = codes(made(rows(100, lambda i: "Obras" if i else "Saúde")))
    assert "99 %" in found["one_sided"].message.pt
    assert found["rare_class"].lines == (1,) and "Saúde" in found["rare_class"].message.en
    assert made(rows(100, lambda i: THINGS[i % 4])).labels == dict.fromkeys(THINGS[:4], 25)


def test_rows_that_exceed_the_length_are_named_and_all_of_them_are_an_error():
    long = [*rows(60), record("palavra " * 80, line=99)]
    found = made(long)
    assert codes(found)["too_long"].lines == (99,) and found.ok
    assert not made([record("palavra " * 80, f"{i}", i) for i in range(60)]).ok


def test_repetitions_and_contradictions_are_told_apart():
    base = rows(60)
    twice = [*base, base[3], Record(base[4].input, "outra coisa", "", 62, None)]
    found = codes(made(twice))
    assert found["duplicates"].lines == (4,)
    assert found["contradictions"].lines == (5, 62)


def test_near_inputs_stay_together_without_groups_and_leak_across_groups():
    text = "O garçom demorou uma hora para trazer a conta e ninguém pediu desculpas na mesa {}"
    near = [record(text.format(i), f"resposta {i}", 200 + i) for i in range(30)]
    together = codes(made([*rows(70), *near]))
    assert "leakage" not in together and together["near_equal"].count == 30
    apart = [Record(r.input, r.output, f"grupo {r.line}", r.line, None) for r in (*rows(70), *near)]
    assert codes(made(apart))["leakage"].severity is Severity.WARNING


def test_a_data_set_in_another_language_says_which():
    spanish = [record(f"La comida estaba fría y el mozo muy lento el día {i}", f"r{i}", i + 1) for i in range(60)]
    result = made(spanish)
    assert result.languages == {"es": 60}
    assert "espanhol" in codes(result)["language"].message.pt and "Spanish" in codes(result)["language"].message.en
    mixed = codes(made([*rows(60), record("The food was cold and we had to wait for it", line=61)]))
    assert mixed["mixed_languages"].lines == (61,)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Esperamos uma hora pela mesa", "pt"),
        ("the waiter was rude to my mother", "en"),
        ("el camarero no fue amable con mi madre", "es"),
        ("最悪のレストランでした", "other"),
        ("ok", ""),
    ],
)
def test_languages_are_told_by_their_common_words(text, language):
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("CPF 529.982.247-25", {Personal.CPF}),
        ("cpf 52998224725.", {Personal.CPF}),
        ("529.982.247-26 e 111.111.111-11", set()),
        ("fale com ana.lima@exemplo.com.br!", {Personal.EMAIL}),
        ("ligue (11) 98765-4321", {Personal.PHONE}),
        ("whats +55 21 3456-7890", {Personal.PHONE}),
        ("zap 11987654321", {Personal.PHONE}),
        ("processo 0012843-03.2015.8.07.0001, R$ 1.234.567,89, art. 5, 2015-2016", set()),
        ("(20) 98765-4321", set()),
    ],
)
def test_personal_data_is_found_and_look_alikes_are_not(text, kinds):
    assert personal_data(text) == kinds


def test_personal_data_and_broken_accents_name_their_lines_and_never_the_value():
    found = codes(made([*rows(60), record("Meu CPF é 529.982.247-25", line=61), record("reclamaÃ§Ã£o", line=62)]))
    assert found["cpf"].lines == (61,) and "529" not in found["cpf"].message.pt
    assert found["mojibake"].lines == (62,)


def tagged(n, *pairs):
    return [Record(f"{complaint(i)} por Ana em Recife", "", "", i + 1, pairs) for i in range(n)]


def test_entities_must_be_in_the_text_and_in_the_card():
    good = tagged(60, ("PESSOA", "Ana"), ("LOCAL", "Recife"))
    assert made(good, AdapterKind.EXTRACT).labels == {"PESSOA": 60, "LOCAL": 60}
    bad = [
        *good,
        Record("Bia saiu", "", "", 61, (("PESSOA", "Carla"),)),
        Record("a | b", "", "", 62, (("X", "a | b"),)),
    ]
    result = made(bad, AdapterKind.EXTRACT, labels=("PESSOA", "LOCAL", "TEMPO"))
    found = codes(result)
    assert not result.ok
    assert found["entity_not_in_text"].lines == (61,) and "Carla" in found["entity_not_in_text"].message.pt
    assert found["entity_with_separator"].lines == (62,)
    assert found["unknown_label"].lines == (62,) and "TEMPO" in found["unused_label"].message.pt
    assert codes(made(tagged(60), AdapterKind.EXTRACT))["no_entities"].severity is Severity.ERROR
    assert codes(made(rows(60), AdapterKind.EXTRACT))["no_entity_list"].count == 60


def test_an_output_that_would_be_cut_is_found():
    found = codes(made(rows(60, lambda i: f"linha {i}\noutra {i}"), stop=("\n",)))
    assert found["stop_inside"].count == 60
    assert "stop_inside" not in codes(made(rows(60, lambda i: f"linha {i}\noutra {i}"))), "a draft card fits its data"


def test_the_split_is_by_group_seeded_and_whole():
    records = rows(200, group=lambda i: str(i // 5))
    parts = divide(records, 7, 0.2)
    assert divide(records, 7, 0.2) == parts != divide(records, 8, 0.2)
    assert sum(map(len, (parts.train, parts.validation, parts.test))) == 200
    groups = [{r.group for r in part} for part in (parts.train, parts.validation, parts.test)]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
    assert (len(parts.validation), len(parts.test), parts.units) == (40, 40, 40)
    assert divide(records[:9], 7, 0.2).train == tuple(records[:9]), "too few to hold any out"


def test_clusters_join_what_differs_in_little():
    texts = ["Um dois três quatro cinco seis sete oito nove dez", "um DOIS três quatro, cinco seis sete oito nove",
             "outra coisa inteiramente diferente daquela ali", "", "   "]  # fmt: skip
    found = clusters(texts)
    assert found[0] == found[1] != found[2]


def test_the_preview_is_what_training_reads(registry):
    card = registry.card("restaurant-replies")
    records = [record("Comida  fria\ne cara", " Desculpe. ", 7), record("", "x", 8)]
    (item,) = preview(records, card, 3)
    assert (item.line, item.prompt, item.completion) == (
        7,
        "Avaliação: Comida fria e cara\nAssuntos: nenhum\nResposta:",
        " Desculpe.",
    )
    assert len(preview(rows(100), card, 5)) == 5
