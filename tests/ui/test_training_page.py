"""The page Treino: settings, forecast, a job from start to resume, and what a reload shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from demo_assistant import DemoJobs

from assistant.errors import ConfigurationError
from assistant.services.forecast import Forecast
from assistant.services.job_files import Job, JobState
from assistant.stores.manifests import Localized
from assistant.training.config import DataConfig, LoraSettings, Recipe, TrainingSettings
from assistant.training.fields import FIELDS
from assistant.ui import formats
from assistant.ui.texts import texts
from assistant.ui.training_fields import explanation, filled, wanted
from assistant.ui.training_view import curve, detail, forecast_lines, job_list

PT, EN = texts("pt"), texts("en")
RECIPE = Recipe(DataConfig("pairs", ("x",)), LoraSettings(), TrainingSettings(epochs=2))


def test_every_field_says_meaning_range_and_default_in_both_languages() -> None:
    assert explanation("epochs", PT).endswith("De 1 a 100. Padrão: 1.")
    assert explanation("learning_rate", PT).endswith("De 1,0e-7 a 0,100. Padrão: 5,0e-4.")
    assert explanation("use_dora", EN).endswith("Default: no.")


def test_what_is_entered_comes_back_as_the_difference_from_the_recipe() -> None:
    entered = dict(zip(FIELDS, filled(RECIPE, "balanced"), strict=True))
    assert wanted(RECIPE, list(entered.values())) == {}
    assert wanted(RECIPE, list((entered | {"epochs": 5.0, "use_rslora": True}).values())) == {
        "epochs": 5,
        "use_rslora": True,
    }
    with pytest.raises(ConfigurationError, match="r = None must be a whole number"):
        wanted(RECIPE, list((entered | {"r": None}).values()))
    with pytest.raises(ConfigurationError, match="No preset is called"):
        filled(RECIPE, "../x")


def test_a_long_curve_is_thinned_and_ends_where_the_job_is() -> None:
    steps = [{"event": "step", "step": i, "steps": 9000, "loss": 2.0, "learning_rate": 1e-4} for i in range(1, 5001)]
    looks = [{"event": "validation", "step": 2000, "loss": 1.0}]
    drawn = curve(steps, looks, PT)
    learned = drawn.split('class="line learned"')[0].rsplit('points="', 1)[1].split('"')[0].split()
    assert len(learned) == 240
    assert float(learned[-1].split(",")[0]) == pytest.approx(44 + (640 - 44 - 8) * 5000 / 9000, abs=0.1)
    assert "até o passo 5.000: 2,000" in drawn


def test_a_failed_job_says_why_in_the_language_of_the_page_and_nothing_becomes_markup() -> None:
    evil = "<script>alert(1)</script>"
    job = Job("one", evil, JobState.FAILED, error=Localized(f"faltou espaço {evil}", "no space"), overrides={evil: 1})
    shown = detail(job, [{"event": "sample", "step": 1, "prompt": evil, "expected": evil, "output": evil}], {}, PT)
    assert "faltou espaço" in shown and "no space" not in shown and "<script>" not in shown
    assert "<script>" not in job_list([job], {}, PT)
    assert "falhou" in job_list([job], {}, PT)


def test_the_forecast_says_from_what_it_was_computed() -> None:
    shown = forecast_lines(Forecast(100, 1, 5000, 12, 4830.0, 4000, False, False), PT)
    for words in ("1 h 20 min", "4,0 GB", "1 exemplo é mais longo", "Nenhum treino foi medido", "Tokens estimados"):
        assert words in shown
    assert [formats.duration(s, EN) for s in (12, 90, 7200)] == ["12 s", "2 min", "2 h 0 min"]


Open = Callable[..., Any]


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_a_training_is_settled_started_watched_stopped_and_found_again_after_a_reload(
    open_page: Open, served: Any
) -> None:
    jobs: DemoJobs = served.assistant.jobs
    page = open_page()
    page.click("button[role=tab]:has-text('Treino')")
    page.wait_for_selector("#training-expected >> text=12 min")
    page.click("#training-preset >> text=rápido")
    page.wait_for_selector("#training-expected >> text=4 min")
    page.click("#training-fields button")
    page.click("#field-epochs input")  # it stands still once the fields that were opened are all there
    assert page.input_value("#field-epochs input") == "1"
    assert "Padrão: 1." in page.inner_text("#field-epochs")
    page.fill("#field-epochs input", "0")
    page.press("#field-epochs input", "Tab")
    page.click("#training-start")
    page.wait_for_selector("#training-note >> text=epochs = 0 está fora de 1 a 100")
    assert jobs.known == {}
    page.fill("#field-epochs input", "2")
    page.click("#training-start")
    page.wait_for_selector("#training-job .chip >> text=treinando")
    page.wait_for_selector("#training-job svg polyline.learned")
    page.wait_for_selector("#training-job >> text=Desculpe pela sopa (60)")
    assert "A sopa veio fria <b>." in page.inner_text("#training-job .samples")
    assert "512 tokens/s" in page.inner_text("#training-job")
    (job,) = jobs.known.values()
    assert job.overrides == {"epochs": 2, "limit": 400, "evaluate_every": 20, "checkpoint_every": 20}
    page.click("#training-stop")
    page.wait_for_selector("#training-job .chip >> text=parado")
    page.reload()
    page.click("button[role=tab]:has-text('Treino')")
    page.wait_for_selector("#training-job .chip >> text=parado")
    assert not page.is_visible("#training-stop")
    page.click("#training-resume")
    page.wait_for_selector("#training-job .chip >> text=treinando")
    page.click(".switch >> text=EN")
    page.wait_for_selector("#training-job >> text=Time left")
    jobs.stop(job.id)
    page.wait_for_selector("#training-job .chip >> text=stopped")
    page.evaluate(
        "(() => { const b = document.querySelector('#training-list [data-event=select]');"
        " b.dataset.id = '../../etc'; b.click(); })()"
    )
    page.wait_for_selector("#training-note >> text=There is no job '../../etc'")


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_a_version_is_judged_found_again_after_a_reload_and_put_live_with_a_reason(
    open_page: Open, served: Any
) -> None:
    page = open_page()
    page.click("button[role=tab]:has-text('Treino')")
    page.wait_for_selector("#judge-start:not([disabled])")
    page.click("#judge-version input")
    page.click("[role=option]:has-text('Entidades jurídicas · 0001')")
    page.wait_for_selector("#judge-found >> text=Pior que a versão ativa.")
    page.click("#judge-start")
    page.wait_for_selector("#judge-now >> text=Julgando Entidades jurídicas · 0001")
    page.reload()
    page.click("button[role=tab]:has-text('Treino')")
    page.wait_for_selector("#judge-now >> text=Julgando Entidades jurídicas · 0001")
    assert page.is_disabled("#judge-start")
    page.click("#judge-stop")
    page.wait_for_selector("#judge-now >> text=Julgamento parado")
    page.click("#judge-live")
    page.wait_for_selector("#judge-note >> text=não deve ser ativada")
    page.fill("#judge-reason textarea, #judge-reason input", "o cliente pediu")
    page.click("#judge-anyway")
    page.wait_for_selector("#judge-note >> text=Versão 0001 no ar")
    assert served.assistant.judgement.overruled == ["o cliente pediu"]
    assert not page.is_visible("#judge-live")
