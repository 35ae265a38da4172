"""The threshold of each corpus: found over its own retrieval, kept with it, obeyed by the chat's decision."""

import json
from pathlib import Path

import pytest

from assistant.errors import AssistantError, ConfigurationError, CorpusNotFound, DataError, InputRejected
from assistant.retrieval.retriever import RELEVANCE_THRESHOLD, Retriever
from assistant.services.abstention import AbstentionService, Progress
from assistant.services.abstention_questions import FILE, kept_questions
from assistant.services.corpora import CorporaService
from assistant.stores.manifests import Localized
from assistant.types import Passage

from .lighthouses import ANSWERABLE, CLOSE, DOCUMENT, question_file

ROOT = Path(__file__).parents[2]


@pytest.fixture
def service(library):
    library.corpora.add_document("notas", "farois.md", DOCUMENT.encode())
    library.corpora.create("vazio", "Nada ainda")
    for _ in library.corpora.ingest():
        pass
    return serving(library)


def serving(library, embedder=None):
    service = AbstentionService(library.corpora, embedder or library.embedder.name, lambda: library.retriever)
    library.deciding = Retriever(library.store, library.embedder, threshold=service.threshold)
    return service


def card(library, corpus="notas"):
    return library.corpora.card_path(corpus).read_text("utf-8")


def test_a_file_of_questions_gives_the_corpus_a_threshold_of_its_own(service, library, tmp_path):
    file = question_file(tmp_path / "q.csv", ANSWERABLE, CLOSE)
    steps = list(service.calibrate("notas", file))
    assert steps[-1] == Progress(48, 48) and len(steps) == 48
    state = service.state("notas")
    assert state.kept.threshold == state.threshold == service.threshold("notas") != RELEVANCE_THRESHOLD
    assert (state.kept.questions, state.kept.embedder, state.asked) == (48, library.embedder.name, 48)
    found = state.record.calibration
    assert (found.held_out.answered.of, found.held_out.false.of, state.record.drawn) == (24, 24, 0)
    assert found.held_out.answers_enough and found.held_out.invents_little
    assert "# " not in card(library) and "[abstention]" in card(library)
    assert service.threshold("vazio") == RELEVANCE_THRESHOLD
    before = card(library)
    list(service.calibrate("notas"))  # on what it kept: the same questions, the same threshold
    assert card(library) == before


def test_the_decision_follows_the_corpus_of_each_passage(service, library, tmp_path):
    question = ANSWERABLE[3]
    passages = library.retriever.retrieve(question)
    assert not library.deciding.is_relevant(question, passages), "by the default, made for another embedder"
    list(service.calibrate("notas", question_file(tmp_path / "q.csv", ANSWERABLE, CLOSE)))
    assert library.deciding.is_relevant(question, passages)
    asked = "Quem ganhou a Copa de 2002?"
    assert not library.deciding.is_relevant(asked, library.retriever.retrieve(asked))


def test_a_passage_passes_by_its_own_corpus_alone(library):
    thresholds = {"severo": 1.0, "aberto": 0.0001}
    retriever = Retriever(library.store, library.embedder, threshold=thresholds.__getitem__)
    near, far = Passage("a", "severo", "a.md", "faróis", 0.95), Passage("b", "aberto", "b.md", "faróis", 0.80)
    assert not retriever.is_relevant("faróis", [near])
    assert retriever.is_relevant("faróis", [near, far]), "some corpus answers"
    assert not retriever.is_relevant("faróis", [])


def test_too_few_unanswerable_ones_are_filled_up_with_other_subjects(service, library, tmp_path):
    file = question_file(tmp_path / "q.csv", ANSWERABLE, CLOSE[:4])
    list(service.calibrate("notas", file))
    record = service.state("notas").record
    assert (record.answerable, record.own, record.drawn) == (24, 4, 20)
    assert (record.calibration.own.of, record.calibration.held_out.false.of) == (4, 24)
    assert [q.text for q in kept_questions(library.corpora.card_path("notas").parent)] == ANSWERABLE + CLOSE[:4]


