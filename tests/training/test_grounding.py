"""Examples for grounded answers quote what stands in their prompt."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from assistant.generation.citations import check
from assistant.models.prompt_format import ABSTENTION
from assistant.training.formats import read_examples
from assistant.types import Outcome, Passage, Source

ROOT = Path(__file__).parents[2]


def squad(tmp_path):
    contexts = {
        "Rios": [
            "O rio Amarelo nasce na serra do Vento. A sua foz fica na baía das Garças, perto de Porto Sereno.",
            "O rio Verde corre para o norte. No inverno ele congela por três meses e a pesca para.",
        ],
        "Música": ["A orquestra foi fundada em 1911 por Elza Prado. O primeiro concerto teve 40 músicos."],
    }
    asked = {
        0: ("Onde fica a foz do rio Amarelo?", "baía das Garças"),
        1: ("Por quanto tempo o rio Verde congela?", "três meses"),
        2: ("Quem fundou a orquestra?", "Elza Prado"),
    }
    data, number = [], 0
    for title, texts in contexts.items():
        paragraphs = []
        for text in texts:
            question, answer = asked[number]
            qas = [
                {"question": question, "answers": [{"text": answer, "answer_start": 0}], "id": str(i)}
                for i in range(30)
            ]
            paragraphs.append({"context": text, "qas": qas})
            number += 1
        data.append({"title": title, "paragraphs": paragraphs})
    path = tmp_path / "perguntas.json"
    path.write_text(json.dumps({"data": data}), "utf-8")
    return path


def test_every_quote_is_verbatim_and_the_product_accepts_it(tmp_path, registry):
    card = registry.card("grounded-chat")
    examples = read_examples(card, "grounded", [squad(tmp_path)], 5)
    quoting = [e for e in examples if "«" in e.completion]
    abstaining = [e for e in examples if e.completion.strip() == ABSTENTION]
    assert len(quoting) > 30
    assert len(abstaining) > 10
    for example in quoting:
        shown = re.findall(r"^\[(\d)\] (\S+) \((.*?)\): (.*)$", example.prompt, re.M)
        sources = [Source(int(m), Passage(m, "c", name, text, 1.0)) for m, name, _, text in shown]
        assert check(example.completion, sources).outcome is Outcome.GROUNDED


def test_the_same_seed_gives_the_same_examples(tmp_path, registry):
    card, path = registry.card("grounded-chat"), squad(tmp_path)
    assert read_examples(card, "grounded", [path], 5) == read_examples(card, "grounded", [path], 5)


# run by itself: sets of words come in another order in every process
DIGEST = """
import sys
from pathlib import Path
from assistant.stores.registry import AdapterRegistry
from assistant.training.dataset import data_hash
from assistant.training.formats import read_examples
card = AdapterRegistry(Path(sys.argv[1])).card("grounded-chat")
print(data_hash(read_examples(card, "grounded", [Path(sys.argv[2])], 5)))
"""


def test_another_process_makes_the_same_examples_so_that_a_job_can_go_on(tmp_path):
    pairs = [(f"{letter}primeira", f"{letter}segunda") for letter in "abcde"]
    every = " ".join(word for pair in pairs for word in pair)
    # passages as good as each other: one word of each pair, and both words of a pair are equally rare
    texts = [f"{' '.join(chosen)} no lugar {i}." for i, chosen in enumerate(itertools.product(*pairs))]
    texts += [f"{' '.join(pairs[i % 5])} no canto {i}." for i in range(25) if i % 5 <= i // 5]
    paragraphs = []
    for i, text in enumerate(texts):
        answer = re.search(r"(lugar|canto) \d+", text)[0]
        qa = {"question": f"{every}?", "answers": [{"text": answer}], "id": str(i)}
        paragraphs.append({"context": text, "qas": [qa]})
    path = tmp_path / "empates.json"
    path.write_text(json.dumps({"data": [{"title": "Lugares", "paragraphs": paragraphs}]}), "utf-8")
    assert len({digest_under(seed, path) for seed in range(4)}) == 1


def digest_under(hash_seed, path):
    run = subprocess.run(
        [sys.executable, "-c", DIGEST, str(ROOT / "adapters"), str(path)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)}, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return run.stdout.strip()
