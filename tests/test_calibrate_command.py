"""`corpora calibrate` over the real search: figures as JSON, the way back, faults with their line."""

import json

from .services.lighthouses import ANSWERABLE, DOCUMENT, question_file
from .test_command_line import run


def corpora(home, *arguments, status=0):
    done = run(home, "corpora", *arguments, "--json")
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if status == 0 else done.stderr


def test_a_corpus_is_calibrated_shown_and_set_back(tmp_path):
    documents = tmp_path / "corpora" / "farois" / "documents"
    documents.mkdir(parents=True)
    (tmp_path / "adapters").mkdir()
    (documents / "farois.md").write_text(DOCUMENT, "utf-8")
    card = documents.parent / "corpus.toml"
    words = '# a comment that stays\ntitle = { pt = "F", en = "F" }\ndescription = { pt = "F", en = "F" }\n'
    card.write_text(words, "utf-8")
    wrong = tmp_path / "errado.jsonl"
    wrong.write_text('{"question": "a?", "answerable": true}\n{"question": "b?", "answerable": "?"}\n', "utf-8")
    said = corpora(tmp_path, "calibrate", "farois", "--questions", str(wrong), status=1)
    assert "errado.jsonl, line 2: answerable is '?'" in said and "Traceback" not in said
    file = question_file(tmp_path / "q.csv", ANSWERABLE, [])
    found = corpora(tmp_path, "calibrate", "farois", "--questions", str(file))
    assert found["questions"] == {"answerable": 24, "unanswerable": 0, "drawn": 24}
    assert found["held_out"]["answered"]["of"] == 24 and found["held_out"]["aims"]["answered_80"]
    low, share, high = (found["held_out"]["answered"][key] for key in ("low", "share", "high"))
    assert low <= share <= high
    shown = corpora(tmp_path, "show", "farois")["abstention"]
    assert shown["threshold"] == found["threshold"] == shown["calibrated"]["threshold"]
    assert "[abstention]" in card.read_text("utf-8")
    back = corpora(tmp_path, "calibrate", "farois", "--default")
    assert (back["threshold"], back["calibrated"]) == (0.35, None)
    assert card.read_text("utf-8").strip() == words.strip()