def test_a_drawn_question_that_the_corpus_answers_is_left_out_and_named(service, library, tmp_path):
    recipes = "# Receitas\n\nComo se faz pão de queijo: polvilho, queijo, ovos.\n\nComo podar uma roseira: no inverno."
    library.corpora.add_document("notas", "receitas.md", recipes.encode())
    library.corpora.create("copia", "A mesma coisa")
    library.corpora.add_document("copia", "farois.md", DOCUMENT.encode())
    for _ in library.corpora.ingest():
        pass
    for corpus, asked in (("copia", ANSWERABLE), ("notas", [f"{text} E aceso?" for text in ANSWERABLE])):
        list(service.calibrate(corpus, question_file(tmp_path / "q.csv", asked, [])))
    record = service.state("notas").record
    assert record.drawn == 24
    general = {"Como se faz pão de queijo?", "Como podar uma roseira?"}
    left = set(record.left_out)
    assert left and left <= general | set(ANSWERABLE), "what its copy answers, it answers, too"
    assert left & set(ANSWERABLE)


def test_another_embedder_takes_the_default_and_says_so(service, library, tmp_path):
    list(service.calibrate("notas", question_file(tmp_path / "q.csv", ANSWERABLE, CLOSE)))
    other = serving(library, "another/embedder")
    assert other.threshold("notas") == RELEVANCE_THRESHOLD
    assert other.state("notas").stale and other.state("notas").kept.embedder == library.embedder.name


def test_the_way_back_to_the_default_keeps_the_questions_and_the_rest_of_the_card(service, library, tmp_path):
    before = card(library)
    list(service.calibrate("notas", question_file(tmp_path / "q.csv", ANSWERABLE, CLOSE)))
    service.use_default("notas")
    assert card(library).strip() == before.strip()
    assert service.threshold("notas") == RELEVANCE_THRESHOLD
    assert service.state("notas").asked == 48 and service.state("notas").record is None
    service.use_default("notas")  # twice is no fault


def test_nothing_changes_where_a_calibration_cannot_be(service, library, tmp_path):
    before = card(library)
    faults = (
        ("notas", question_file(tmp_path / "a.csv", ANSWERABLE[:19], CLOSE), DataError, "19"),
        ("vazio", question_file(tmp_path / "b.csv", ANSWERABLE, CLOSE), InputRejected, "no passages"),
        ("notas", None, InputRejected, "no questions yet"),
        ("nada", None, CorpusNotFound, "nada"),
        ("../x", None, ConfigurationError, "x"),
    )
    for corpus, file, kind, words in faults:
        with pytest.raises(kind) as refused:
            list(service.calibrate(corpus, file))
        assert words in str(refused.value) and refused.value.text("pt")
    stopped = service.calibrate("notas", question_file(tmp_path / "c.csv", ANSWERABLE, CLOSE))
    next(stopped)
    stopped.close()  # somebody closed the page
    assert card(library) == before
    assert not (library.corpora.card_path("notas").parent / "questions.jsonl").exists()


def test_a_record_of_another_threshold_or_broken_by_hand_is_not_shown(service, library, tmp_path):
    list(service.calibrate("notas", question_file(tmp_path / "q.csv", ANSWERABLE, CLOSE)))
    path = library.corpora.card_path("notas").parent / "abstention.json"
    whole = path.read_text("utf-8")
    for broken in ("", "[]", '{"curve": 3}', whole.replace('"held_out":[', '"held_out":["x",', 1), whole[:-20]):
        path.write_text(broken, "utf-8")
        assert service.state("notas").record is None
        assert service.state("notas").kept is not None
    path.unlink()
    assert service.state("notas").record is None


