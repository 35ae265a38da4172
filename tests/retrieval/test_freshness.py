from datetime import date

import pytest

from assistant.retrieval.freshness import from_file_name, from_text, is_outdated, origin_note, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Publicado em 11 de março de 2025.", "2025-03-11"),
        ("Brasília, 1º de maio de 2023", "2023-05-01"),
        ("em 11/03/2025", "2025-03-11"),
        ("Atualizado: 2024-02-23", "2024-02-23"),
        ("Em fevereiro de 2023, Júpiter", "2023-02"),
        ("March 11, 2025", "2025-03-11"),
        ("Lei 4.657 de 1942 e 500 luas", None),
        ("31/02/2025 e depois 01/03/2025", "2025-03-01"),
        ("x" * 700 + "11/03/2025", None),
        ("", None),
    ],
)
def test_dates_near_the_top_of_a_text(text, expected):
    assert from_text(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("luas-2023-05", "2023-05"),
        ("ata_2024_11_30", "2024-11-30"),
        ("relatorio 2022", "2022"),
        ("nota-20231", None),
        ("notas", None),
    ],
)
def test_dates_in_file_names(name, expected):
    assert from_file_name(name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023", "2023"),
        ("2023-02", "2023-02"),
        ("2023-02-14", "2023-02-14"),
        ("2023-02-14T10:00:00Z", "2023-02-14"),
        ("14/02/2023", "2023-02-14"),
        ("ontem", None),
    ],
)
def test_dates_of_metadata(text, expected):
    assert parse(text) == expected


def test_reduced_dates_compare_as_strings():
    assert sorted(["2023-02-14", "2023", "2025-03", "2023-02"]) == ["2023", "2023-02", "2023-02-14", "2025-03"]


@pytest.mark.parametrize(
    ("as_of", "days", "expected"),
    [
        ("2024-01-01", 365, True),
        ("2025-01-01", 365, False),
        ("2024", 365, False),  # 2024 ends 182 days before
        ("2023", 365, True),
        ("2024-07", 365, False),
        ("2020", 0, False),
        (None, 10, False),
    ],
)
def test_a_source_is_old_when_its_last_day_is_too_far_back(as_of, days, expected):
    assert is_outdated(as_of, date(2025, 7, 1), days) is expected


@pytest.mark.parametrize(
    ("as_of", "stem", "text", "note"),
    [
        ("2023-02", "luas-2023-02", "", "Data 02/2023: está no nome do arquivo."),
        ("2025-03-11", "luas", "Em 11 de março de 2025, Saturno", "Data 11/03/2025: está no começo do texto."),
        ("2025-03-11", "luas", "Saturno", "Data 11/03/2025: está nos metadados do documento."),
        ("2025", "luas-2023-02", "Em 2024-01-01", "Data 2025: está nos metadados do documento."),
        (None, "luas", "Saturno", "O documento não traz data."),
    ],
)
def test_where_a_date_comes_from_is_told_and_so_is_that_there_is_none(as_of, stem, text, note):
    assert origin_note(as_of, stem, text) == note
