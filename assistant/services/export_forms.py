"""The four forms in which an adapter version leaves the house, each made from the version and its base.

peft          PEFT's two files, as trained
merged        a whole model for transformers, the adapter merged in (bf16)
gguf          the adapter for llama.cpp, beside the GGUF of the base
gguf-merged   a whole model for llama.cpp, the adapter merged in (what it changes: Q8_0)

Knows which tool makes which form from what. Refuses to know targets, cards and comparisons.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from assistant.errors import AdapterError, InputRejected, StorageError
from assistant.models import gguf_merge
from assistant.models.catalog import BaseModel, Source
from assistant.models.gguf_export import export_adapter_gguf, export_checkpoint_gguf
from assistant.models.provision import provision_checkpoint, provision_gguf
from assistant.stores.manifests import Version

_PEFT_FILES = ("adapter_config.json", "adapter_model.safetensors")

Say = Callable[[str], None]


class Form(StrEnum):
    """What is exported."""

    PEFT = "peft"
    MERGED = "merged"
    GGUF = "gguf"
    GGUF_MERGED = "gguf-merged"


def form_of(name: str) -> Form:
    """The form called `name`; raises `InputRejected` naming those that there are."""
    if name not in set(Form):
        raise InputRejected(
            f"There is no form {name!r}. Choose one of {', '.join(Form)}.",
            pt=f"Não existe a forma {name!r}. Escolha uma destas: {', '.join(Form)}.",
        )
    return Form(name)


@dataclass(frozen=True)
class Workshop:
    """Makes the forms of one version. `scratch` holds what is needed on the way; its owner removes it."""

    version: Version
    base: BaseModel
    models: Path
    scratch: Path
    say: Say

    @cached_property
    def _config(self) -> Mapping[str, Any]:
        config: dict[str, Any] = json.loads((self.version.path / _PEFT_FILES[0]).read_text("utf-8"))
        return config

    @property
    def has_gguf_base(self) -> bool:
        """Whether the base is a GGUF by itself, so that nothing needs converting."""
        return self.base.source in (Source.PACKAGE, Source.GGUF)

    def refusal(self, form: Form) -> AdapterError | None:
        """Why this adapter cannot have a form; None where it can."""
        if self._config.get("alora_invocation_tokens") and form in (Form.MERGED, Form.GGUF_MERGED):
            return AdapterError(
                f"{self.version.key} is an activated LoRA: it acts on a part of the prompt only and cannot be merged. "
                "Export --form peft or --form gguf.",
                pt=f"{self.version.key} é um LoRA ativado: só age numa parte do prompt e não pode ser fundido ao "
                "modelo base. Exporte como peft ou gguf.",
            )
        gguf_of_adapter = form is Form.GGUF or (form is Form.GGUF_MERGED and self.has_gguf_base)
        if not (self._config.get("use_dora") and gguf_of_adapter):
            return None
        return AdapterError(
            f"{self.version.key} uses DoRA, and GGUF adapters have no DoRA. Export --form peft or --form merged.",
            pt=f"{self.version.key} usa DoRA, e o formato GGUF de adaptadores não tem DoRA. Exporte como peft ou "
            "merged.",
        )

    @cached_property
    def checkpoint(self) -> Path:
        """The base for transformers."""
        return provision_checkpoint(self.base, self.models, self.say)

    @cached_property
    def base_gguf(self) -> Path:
        """The base for llama.cpp; converted for this export where it is no GGUF by itself."""
        if self.has_gguf_base:
            return provision_gguf(self.base, self.models, self.say)
        path = self.scratch / "base" / f"{self.base.name}-q8_0.gguf"
        if not path.is_file():
            self.say(f"writing {self.base.name} as GGUF, to run the adapter on")
            export_checkpoint_gguf(self.checkpoint, path)
        return path

    @property
    def base_size(self) -> int:
        """About how many bytes the base takes that is converted to run a GGUF adapter on; 0 where it is a GGUF."""
        return 0 if self.has_gguf_base else self.size(Form.MERGED) * 6 // 10  # from 16 bits a weight to 8.5

    def size(self, form: Form) -> int:
        """About how many bytes a form takes."""
        if form is Form.MERGED:
            return sum(path.stat().st_size for path in self.checkpoint.glob("*.safetensors"))
        if form is Form.GGUF_MERGED and self.has_gguf_base:
            return self.base_gguf.stat().st_size * 3 // 2  # what the adapter changes grows from 4 or 5 bits to 8
        if form is Form.GGUF_MERGED:
            return self.size(Form.MERGED) * 3 // 2  # the merged model it is converted from lies beside it
        return (self.version.path / _PEFT_FILES[1]).stat().st_size

    def make(self, form: Form, folder: Path) -> Path:
        """Make a form in the new folder `folder`; returns what a library loads: the folder, or the GGUF file.

        Raises `AdapterError`, `ModelUnavailable`, `ConfigurationError` for a tool that is missing, `StorageError`.
        """
        if refusal := self.refusal(form):
            raise refusal
        self.say(f"making {form}")
        if form is Form.MERGED:
            from assistant.training.merging import merge_checkpoint

            merge_checkpoint(self.checkpoint, self.version.path, folder)
            return folder
        stem = f"{self.version.adapter}-{self.version.number:04d}"
        try:
            folder.mkdir(parents=True)
            if form is Form.PEFT:
                for name in _PEFT_FILES:
                    shutil.copyfile(self.version.path / name, folder / name)
                return folder
        except OSError as error:
            raise unwritable(folder, error) from error
        if form is Form.GGUF:
            return self._adapter_gguf(folder / f"{stem}.gguf")
        return self._merged_gguf(folder / f"{stem}-{self.base.name}-{gguf_merge.PRECISION.lower()}.gguf")

    def _adapter_gguf(self, out: Path) -> Path:
        """The GGUF that the version has served with, or a new one where it has none."""
        served = self.version.path / "adapter.gguf"
        if not served.is_file():
            export_adapter_gguf(self.version.path, self.checkpoint, out)
            return out
        try:
            shutil.copyfile(served, out)
        except OSError as error:
            raise unwritable(out, error) from error
        return out

    def _merged_gguf(self, out: Path) -> Path:
        if self.has_gguf_base:
            adapter = self.version.path / "adapter.gguf"
            if not adapter.is_file():
                adapter = self._adapter_gguf(self.scratch / "adapter.gguf")
            gguf_merge.merge_adapter_gguf(self.base_gguf, adapter, out)
            return out
        merged = self.scratch / "merged"
        self.make(Form.MERGED, merged)
        export_checkpoint_gguf(merged, out)
        shutil.rmtree(merged, ignore_errors=True)
        return out


def unwritable(path: Path, error: OSError) -> StorageError:
    """The error of a place that cannot be written."""
    return StorageError(
        f"{path} cannot be written: {error.strerror or error}. Free some space, or choose another place.",
        pt=f"Não foi possível gravar {path}. Libere espaço ou escolha outro lugar.",
    )
