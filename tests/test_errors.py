"""One error tree, drawn in its docstring, with messages for both languages of the pages."""

import ast
import inspect

from assistant import errors

from .conftest import ROOT

# where a visitor of the pages can cause an error, or read one
SEEN = (
    "engines/base.py", "engines/embedder.py", "engines/llama_cpp.py", "engines/llama_server.py",
    "engines/scripted.py", "engines/transformers_peft.py", "generation/prompt.py", "retrieval/documents.py",
    "retrieval/kinds.py", "retrieval/loading.py", "retrieval/workers.py", "retrieval/reading/archives.py",
    "retrieval/reading/books.py", "retrieval/reading/ocr.py", "retrieval/reading/pdf.py",
    "retrieval/reading/texts.py", "retrieval/reading/worker.py",
    "services/adapters.py", "services/chat.py", "services/corpora.py", "services/judgement.py",
    "stores/conversations.py", "stores/judgements.py", "stores/ledger.py",
    "models/tokens.py", "services/dataset_files.py", "services/datasets.py", "services/intake.py",
    "services/intake_files.py", "training/brat.py", "training/files.py", "training/objects.py",
    "training/records.py", "training/tables.py",
    "services/corpus_adding.py", "services/corpus_dates.py", "services/corpus_intake.py",
    "services/corpus_transfer.py", "services/corpus_turns.py", "services/corpus_upkeep.py", "services/corpus_work.py",
    "services/corpus_zip.py", "services/grounding.py", "services/web_page.py",
    "stores/passages.py", "stores/upkeep.py", "stores/vectors.py", "ui/corpora.py",
)  # fmt: skip


def test_every_error_is_in_the_tree_and_in_the_drawing():
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass)]
    for error in classes:
        assert issubclass(error, errors.AssistantError)
        assert error.__name__ in errors.__doc__


def test_a_message_comes_in_the_language_of_the_page():
    error = errors.InputRejected("The question is empty.", pt="A pergunta está vazia.")
    assert error.text("pt") == "A pergunta está vazia."
    assert error.text("en") == str(error) == "The question is empty."
    assert errors.StorageError("The disk is full.").text("pt") == "The disk is full."


def test_what_a_visitor_can_see_is_said_in_portuguese_too():
    names = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    silent = [
        f"{path}:{node.lineno}"
        for path in SEEN
        for node in ast.walk(ast.parse((ROOT / "assistant" / path).read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
        if "pt" not in {keyword.arg for keyword in node.keywords}
    ]
    assert not silent
