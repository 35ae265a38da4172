"""`corpora` on the command line: what the page does, over the same services, with the exit status a script needs."""

import getpass
import json
import sys

import pytest

from assistant.terminal import asked_passwords, is_tenth

from .retrieval.papers import locked_pdf
from .test_command_line import run


def corpora(home, *arguments, stdin="", status=0):
    done = run(home, "corpora", *arguments, "--json", stdin=stdin)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def small_home(tmp_path):
    """A home without corpora: nothing is embedded that a test does not bring."""
    for name in ("adapters", "corpora"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_a_corpus_from_its_making_to_its_end(small_home, tmp_path):
    folder = tmp_path / "pasta"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "farol-2024.md").write_text("# Farol\n\nO farol pisca a cada dez segundos.", "utf-8")
    (folder / "foto.exe").write_bytes(b"MZ")
    assert corpora(small_home, "create", "notas", "--title", "Minhas notas")["title"] == "Minhas notas"
    work = corpora(small_home, "add", "notas", str(folder), status=1)
    assert {f["name"]: f["state"] for f in work["files"]} == {"farol-2024.md": "done", "foto.exe": "refused"}
    corpora(small_home, "add", "notas", "--text", "-", "--title", "Aviso", "--date", "2025-03", stdin="A praia fechou.")
    assert corpora(small_home, "date", "notas", "farol-2024.md", "2024-05-02")["given_date"] == "2024-05-02"
    shown = corpora(small_home, "show", "notas")
    assert {d["name"]: d["as_of"] for d in shown["documents_list"]} == {
        "Aviso.md": "2025-03",
        "farol-2024.md": "2024-05-02",
    }
    found = corpora(small_home, "search", "notas", "farol", "-k", "1")[0]
    assert (found["document"], found["dense_rank"], found["lexical_rank"]) == ("farol-2024.md", 1, 1)
    corpora(small_home, "describe", "notas", "--description", "Tudo", "--max-age-days", "30")
    assert corpora(small_home, "show", "notas")["max_age_days"] == 30
    file = tmp_path / "notas.zip"
    corpora(small_home, "export", "notas", "--to", str(file))
    assert corpora(small_home, "rename", "notas", "cadernos")["state"] == "done"
    assert corpora(small_home, "import", str(file))["corpus"] == "notas"
    newer = tmp_path / "farol-2025.md"
    newer.write_text("O farol pisca a cada cinco segundos.", "utf-8")
    corpora(small_home, "add", "notas", str(newer), "--replace", "farol-2024.md")
    corpora(small_home, "remove", "notas", "Aviso.md")
    assert [d["name"] for d in corpora(small_home, "show", "notas")["documents_list"]] == ["farol-2025.md"]
    assert corpora(small_home, "report", "notas")[0]["task"] == "replace"
    corpora(small_home, "delete", "notas", "--confirm", "notas")
    assert [row["name"] for row in corpora(small_home)] == ["cadernos"]


def test_a_locked_file_opens_with_the_password_in_a_file(small_home, tmp_path):
    corpora(small_home, "create", "notas")
    contract, password = tmp_path / "contrato.pdf", tmp_path / "senha.txt"
    contract.write_bytes(locked_pdf("O zorgblat vale trinta dias", "abre-te 8391"))
    password.write_text("errada\n", "utf-8")
    done = run(small_home, "corpora", "add", "notas", str(contract), "--password-file", str(password), "--json")
    assert done.returncode == 1
    assert [f["state"] for f in json.loads(done.stdout)["files"]] == ["locked"]
    assert "does not open contrato.pdf" in done.stderr and "contrato.pdf waits" in done.stderr
    password.write_text("abre-te 8391\nwhat follows is not read\n", "utf-8")
    work = corpora(small_home, "add", "notas", str(contract), "--password-file", str(password))
    assert [(f["name"], f["state"]) for f in work["files"]] == [("contrato.pdf", "done")]
    assert "without protection" in work["files"][0]["notes"][0]
    kept = [path.read_bytes() for path in small_home.rglob("*") if path.is_file() and path != password]
    assert not any(b"abre-te 8391" in content for content in kept)
    assert not list((small_home / "var" / "incoming" / "locked").iterdir())


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"\xff\xfe\xff"])
def test_a_password_file_without_a_password_is_refused_before_anything_is_added(small_home, tmp_path, content):
    corpora(small_home, "create", "notas")
    file = tmp_path / "senha.txt"
    if content is not None:
        file.write_bytes(content)
    done = run(small_home, "corpora", "add", "notas", str(file), "--password-file", str(file))
    assert done.returncode == 1
    assert "The password file" in done.stderr or "the password file" in done.stderr
    assert corpora(small_home, "report", "notas") == []


def test_a_terminal_is_asked_a_few_times_and_nothing_typed_leaves_it(monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    typed = ["um", "dois", "três", "quatro"]
    monkeypatch.setattr(getpass, "getpass", lambda prompt: typed.pop(0))
    assert list(asked_passwords("a.pdf")) == [], "tests have no terminal"
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert list(asked_passwords("a.pdf")) == ["um", "dois", "três"]
    typed[:] = ["um", "", "dois"]
    assert list(asked_passwords("a.pdf")) == ["um"]


def test_a_long_document_is_told_by_tenths():
    assert [page for page in range(1, 101) if is_tenth(page, 100)] == list(range(10, 101, 10))
    assert [page for page in range(1, 4) if is_tenth(page, 3)] == [1, 2, 3]
    assert not is_tenth(1, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nada"), "No corpus is called 'nada'"),
        (("delete", "nada"), "No corpus is called 'nada'"),
        (("create", "../x"), "no valid name"),
        (("import", "nada.zip"), "There is no file nada.zip"),
        (("add", "nada"), "one of the three"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_way_out(small_home, arguments, message):
    done = run(small_home, "corpora", *arguments)
    assert done.returncode == 1
    assert message in done.stderr and "Traceback" not in done.stderr
