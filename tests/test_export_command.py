"""`adapters export` on the command line; once on the real base."""

import json
import zipfile

import pytest

from assistant.bootstrap import build
from assistant.engines.base import GenerationRequest, complete
from assistant.engines.llama_cpp import LlamaCppEngine
from assistant.export_command import _FORMS, readable_export
from assistant.services.export import Order
from assistant.services.export_forms import Form
from assistant.settings import Settings

from .test_command_line import run


def test_the_command_knows_every_form():
    assert tuple(_FORMS) == tuple(Form)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("export", "legal-ner", "--form", "peft", "--to", "."), 1, "is there already"),
        (("export", "nobody", "--form", "peft", "--to", "new-export"), 1, "No adapter is called 'nobody'"),
        (("export", "legal-ner", "--form", "onnx", "--to", "new-export"), 2, "invalid choice"),
        (("export", "legal-ner", "--form", "peft"), 2, "--to"),
        (("--retire", "legal-ner", "export", "legal-ner", "--form", "peft", "--to", "new-export"), 1, "two commands"),
    ],
)
def test_an_export_that_cannot_be_is_refused_with_the_way_out(home, arguments, status, message):
    before = (home / "adapters" / "legal-ner" / "card.toml").read_bytes()
    done = run(home, "adapters", *arguments)
    assert done.returncode == status
    assert message in done.stderr and "Traceback" not in done.stderr
    assert (home / "adapters" / "legal-ner" / "card.toml").read_bytes() == before


def test_an_error_is_an_object_in_both_languages_where_json_is_asked_for(home):
    done = run(home, "adapters", "export", "nobody", "--form", "peft", "--to", "new-export", "--json")
    error = json.loads(done.stdout)["error"]
    assert "No adapter" in error["en"] and "Nenhum adaptador" in error["pt"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_shipped_adapter_is_merged_and_written_as_gguf(home, base_checkpoint, tmp_path):
    target = tmp_path / "legal.zip"
    assistant = build(Settings.load(home=home))
    live = assistant.registry.active("legal-ner").number
    order = Order("legal-ner", "gguf-merged", target, number=live, prompts=3, every_form=False)
    record = assistant.exports.export(order, lambda line: None)
    assistant.close()
    assert list(record["forms"]) == ["peft", "gguf", "gguf-merged"]
    assert record["forms"]["gguf-merged"]["empty"] == 0
    assert record["forms"]["gguf-merged"]["common_prefix"] > 0.3
    assert "common prefix" in readable_export(record)
    with zipfile.ZipFile(target) as archive:
        assert "Gemma Terms of Use" in archive.read(f"legal-ner-{live:04d}-gguf-merged/NOTICE.txt").decode()
        (weights,) = [name for name in archive.namelist() if name.endswith(".gguf")]
        archive.extract(weights, tmp_path)
    engine = LlamaCppEngine(tmp_path / weights, threads=1, slots=1, context_size=512)
    text, _ = complete(engine, GenerationRequest("Texto: Brasília, 5 de maio de 2020.\nEntidades:", max_tokens=24))
    engine.close()
    assert "2020" in text, text
