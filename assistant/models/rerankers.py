"""The files of a cross-encoder that reorders passages: a folder, or a name on the hub.

Knows what a whole one looks like. Refuses pickled weights, code that comes with a model, models that give anything but
one score for a pair, and to run one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.errors import ModelUnavailable
from assistant.models import hub
from assistant.models.hub import Reason

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_HEAD = "ForSequenceClassification"  # what a model that scores a pair is called
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "*.model")
_MODULES = "sentence_transformers."
_UNNAMED = 2  # labels of a configuration that names none
_WAY_OUT = (
    "Set ASSISTANT_RERANKER to a folder with config.json, tokenizer and model.safetensors or to a hub name "
    "(owner/name), or leave it empty: the search works without one."
)
_WAY_OUT_PT = (
    "Aponte ASSISTANT_RERANKER para uma pasta com config.json, tokenizador e model.safetensors ou para um nome do hub "
    "(dono/nome), ou deixe-a vazia: a busca funciona sem ele."
)


def ready_reranker(name: str, *, fetch: bool = True) -> Path:
    """The checked folder of a cross-encoder, downloaded first where it is a hub name and `fetch` allows it.

    Raises `ModelUnavailable` naming what is wrong and the way out.
    """
    folder = _folder(name)
    if folder is None:
        if not _HUB_NAME.fullmatch(name):
            raise refused(name, Reason("não é uma pasta daqui nem um nome do hub", "it is no folder and no hub name"))
        folder = _from_hub(name, fetch=fetch)
    _check(name, folder)
    return folder.resolve()


def refused(name: str, reason: Reason) -> ModelUnavailable:
    """The error of a reranker that cannot be used, with the way out."""
    return ModelUnavailable(
        f"The reranker {name!r} cannot be used: {reason.en}. {_WAY_OUT}",
        pt=f"O reordenador {name!r} não pode ser usado: {reason.pt}. {_WAY_OUT_PT}",
    )


def longest_input(folder: Path, most: int = 512) -> int:
    """Tokens that question and passage may have together: what the model has places for, at most `most`."""
    places = _json(folder / "config.json").get("max_position_embeddings")
    # models of RoBERTa's family keep two places for themselves
    return min(most, places - 2) if isinstance(places, int) and places > 2 else most


def _folder(name: str) -> Path | None:
    """The folder of that name; None where there is none."""
    try:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError):  # a name too long for a file system, the home of nobody
        return None


def _from_hub(name: str, *, fetch: bool) -> Path:
    there = hub.cached(name)
    if there is not None:
        return there
    if not fetch:
        raise refused(name, hub.NOT_HERE)
    try:
        return hub.download(name, refused)
    except OSError as error:
        why = error.strerror or str(error)
        raise refused(name, Reason(f"o disco não o recebe ({why})", f"the disk does not take it ({why})")) from error


def _check(name: str, folder: Path) -> None:
    config = _config(name, folder)
    kinds = config.get("architectures")
    kind = str(kinds[0]) if isinstance(kinds, list) and kinds else "?"
    if not kind.endswith(_HEAD):
        raise refused(
            name,
            Reason(f"é um {kind}, não um modelo que pontua pares", f"it is a {kind}, no model that scores pairs"),
        )
    labels = config.get("id2label")
    count = len(labels) if isinstance(labels, Mapping) else config.get("num_labels", _UNNAMED)
    if count != 1:
        raise refused(name, Reason(f"dá {count} notas por par, e não uma", f"it gives {count} scores a pair, not one"))
    if _needs_code(folder):
        raise refused(name, Reason("traz código próprio, que não é executado", "it brings code, which is never run"))
    if not any(folder.glob(hub.WEIGHTS)):
        if any(next(folder.glob(pattern), None) for pattern in _PICKLES):
            raise refused(
                name,
                Reason(
                    "os pesos estão em pickle, que pode executar código; converta-os para safetensors",
                    "its weights are a pickle, which can run code; convert them to safetensors",
                ),
            )
        raise refused(name, Reason("falta o model.safetensors", "its weights (model.safetensors) are missing"))
    if not any(next(folder.glob(pattern), None) for pattern in _TOKENIZERS):
        raise refused(name, Reason("falta o tokenizador", "its tokenizer is missing"))


def _config(name: str, folder: Path) -> Mapping[str, Any]:
    config = _json(folder / "config.json")
    if not config:
        raise refused(
            name,
            Reason("o config.json falta ou não pode ser lido", "its config.json is missing or cannot be read"),
        )
    return config


def _needs_code(folder: Path) -> bool:
    """Whether the files name classes of their own: of the model, its tokenizer, or a part of sentence-transformers."""
    if any(_json(folder / file).get("auto_map") for file in ("config.json", "tokenizer_config.json")):
        return True
    try:
        modules = json.loads((folder / "modules.json").read_text("utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True  # nobody knows what it asks for
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        return True
    return not all(str(module.get("type", "")).startswith(_MODULES) for module in modules)


def _json(path: Path) -> Mapping[str, Any]:
    """The object of a JSON file; empty where there is none that can be read."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
