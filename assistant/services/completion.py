"""A question as the engine is asked it: the prompt of an adapter, or of the base alone, and the text it gives.

Knows templates' budgets, the base's own prompt and what a generation has cost, even one that was given up.
Refuses to know what the text is good for.
"""

from __future__ import annotations

from collections.abc import Generator

from assistant.engines.base import Delta, Engine, Finished, GenerationRequest
from assistant.generation.prompt import Budget, chat_messages, grounded_prompt, plain_prompt
from assistant.models.catalog import PromptFormat
from assistant.services.drafts import TEMPERATURE, outline, topics_of
from assistant.services.request import Run
from assistant.services.residence import LiveAdapter
from assistant.types import Source, Usage

_BASE_TEMPLATE = "{documents}{history}Pergunta: {input}\nResposta:"
_BASE_TOKENS = 96  # a pretrained base alone does not know when to end


class Completion:
    """Texts of one engine; `prompt_format` says how its base is asked where no adapter answers."""

    def __init__(self, engine: Engine, prompt_format: PromptFormat) -> None:
        self._engine = engine
        self._prompt_format = prompt_format

    def answer(
        self, run: Run, live: LiveAdapter | None, sources: tuple[Source, ...] | None
    ) -> Generator[str, None, None]:
        """The text for a question with these passages shown; None asks as if documents did not exist."""
        request = run.request
        template = live.card.template if live else _BASE_TEMPLATE
        limit = request.max_tokens or (live.card.max_tokens if live else _BASE_TOKENS)
        history = request.history if live else ()
        built = grounded_prompt(template, request.question, sources, history, self._budget(limit))
        yield from self._stream(run, built.text, live, limit)

    def plain(self, run: Run, live: LiveAdapter, text: str, draft: int = 0) -> Generator[str, None, None]:
        """What an adapter makes of a text alone, without passages and history; a further `draft` is sampled."""
        limit = run.request.max_tokens or live.card.max_tokens
        topics = outline(topics_of(live.version), text)
        prompt = plain_prompt(live.card.template, text, self._budget(limit), topics)
        yield from self._stream(run, prompt, live, limit, draft)

    def _stream(
        self, run: Run, prompt: str, live: LiveAdapter | None, limit: int, draft: int = 0
    ) -> Generator[str, None, None]:
        request = run.request
        templated = self._prompt_format is PromptFormat.TEMPLATE and live is None
        generation = GenerationRequest(
            prompt=chat_messages(prompt, request.language) if templated else prompt,
            adapter=live.version.key if live else None,
            max_tokens=limit,
            temperature=max(request.temperature, TEMPERATURE) if draft else request.temperature,
            seed=request.seed + draft,
            stop=live.card.stop if live else (() if templated else ("\n",)),
        )
        pieces = 0
        try:
            for item in self._engine.stream(generation, run.cancel):
                if isinstance(item, Delta):
                    pieces += 1
                    yield item.text
                elif isinstance(item, Finished):
                    run.finished(item)
        except GeneratorExit:  # given up for a better attempt: the work counts all the same
            run.spent(Usage(self._engine.count_tokens(prompt), pieces))
            raise

    def _budget(self, completion: int) -> Budget:
        return Budget(self._engine.context_size - completion - 8, self._engine.count_tokens)
