"""No file takes the program down: bounds of time, memory and words, and a fresh process after each break."""

import os
import stat
import sys
import textwrap
import threading
import time

import psutil
import pytest

from assistant.errors import DocumentRefused, StorageError
from assistant.retrieval.workers import Limits, Request, Worker, Workers

from .papers import docx_parts, paragraph, pdf, write, zipped

QUICK = Limits(page_s=4.0, total_s=7.0, answer=200_000)


def script(folder, body):
    """A program that stands in for the reader: it is asked in the same way, and answers as the body says."""
    path = folder / "leitor"
    path.write_text(f"#!{sys.executable} -ES\nimport json, os, subprocess, sys, time\n{textwrap.dedent(body)}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def request(path, **more):
    return Request(path, path.name, 50_000_000, **more)


@pytest.fixture
def workers():
    made = []

    def make(limits=QUICK, python=None):
        made.append(Workers(limits, Worker if python is None else lambda bounds: Worker(bounds, python)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_one_process_reads_many_files(tmp_path, workers):
    pool = workers(Limits())
    pids = set()
    for number in range(5):
        assert pool.read(request(write(tmp_path, f"{number}.md", f"Texto {number}"))).pages[0].text == f"Texto {number}"
        pids.add(pool._idle[0].pid)
    assert len(pids) == 1


def test_a_file_that_never_ends_is_given_up_in_time_with_all_it_started(tmp_path, workers):
    children = tmp_path / "filhos"
    python = script(
        tmp_path,
        f"""
        sys.stdin.readline()
        child = subprocess.Popen(["sleep", "600"], process_group=0)
        open({str(children)!r}, "w").write(str(child.pid))
        time.sleep(600)
        """,
    )
    started = time.monotonic()
    with pytest.raises(DocumentRefused, match=r"a\.md took longer than allowed \(4 s for a page, 7 s in all\)"):
        workers(python=python).read(request(write(tmp_path, "a.md", "x")))
    assert time.monotonic() - started < 60
    child = int(children.read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_pages_extend_the_time_but_not_for_ever(tmp_path, workers):
    python = script(
        tmp_path,
        """
        sys.stdin.readline()
        for page in range(1, 1000):
            print(json.dumps({"page": page, "of": 1000}), flush=True)
            time.sleep(0.2)
        """,
    )
    pages, started = [], time.monotonic()
    with pytest.raises(DocumentRefused, match="took longer"):
        workers(python=python).read(request(write(tmp_path, "a.md", "x")), lambda page, of: pages.append(page))
    assert pages[:3] == [1, 2, 3]
    assert time.monotonic() - started >= 7


def test_too_much_text_is_cut_off(tmp_path, workers):
    python = script(tmp_path, 'sys.stdin.readline()\nwhile True: os.write(1, b"x" * 65536)')
    with pytest.raises(DocumentRefused, match="more text than allowed"):
        workers(python=python).read(request(write(tmp_path, "a.md", "x")))


@pytest.mark.parametrize(
    "answer",
    [
        "os.abort()",
        'print("no json", flush=True)',
        'print("[1]", flush=True)',
        'print(json.dumps({"document": {"name": 1}}), flush=True)',
        'print(json.dumps({"document": {"name": "a", "title": "", "as_of": None, "pages": [[1]], "warnings": []}}))',
    ],
)
def test_a_reader_that_breaks_down_or_lies_refuses_the_file(tmp_path, workers, answer):
    python = script(tmp_path, f"sys.stdin.readline()\n{answer}")
    with pytest.raises(DocumentRefused, match=r"a\.md made the reader of documents break down") as refused:
        workers(python=python).read(request(write(tmp_path, "a.md", "x")))
    assert refused.value.text("pt").startswith("a.md derrubou o leitor")


def test_after_a_break_the_next_file_is_read(tmp_path, workers):
    path = write(tmp_path, "a.md", "Texto")
    pool = workers(Limits())
    pool.read(request(path))
    os.kill(pool._idle[0].pid, 9)
    pool._idle[0]._process.wait()
    assert pool.read(request(path)).pages[0].text == "Texto"


def test_memory_has_a_bound_that_is_named(tmp_path, workers):
    body = "".join(paragraph(f"Parágrafo {number} de um documento longo") for number in range(60_000))
    path = write(tmp_path, "a.docx", zipped(docx_parts(body)))
    pool = workers(Limits(memory=130_000_000))
    with pytest.raises(DocumentRefused, match=r"a\.docx .*memory than allowed"):
        pool.read(request(path))
    assert pool.read(request(write(tmp_path, "b.md", "Texto"))).pages[0].text == "Texto"


def test_a_listener_that_fails_does_not_leave_its_pages_to_the_next_file(tmp_path, workers):
    pool = workers(Limits())

    def stop(page, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.read(request(write(tmp_path, "a.pdf", pdf("um", "dois"))), stop)
    assert pool.read(request(write(tmp_path, "b.md", "Texto"))).pages[0].text == "Texto"


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, workers):
    path = write(tmp_path, "a.pdf", pdf(*(f"folha {n}" for n in range(50))))

    def grow(page, of):
        if page == 1:
            with path.open("ab") as file:
                file.write(b"more")

    with pytest.raises(DocumentRefused, match="changed while it was read") as refused:
        workers(Limits()).read(request(path), grow)
    assert "ainda está sendo gravado" in refused.value.text("pt")


def test_files_are_read_at_the_same_time(tmp_path, workers):
    pool, texts = workers(Limits()), []
    paths = [write(tmp_path, f"{number}.md", f"Texto {number}") for number in range(6)]
    threads = [threading.Thread(target=lambda p=p: texts.append(pool.read(request(p)).pages[0].text)) for p in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts) == [f"Texto {number}" for number in range(6)]
    assert len(pool._idle) == 1


def test_no_secret_reaches_the_reader(tmp_path, workers, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "segredo")
    python = script(
        tmp_path,
        """
        sys.stdin.readline()
        pages = [[None, " ".join(os.environ)]]
        print(json.dumps({"document": {"name": "a", "title": "a", "as_of": None, "pages": pages, "warnings": []}}))
        """,
    )
    seen = workers(python=python).read(request(write(tmp_path, "a.md", "x"))).pages[0].text
    assert "HF_TOKEN" not in seen
    assert "PATH" in seen


def test_a_reader_that_cannot_be_started_is_said(tmp_path, workers):
    with pytest.raises(StorageError, match="could not be started"):
        workers(python=str(tmp_path / "missing")).read(request(write(tmp_path, "a.md", "x")))


def test_the_reader_ends_with_the_program(tmp_path, workers):
    pool = workers(Limits())
    pool.read(request(write(tmp_path, "a.md", "Texto")))
    worker = pool._idle[0]
    worker._process.stdin.close()  # what the kernel does when the program is killed
    assert worker._process.wait(10) == 0