@pytest.mark.parametrize(
    "table",
    [
        "",
        "threshold = 2.0",
        'threshold = true\nquestions = 40\ndate = "2026-11-26"\nembedder = "y"',
        'threshold = 0.5\nquestions = -1\ndate = "2026-11-26"\nembedder = "y"',
        'threshold = 0.5\nquestions = 40\ndate = "in-hand"\nembedder = "y"',
        'threshold = nan\nquestions = 40\ndate = "2026-11-26"\nembedder = "y"',
        'threshold = 0.5\nquestions = inf\ndate = "2026-11-26"\nembedder = "y"',
    ],
)
def test_a_broken_table_is_a_fault_of_the_card_and_the_default_holds(service, library, table):
    path = library.corpora.card_path("notas")
    path.write_text(f"{card(library)}\n[abstention]\n{table}\n", "utf-8")
    with pytest.raises(ConfigurationError, match="abstention"):
        library.corpora.card("notas")
    assert service.threshold("notas") == RELEVANCE_THRESHOLD
    assert next(c for c in library.corpora.list() if c.card.name == "notas").problem != Localized("", "")
    service.use_default("notas")  # the way out that the fault names
    assert library.corpora.card("notas").abstention is None


def test_the_threshold_goes_with_the_corpus(service, library, tmp_path):
    list(service.calibrate("notas", question_file(tmp_path / "q.csv", ANSWERABLE, CLOSE)))
    kept = service.state("notas")
    exported = library.tools.transfer.export("notas", tmp_path / "notas.zip")
    library.tools.upkeep.rename("notas", "farois")
    assert service.state("farois").record == kept.record
    assert library.tools.transfer.import_file(exported) == "notas"
    taken = service.state("notas")
    assert (taken.kept, taken.record, taken.asked) == (kept.kept, None, 0)


def test_over_the_real_search_a_corpus_is_calibrated_as_well(tmp_path, embedder, store):
    corpora = CorporaService(tmp_path / "corpora", store, embedder)
    corpora.create("farois", "Faróis")
    corpora.add_document("farois", "farois.md", DOCUMENT.encode())
    for _ in corpora.ingest():
        pass
    service = AbstentionService(corpora, embedder.name, lambda: Retriever(store, embedder))
    list(service.calibrate("farois", question_file(tmp_path / "q.csv", ANSWERABLE, [])))
    state = service.state("farois")
    assert state.record.drawn == 24 and not state.stale
    assert state.record.calibration.held_out.answers_enough and state.record.calibration.held_out.invents_little
    deciding = Retriever(store, embedder, threshold=service.threshold)
    for question, answered in ((ANSWERABLE[5], True), ("Qual é a capital da Mongólia?", False)):
        assert deciding.is_relevant(question, deciding.retrieve(question)) is answered


SHIPPED = sorted(path.parent.name for path in (ROOT / "corpora").glob("*/questions.jsonl"))


@pytest.mark.parametrize("corpus", SHIPPED)
def test_a_shipped_corpus_does_what_its_record_says(demo, corpus):
    state = demo.abstention.state(corpus)
    assert state.record is not None and not state.stale
    found = state.record.calibration
    assert found.held_out.good and found.threshold == state.threshold and len(SHIPPED) == 4
    rows = [json.loads(line) for line in (ROOT / "corpora" / corpus / FILE).read_text("utf-8").splitlines()]
    for answerable, share in ((True, found.held_out.answered), (False, found.own)):
        asked = [row["question"] for row in rows if row["answerable"] is answerable]
        passed = [
            demo.retriever.is_relevant(text, demo.retriever.retrieve(text, corpora=[corpus], k=3)) for text in asked
        ]
        assert len(asked) == share.of
        # held-out shares lie near those of all questions; further away documents or search are no longer the same
        assert sum(passed) / share.of == pytest.approx(share.value, abs=0.08), f"corpora calibrate {corpus}"


def test_every_fault_is_one_that_a_visitor_can_read(service):
    with pytest.raises(AssistantError) as refused:
        list(service.calibrate("notas", Path("/etc/passwd")))
    assert "passwd" in refused.value.text("pt") and "root:" not in refused.value.text("pt")
