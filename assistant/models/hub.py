"""Weights from the model hub: safetensors, configuration and tokenizer, nothing else.

Knows huggingface_hub and its errors. Refuses pickled weights and code, and touches the network only
when the model is not already there in full.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from assistant.errors import ModelUnavailable
from assistant.models.catalog import EMBEDDED

WEIGHTS = "*.safetensors"  # never *.bin: that is pickle
TERMS = ("LICENSE*", "NOTICE*", "USE_POLICY*")  # they go along with what is exported
FILES = (WEIGHTS, "*.json", "*.model", "*.jinja", "tokenizer*", "vocab.txt", "merges.txt", *TERMS)
WAY_OUT = f"Set ASSISTANT_BASE_MODEL={EMBEDDED} for the embedded base, which needs no network."
WAY_OUT_PT = f"Use ASSISTANT_BASE_MODEL={EMBEDDED}, o modelo embutido, que dispensa a rede."


class Reason(NamedTuple):
    """Why a model cannot be had."""

    pt: str
    en: str


NOT_HERE = Reason("ele ainda não foi baixado", "it has not been downloaded yet")
_GATED = Reason(
    "a licença precisa ser aceita na página dele, e HF_TOKEN definido",
    "its licence must be accepted on its page and HF_TOKEN be set",
)
_UNKNOWN = Reason("o hub não tem esse modelo, ou ele é privado", "the hub has no such model, or it is private")
_NO_NETWORK = Reason("não há rede ou acesso ao hub", "there is no network or no access to the hub")


def cached(location: str) -> Path | None:
    """The downloaded snapshot of `location`, named by its commit; None unless it is complete."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        path = Path(snapshot_download(location, local_files_only=True))
    except (HfHubHTTPError, OSError, ValueError):
        return None
    return path if _complete(path) else None


def unavailable(location: str, reason: Reason) -> ModelUnavailable:
    """The error of a base model that cannot be had, with the way out."""
    return ModelUnavailable(
        f"The base model {location} cannot be had: {reason.en}. {WAY_OUT}",
        pt=f"O modelo base {location} não está disponível: {reason.pt}. {WAY_OUT_PT}",
    )


def download(location: str, refusal: Callable[[str, Reason], ModelUnavailable] = unavailable) -> Path:
    """Fetch `location` into the hub's own cache; raises what `refusal` makes of it, or `OSError` of a full disk."""
    import httpx2
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(location, allow_patterns=list(FILES)))
    except GatedRepoError as error:
        raise refusal(location, _GATED) from error
    except RepositoryNotFoundError as error:
        raise refusal(location, _UNKNOWN) from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EACCES}:
            raise
        raise refusal(location, _NO_NETWORK) from error


def _complete(checkpoint: Path) -> bool:
    index = checkpoint / "model.safetensors.index.json"
    if index.is_file():
        try:
            names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):  # cut short: it is fetched again
            return False
        return all((checkpoint / name).is_file() for name in names)
    return (checkpoint / "config.json").is_file() and any(checkpoint.glob(WEIGHTS))
