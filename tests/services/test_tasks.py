"""What one held-out row is worth, for each kind, and that the sums are the figures of `evaluate`."""

import json

import pytest

from assistant.errors import DataError
from assistant.models.prompt_format import ABSTENTION
from assistant.services.tasks import read_task, task_of_examples
from assistant.stores.manifests import NO_TEXT, Card
from assistant.training.dataset import Example
from assistant.training.evaluate import total
from assistant.types import AdapterKind

TEMPLATES = {
    AdapterKind.EXTRACT: "Texto: {input}\nEntidades:",
    AdapterKind.REPLY: "Avaliação: {input}\nResposta:",
    AdapterKind.CHAT: "{documents}{history}Pergunta: {input}\nResposta:",
}


def card(kind):
    return Card(
        "x", kind, NO_TEXT, NO_TEXT, NO_TEXT, TEMPLATES[kind], ("\n",), (), 0, labels=("LOCAL", "PESSOA", "TEMPO")
    )


def named(label, text):
    return {"label": label, "text": text}


def rows_file(tmp_path, rows):
    path = tmp_path / "heldout.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def test_sentences_of_entities_sum_to_the_micro_f1(tmp_path):
    rows = [
        {"text": "Ana mora no Recife.", "entities": [named("PESSOA", "Ana"), named("LOCAL", "Recife")]},
        {"text": "Nada aqui.", "entities": []},
        {"text": "Foi em 2019.", "entities": [named("TEMPO", "2019")]},
    ]
    task = read_task(card(AdapterKind.EXTRACT), rows_file(tmp_path, rows))
    assert task.rows[0].prompts == ("Texto: Ana mora no Recife.\nEntidades:",)
    assert task.rows[1].expected == "nenhuma"
    outputs = [[" PESSOA: Ana | LOCAL: Olinda"], [" nenhuma"], [" TEMPO: 2019 | BICHO: gato"]]
    scored = task.score(outputs)
    figures = task.figures(outputs)
    assert total([s.score for s in scored]) == pytest.approx(figures["micro_f1"], abs=1e-4)
    assert [s.failed for s in scored] == [False, False, True]
    assert [s.inventions for s in scored] == [1, 0, 0]
    assert scored[0].shown == "PESSOA: Ana", "a span that is not in the text is not shown"
    assert figures["invented_spans"] == 1 and figures["parse_failures"] == pytest.approx(1 / 3, abs=1e-4)


def test_a_reply_is_worth_its_aspects_less_what_it_invents(tmp_path):
    rows = [
        {"review": "A sopa veio fria.", "reply": "Desculpe pela sopa fria.", "aspects": ["sopa", "fria"]},
        {"review": "A sopa veio fria.", "aspects": ["sopa"]},
        {"review": "Bom dia.", "reply": "Bom dia!"},
    ]
    task = read_task(card(AdapterKind.REPLY), rows_file(tmp_path, rows))
    outputs = [["A sopa foi uma falha. Damos um desconto."], ["Pela sopa, fale com Paulo."], ["Bom dia!"]]
    scored = task.score(outputs)
    assert [s.score.top for s in scored] == [0.5, 0.0, 1.0]
    assert [s.inventions for s in scored] == [1, 1, 0], "the discount was said, although nobody sees it"
    figures = task.figures(outputs)
    assert figures["inventions_raw"] == 2 and figures["inventions"] == 1
    assert figures["removed_sentences"] == 1
    assert 0 < figures["chrf"] < 1
    assert list(figures)[:2] == ["aspect_coverage", "removed_sentences"]
    assert figures["aspect_coverage"] == 0.75, "the row without aspects does not count as taken up"
    assert "aspect_coverage" not in read_task(card(AdapterKind.REPLY), rows_file(tmp_path, rows[2:])).figures([["Oi"]])


def test_a_chat_answer_is_right_or_rightly_withheld(tmp_path):
    context = "Saturno tem 274 luas confirmadas desde 2025."
    rows = [
        {"question": "Quantas luas tem Saturno?", "context": context, "answers": ["274"]},
        {"question": "Quantas luas tem Saturno?", "context": context, "answers": ["274"]},
        {"question": "Quem descobriu Netuno?", "context": context, "answers": []},
        {"question": "Quem descobriu Netuno?", "context": context, "answers": []},
    ]
    task = read_task(card(AdapterKind.CHAT), rows_file(tmp_path, rows))
    quoted = " «Saturno tem 274 luas confirmadas» [1]\n274 luas [1]"
    outputs = [[quoted], [f" {ABSTENTION}"], [f" {ABSTENTION}"], [quoted]]
    scored = task.score(outputs)
    assert [s.score.top for s in scored] == [1.0, 0.0, 1.0, 0.0]
    assert [s.inventions for s in scored] == [0, 0, 0, 1], "a false answer"
    figures = task.figures(outputs)
    assert (figures["answered"], figures["false_answers"], figures["citation_precision"]) == (0.5, 0.5, 1.0)


