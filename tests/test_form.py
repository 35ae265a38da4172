"""The form of the code base that no linter holds."""

import ast

from assistant.models.catalog import EMBEDDED, Source, catalog
from assistant.settings import Settings

from .conftest import ROOT

MODULES = sorted((ROOT / "assistant").rglob("*.py"))


def test_no_module_is_longer_than_400_lines():
    long = {str(p.relative_to(ROOT)): n for p in MODULES if (n := len(p.read_text("utf-8").splitlines())) > 400}
    assert not long


def test_no_function_is_longer_than_80_lines():
    long = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 80
    ]
    assert not long


def test_every_module_says_what_it_knows():
    silent = [str(p.relative_to(ROOT)) for p in MODULES if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert not silent


def test_the_settings_stay_few():
    assert len(Settings.model_fields) <= 35


def test_the_starter_is_short():
    assert len((ROOT / "app.py").read_text("utf-8").splitlines()) <= 25


def test_nothing_unsafe_is_used_anywhere():
    for path in MODULES:
        text = path.read_text("utf-8")
        for word in ("trust_remote_code=True", "shell=True", "import pickle", "torch.load(", "allow_pickle=True"):
            assert word not in text, f"{word} in {path.relative_to(ROOT)}"


def test_the_catalog_names_a_source_a_format_and_a_licence_for_every_base():
    bases = catalog()
    assert bases[EMBEDDED].source is Source.PACKAGE
    assert len(bases[EMBEDDED].sha256) == 64
    for name in ("qwen3-0.6b", "gemma3-1b-it", "llama3.2-1b-instruct", "falcon-7b", "llama2-7b", "openllama-7b"):
        assert bases[name].location
        assert bases[name].licence
        assert bases[name].target_modules
