"""A base model of the hub without a network: an error with the way out, however the network fails."""

import socket

import pytest

from assistant.errors import ModelUnavailable
from assistant.models import hub


@pytest.fixture
def closed_port():
    """An address where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_hub_that_does_not_answer_is_told_with_the_way_out(monkeypatch, tmp_path, closed_port):
    from huggingface_hub.utils import close_session

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    try:
        with pytest.raises(ModelUnavailable, match="owner/base cannot be had") as caught:
            hub.download("owner/base")
    finally:
        close_session()
    assert "não está disponível" in caught.value.text("pt")