def test_a_limit_takes_rows_from_the_whole_file(tmp_path):
    rows = [{"review": str(i), "reply": "x"} for i in range(100)]
    task = read_task(card(AdapterKind.REPLY), rows_file(tmp_path, rows), limit=4)
    assert [row.text for row in task.rows] == ["0", "25", "50", "75"]


def test_rows_of_other_field_names_are_read_and_bad_ones_named(tmp_path):
    task = read_task(card(AdapterKind.REPLY), rows_file(tmp_path, [{"input": "oi", "output": "olá"}]))
    assert (task.rows[0].text, task.rows[0].expected) == ("oi", "olá")
    with pytest.raises(DataError, match="line 1"):
        read_task(card(AdapterKind.REPLY), rows_file(tmp_path, [{"nota": 5}]))


def test_examples_kept_out_of_training_become_rows():
    extract = card(AdapterKind.EXTRACT)
    example = Example("Texto: Ana saiu.\nEntidades:", " PESSOA: Ana", text="Ana saiu.")
    task = task_of_examples(extract, [example])
    assert task.rows[0].text == "Ana saiu." and task.rows[0].prompts == (example.prompt,)
    assert total([task.score([[example.completion]])[0].score]) == 1.0
    with pytest.raises(DataError, match=r"data\.test"):
        task_of_examples(card(AdapterKind.CHAT), [example])


CLASSES = [
    ("O poste apagou.", "Iluminação Pública"),
    ("Ninguém varre a rua.", "Limpeza Urbana"),
    ("Tem buraco.", "Obras"),
]


def test_a_class_is_right_or_wrong_and_its_capitals_are_no_inventions(tmp_path):
    rows = [{"input": f"{text} {i}", "output": name} for i in range(2) for text, name in CLASSES]
    task = read_task(card(AdapterKind.REPLY), rows_file(tmp_path, rows))
    outputs = [[" Iluminação Pública"], [" limpeza urbana."], [" Limpeza Urbana"], [""], [" Obras"], [" Obras do dia"]]
    scored = task.score(outputs)
    assert [s.score.top for s in scored] == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert [s.failed for s in scored] == [False, False, False, True, False, True], "no class of this file"
    assert [s.inventions for s in scored] == [0] * 6
    figures = task.figures(outputs)
    assert (figures["accuracy"], figures["unknown_classes"], figures["n"]) == (0.3333, 2, 6)
    assert figures["by_class"]["Limpeza Urbana"] == {"recall": 0.5, "n": 2}


def test_a_part_of_the_rows_is_read_with_the_classes_of_the_whole_file(tmp_path):
    rows = [{"input": f"{text} {i}", "output": name} for text, name in CLASSES for i in range(2)]
    task = read_task(card(AdapterKind.REPLY), rows_file(tmp_path, rows), limit=2)
    assert [s.failed for s in task.score([["Limpeza Urbana"], ["Jardins"]])] == [False, True]


@pytest.mark.parametrize(
    "answers",
    [
        ["Obras", "Limpeza", "Saúde"],  # nothing comes twice
        ["uma resposta bem comprida que se repete, palavra por palavra, sempre"] * 4,
        ["duas\nlinhas"] * 4,
        ["", ""],
    ],
)
def test_what_is_no_class_stays_a_reply(tmp_path, answers):
    rows = [{"input": str(i), "output": answer} for i, answer in enumerate(answers)]
    task = read_task(card(AdapterKind.REPLY), rows_file(tmp_path, rows))
    assert "accuracy" not in task.figures([["x"]] * len(rows))


def test_replies_with_aspects_are_replies_whatever_they_look_like(tmp_path):
    rows = [{"review": f"Sopa {i}.", "reply": "Perdão.", "aspects": ["sopa"]} for i in range(6)]
    assert "aspect_coverage" in read_task(card(AdapterKind.REPLY), rows_file(tmp_path, rows)).figures([["x"]] * 6)
