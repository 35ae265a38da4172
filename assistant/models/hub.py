"""Weights from the model hub: safetensors, configuration and tokenizer, nothing else.

Knows huggingface_hub and its errors. Refuses pickled weights and code, and touches the network only
when the model is not already there in full.
"""

from __future__ import annotations

import errno
import json
from pathlib import Path

from assistant.errors import ModelUnavailable
from assistant.models.catalog import EMBEDDED

WEIGHTS = "*.safetensors"  # never *.bin: that is pickle
FILES = (WEIGHTS, "*.json", "*.model", "*.jinja", "tokenizer*", "vocab.txt", "merges.txt")
WAY_OUT = f"Set ASSISTANT_BASE_MODEL={EMBEDDED} for the embedded base, which needs no network."


def cached(location: str) -> Path | None:
    """The downloaded snapshot of `location`, named by its commit; None unless it is complete."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        path = Path(snapshot_download(location, local_files_only=True))
    except (HfHubHTTPError, OSError, ValueError):
        return None
    return path if _complete(path) else None


def download(location: str) -> Path:
    """Fetch `location` into the hub's own cache; raises `ModelUnavailable`, or `OSError` of a full disk."""
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(location, allow_patterns=list(FILES)))
    except GatedRepoError as error:
        raise unavailable(location, "its licence must be accepted on its page and HF_TOKEN be set") from error
    except RepositoryNotFoundError as error:
        raise unavailable(location, "the hub has no such model, or it is private") from error
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EACCES}:
            raise
        raise unavailable(location, "there is no network or no access to the hub") from error


def unavailable(location: str, reason: str) -> ModelUnavailable:
    """The error of a hub model that cannot be had, with the way out."""
    return ModelUnavailable(f"The base model {location} cannot be had: {reason}. {WAY_OUT}")


def _complete(checkpoint: Path) -> bool:
    index = checkpoint / "model.safetensors.index.json"
    if index.is_file():
        names = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        return all((checkpoint / name).is_file() for name in names)
    return (checkpoint / "config.json").is_file() and any(checkpoint.glob(WEIGHTS))
