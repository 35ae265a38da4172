"""A question as the engine is asked it: the prompt of an adapter, or of the base alone, and the text it gives.

Knows templates' budgets, the base's own prompt and what a generation has cost, even one that was given up.
Refuses to know what the text is good for.
"""

from __future__ import annotations

from collections.abc import Generator

from assistant.engines.base import Delta, Engine, Finished, GenerationRequest, Message
from assistant.generation.few_shot import few_shot_messages, instruction, room_for_question
from assistant.generation.prompt import Budget, chat_messages, grounded_prompt, plain_prompt
from assistant.models.catalog import PromptFormat
from assistant.services.drafts import TEMPERATURE, outline, topics_of
from assistant.services.few_shot import Answerer, FewShot
from assistant.services.request import Run
from assistant.services.styles import styles_of
from assistant.types import Source, Usage

_BASE_TEMPLATE = "{documents}{history}Pergunta: {input}\nResposta:"
_LEAST_TOKENS = 8  # of an answer
_BASE_TOKENS = 96  # a pretrained base alone does not know when to end


class Completion:
    """Texts of one engine; `prompt_format` says how its base is asked where no adapter answers."""

    def __init__(self, engine: Engine, prompt_format: PromptFormat) -> None:
        self._engine = engine
        self._prompt_format = prompt_format

    def answer(self, run: Run, live: Answerer | None, sources: tuple[Source, ...] | None) -> Generator[str, None, None]:
        """The text for a question with these passages shown; None asks as if documents did not exist."""
        request = run.request
        template = live.card.template if live else _BASE_TEMPLATE
        history = request.history if live else ()
        built = grounded_prompt(template, request.question, sources, history, self._room(run, live))
        yield from self._stream(run, built.text, live)

    def going_on(self, run: Run, live: Answerer | None, sources: tuple[Source, ...], begun: str) -> str:
        """The same question with the answer already begun: what the model writes behind it, whole.

        Empty where this base takes chat messages, of which none can be left open.
        """
        if live is None or isinstance(live, FewShot):
            return ""
        request = run.request
        built = grounded_prompt(live.card.template, request.question, sources, request.history, self._room(run, live))
        return "".join(self._stream(run, built.text + begun, live, begun=begun))

    def plain(self, run: Run, live: Answerer, text: str, draft: int = 0) -> Generator[str, None, None]:
        """What an adapter makes of a text alone, without passages and history; a further `draft` is sampled."""
        topics = None if isinstance(live, FewShot) else topics_of(live.version)
        styles = None if isinstance(live, FewShot) else styles_of(live.version)
        style = str(styles.offered(run.request.style)) if styles else ""
        prompt = plain_prompt(
            live.card.template, text, self._room(run, live), topics=outline(topics, text), style=style
        )
        yield from self._stream(run, prompt, live, draft)

    def weighed(self, run: Run, live: Answerer, text: str) -> list[Delta]:
        """What an adapter makes of a text alone, whole, each piece with its probability."""
        prompt = plain_prompt(live.card.template, text, self._room(run, live))
        return list(self._deltas(run, prompt, live, logprobs=True))

    def _stream(
        self, run: Run, prompt: str, live: Answerer | None, draft: int = 0, begun: str = ""
    ) -> Generator[str, None, None]:
        for delta in self._deltas(run, prompt, live, draft, begun=begun):
            yield delta.text

    def _deltas(
        self, run: Run, prompt: str, live: Answerer | None, draft: int = 0, *, begun: str = "", logprobs: bool = False
    ) -> Generator[Delta, None, None]:
        request, asked = run.request, self._asked(run, prompt, live)
        # what has been begun takes from the room of the answer that it belongs to
        left = max(_limit(run, live) - (self._engine.count_tokens(begun) if begun else 0), _LEAST_TOKENS)
        generation = GenerationRequest(
            prompt=asked,
            adapter=live.key if live else None,
            max_tokens=left,
            temperature=max(request.temperature, TEMPERATURE) if draft else request.temperature,
            seed=request.seed + draft,
            stop=_stop(asked, live),
            logprobs=logprobs,
        )
        pieces = 0
        try:
            for item in self._engine.stream(generation, run.cancel):
                if isinstance(item, Delta):
                    pieces += 1
                    yield item
                elif isinstance(item, Finished):
                    run.finished(item)
        except GeneratorExit:  # given up for a better attempt: the work counts all the same
            read = [asked] if isinstance(asked, str) else [message.content for message in asked]
            run.spent(Usage(sum(map(self._engine.count_tokens, read)), pieces))
            raise

    def _asked(self, run: Run, prompt: str, live: Answerer | None) -> str | tuple[Message, ...]:
        """The prompt as this base takes it."""
        language = run.request.language
        if isinstance(live, FewShot):
            return few_shot_messages(instruction(live.card, language), live.shots(), prompt, self._budget(run, live))
        if live is None and self._prompt_format is PromptFormat.TEMPLATE:
            return chat_messages(prompt, language)
        return prompt

    def _room(self, run: Run, live: Answerer | None) -> Budget:
        """What the prompt of a question may take: all that the answer leaves, less what stands before it."""
        budget = self._budget(run, live)
        if isinstance(live, FewShot):
            return room_for_question(instruction(live.card, run.request.language), budget)
        return budget

    def _budget(self, run: Run, live: Answerer | None) -> Budget:
        return Budget(self._engine.context_size - _limit(run, live) - 8, self._engine.count_tokens)


def _limit(run: Run, live: Answerer | None) -> int:
    return run.request.max_tokens or (live.card.max_tokens if live else _BASE_TOKENS)


def _stop(asked: str | tuple[Message, ...], live: Answerer | None) -> tuple[str, ...]:
    """Where a completion ends; a base that was sent messages ends its turn by itself."""
    if not isinstance(asked, str):
        return ()
    return live.card.stop if live else ("\n",)
