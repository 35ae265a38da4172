"""An export before it is offered: the exported form, and others beside it, over the same prompts.

Knows which engine runs which form, and what a form that is not fit to be given away looks like. Refuses to know
targets and cards.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.engines.base import AdapterFiles, Engine
from assistant.errors import AdapterBroken
from assistant.services import parity
from assistant.services.export_forms import Form, Workshop
from assistant.services.parity import Inputs, Reference
from assistant.services.residence import LiveAdapter, files_of
from assistant.stores.manifests import Card, Localized, Version

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Engines:
    """Open a GGUF in llama.cpp, a checkpoint in transformers (bf16); the caller closes them."""

    gguf: Callable[[Path], Engine]
    checkpoint: Callable[[Path], Reference]


class Trial:
    """Makes the exported form and runs it, and others beside it, over the same prompts."""

    def __init__(self, card: Card, shop: Workshop, engines: Engines, say: Say) -> None:
        self.card = card
        self._shop = shop
        self._engines = engines
        self._say = say
        self._bases: dict[bool, list[str]] = {}  # texts without the adapter, by whether a GGUF engine wrote them

    def run(self, form: Form, folder: Path, inputs: Inputs, every: bool) -> tuple[Path, dict[str, dict[str, float]]]:
        """Make `form` in `folder`; returns what a library loads of it, and the figures of each form that was run.

        PEFT is the reference and runs first, so that an adapter which does nothing is refused before gigabytes are
        written. Raises `AdapterBroken` where a form that was run is not fit to be given away.
        """
        shop = self._shop
        reference = self._checked(Form.PEFT, shop.version.path, inputs.prompts, [])
        artefact = shop.make(form, folder)
        texts = {Form.PEFT: reference}
        for other in self._compared(form, every):
            made = artefact if other is form else shop.make(other, shop.scratch / other)
            texts[other] = self._checked(other, made, inputs.prompts, reference)
            if other is not form:  # before the next one takes its room
                shutil.rmtree(shop.scratch / other, ignore_errors=True)
        return artefact, self._figures(texts, inputs.prompts)

    def _figures(self, texts: Mapping[Form, Sequence[str]], prompts: Sequence[str]) -> dict[str, dict[str, float]]:
        """The figures of each form; raises `AdapterBroken` where one differs from PEFT by more than precision."""
        reference = texts[Form.PEFT]
        apart = [form for form in texts if list(texts[form]) != list(reference)]
        gaps = self._gaps({form: texts[form] for form in apart}, reference, prompts) if apart else {}
        figures = {}
        for form, found in texts.items():
            figures[str(form)] = parity.agreement(reference, found) | parity.told(gaps.get(form, ()))
            fault = parity.difference_of(figures[str(form)])
            if fault is not None:
                raise _unfit(self._shop.version, form, fault)
        return figures

    def _gaps(
        self, texts: Mapping[Form, Sequence[str]], reference: Sequence[str], prompts: Sequence[str]
    ) -> dict[Form, list[float]]:
        """How wide the gaps are for PEFT where the texts of a form part from its own; seconds: nothing is written."""
        version, shop = self._shop.version, self._shop
        self._say("weighing where the texts part")
        engine = self._engines.checkpoint(shop.checkpoint)
        try:
            engine.set_adapters([files_of(LiveAdapter(self.card, version))])
            asked = parity.requests(version.key, prompts, self.card.stop)
            return {
                form: parity.gaps(engine, asked, list(zip(reference, found, strict=True)))
                for form, found in texts.items()
            }
        finally:
            engine.close()

    def _compared(self, form: Form, every: bool) -> list[Form]:
        """The forms beside PEFT: the exported one; the adapter over a GGUF base, which costs nothing; or all."""
        shop = self._shop
        free = [Form.GGUF] if shop.has_gguf_base else []
        wanted = set(Form) if every else {form, *free}
        return [f for f in Form if f in wanted and f is not Form.PEFT and shop.refusal(f) is None]

    def _checked(self, form: Form, made: Path, prompts: Sequence[str], reference: Sequence[str]) -> list[str]:
        """The form's texts; raises `AdapterBroken` where they show that it does nothing, or breaks."""
        texts, base = self._texts(form, made, prompts)
        fault = parity.fault_of(texts, reference or texts, base)
        if fault is not None:
            raise _unfit(self._shop.version, form, fault)
        return texts

    def _texts(self, form: Form, made: Path, prompts: Sequence[str]) -> tuple[list[str], list[str]]:
        """Texts of a form, and of the base in the same kind of engine for the first prompts."""
        version, is_gguf = self._shop.version, form in (Form.GGUF, Form.GGUF_MERGED)
        merged = form in (Form.MERGED, Form.GGUF_MERGED)
        self._say(f"running {form} on {len(prompts)} prompts")
        if is_gguf:
            engine = self._engines.gguf(made if merged else self._shop.base_gguf)
        else:
            engine = self._engines.checkpoint(made if merged else self._shop.checkpoint)
        try:
            if not merged:
                files = files_of(LiveAdapter(self.card, version))
                ours = AdapterFiles(version.key, made, made, files.probe)
                for failure in engine.set_adapters([ours]):
                    raise _unfit(version, form, Localized(failure.reason_pt or failure.reason, failure.reason))
                if is_gguf not in self._bases:
                    first = prompts[: parity.BASE_PROMPTS]
                    self._bases[is_gguf] = parity.greedy(engine, None, first, self.card.stop, lambda line: None)
            key = None if merged else version.key
            texts = parity.greedy(engine, key, prompts, self.card.stop, self._say)
        finally:
            engine.close()
        return texts, self._bases.get(is_gguf, self._bases[False])


def _unfit(version: Version, form: Form, fault: Localized) -> AdapterBroken:
    return AdapterBroken(
        f"{version.key} is not exported: as {form} {fault.en}. Train the adapter again: "
        f"python -m assistant train {version.adapter}",
        pt=f"{version.key} não foi exportado: como {form}, {fault.pt}. Treine o adaptador de novo: "
        f"python -m assistant train {version.adapter}",
    )
