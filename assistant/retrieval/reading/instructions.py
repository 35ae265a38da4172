"""Sentences in a document that speak to a language model instead of to a reader.

Knows how such sentences are put in Portuguese and English. They are only pointed at: the text stays as it is,
and nothing in a document is ever obeyed. Refuses to know what a model would do with them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.retrieval.documents import Page
from assistant.retrieval.lexical import fold
from assistant.stores.manifests import Localized

_BEFORE = r"(?:previous|prior|above|earlier|preceding|foregoing|all|any|your|you|other|system)"
_ANTES = (
    r"(?:anteriores|anterior|acima|previas|recebidas|dadas|do sistema|que (?:voce )?(?:recebeu|foram)|de seguranca)\b"
)
_ORDERS_EN = r"(?:instructions?|prompts?|directions?|directives?|rules?|guidelines|context|constraints|messages?)"
_ORDERS_PT = r"(?:instrucoes|instrucao|regras|diretrizes|orientacoes|ordens|comandos|prompts?|restricoes|contexto)"
_LEAVE_EN = r"(?:ignore|disregard|forget|override|bypass|discard|do not follow|don't follow)"
_LEAVE_PT = (
    r"(?:ignore|ignora|ignorar|desconsidere|desconsidera|desconsiderar|esqueca|esquece|esquecer|desobedeca|descarte"
    r"|nao siga|nao obedeca|anule|burle)"
)
_DO_EN = r"(?:must|should|ignore|do not|say|answer|respond|reply|output|recommend)"
_DO_PT = r"(?:deve|ignore|nao (?:diga|responda|mencione)|diga|responda|recomende|afirme)"
# searched in text without accents and in small letters
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # leave what you were told
        rf"\b{_LEAVE_EN}\b[^.!?\n]{{0,25}}\b{_BEFORE}\b[^.!?\n]{{0,30}}\b{_ORDERS_EN}\b",
        r"\b(?:ignore|disregard|forget) (?:everything|anything|all(?: of (?:that|this|the above))?) "
        r"(?:you|above|before|that|i|we|said|prior|previous)",
        rf"\b{_LEAVE_PT}\b[^.!?\n]{{0,30}}\b{_ORDERS_PT}\b[^.!?\n]{{0,20}}\b{_ANTES}",
        rf"\b{_LEAVE_PT}\b[^.!?\n]{{0,15}}\b(?:suas|tuas|todas as suas|todas as|qualquer)\b[^.!?\n]{{0,15}}"
        rf"\b(?:instrucoes|diretrizes|orientacoes|restricoes)\b",
        rf"\b{_LEAVE_PT}\b (?:de )?tudo (?:o )?que (?:foi|voce|lhe|te|eu|esta)",
        r"\bnovas? instruc(?:ao|oes)\b ?(?:do sistema|para o (?:assistente|modelo)|:)",
        r"\bnew (?:system )?instructions? ?(?:from the system|for the (?:ai|assistant|model)|:)",
        r"\b(?:stop everything|pare tudo)\b[^\n]{0,40}\b(?:print|say|answer|write|imprima|diga|responda|escreva)\b",
        # be somebody else
        r"\brole of[^.!?\n]{0,30}\b(?:ai|al|llm|assistant|chatbot|language) (?:model|known|assistant|without|that)\b",
        r"\b(?:from now on|starting now),? (?:you|act|answer|respond|reply)\b",
        r"\b(?:you are|you're) (?:now |no longer )(?:an? |the |in |bound|going|acting|free|dan\b)",
        r"\b(?:act|behave|respond|answer|pretend) (?:as if|like|as|to be) "
        r"(?:you|an? (?:ai|llm|assistant|model|chatbot|unrestricted|evil|hacker)|dan)\b",
        r"\b(?:a partir de agora|de agora em diante|daqui em diante),? "
        r"(?:voce|responda|aja|atue|ignore|finja|todas as)",
        r"\b(?:voce agora e|agora voce e|voce nao e mais|finja (?:que|ser)|aja como (?:se|um|uma)|faca de conta)\b"
        r"[^.!?\n]{0,60}\b(?:assistente|ia|inteligencia artificial|modelo|chatbot|restricoes|regras|sem filtro)",
        r"\b(?:do anything now|developer mode|jailbreak|modo (?:dan|desenvolvedor|sem restricoes))\b",
        # give away what you know
        r"\b(?:reveal|print|show|repeat|output|leak|tell me|display)\b[^.!?\n]{0,30}"
        r"\b(?:system|initial|hidden|secret|your) (?:prompt|instructions?)\b",
        r"\b(?:revele|mostre|repita|repete|imprima|exiba|diga|informe|vaze)\b[^.!?\n]{0,30}"
        r"\b(?:prompt|instrucoes (?:do sistema|iniciais|ocultas|internas|secretas|que voce recebeu)|suas instrucoes)",
        # to the model by name
        rf"\b(?:ai|llm|language model|ai assistant|chatbot|gpt|chatgpt|assistant)s?\b ?"
        rf"(?:reading|processing|summari[sz]ing|that reads|must|should|:)[^.!?\n]{{0,40}}\b{_DO_EN}\b",
        rf"\b(?:assistente|modelo de linguagem|ia|inteligencia artificial|chatbot)\b ?"
        rf"(?:que (?:ler|le|estiver|esteja)|lendo|deve|,|:)[^.!?\n]{{0,40}}\b{_DO_PT}\b",
        r"\b(?:nota|aviso|instrucao|mensagem|atencao|ordem) (?:para|ao|a) (?:o )?(?:assistente|modelo|ia|chatbot)\b",
        r"\b(?:note|message|instructions?|notice|attention) (?:to|for) (?:the )?(?:ai|assistant|llm|model|chatbot)\b",
        # the marks that part the speakers of a conversation
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id)\|>",
        r"<start_of_turn>|\[/?inst\]|<<sys>>",
        r"(?m)^\s*(?:#+ ?)?(?:system|sistema) ?(?:prompt|message|override)?: ?"
        r"(?:you|voce|ignore|answer|responda|new|novo)\b",
    )
)
_SHOWN = 80  # letters of a find that the warning repeats
_LISTED = 3


def found_in(pages: Sequence[Page]) -> list[tuple[int | None, str]]:
    """The page and the words of every such sentence, in order; one for each pattern and page."""
    found: list[tuple[int | None, str]] = []
    for page in pages:
        text = fold(page.text)
        hits = sorted((match.start(), match.end()) for p in _PATTERNS if (match := p.search(text)) is not None)
        same_length = len(text) == len(page.text)
        for start, end in hits:
            words = (page.text if same_length else text)[start:end]
            found.append((page.number, " ".join(words.split())[:_SHOWN]))
    return found


def warning(name: str, pages: Sequence[Page]) -> list[Localized]:
    """What to say of a document that gives instructions to a model; empty for any other."""
    found = found_in(pages)
    if not found:
        return []
    shown = "; ".join(f"«{words}»" + (f" (p. {number})" if number else "") for number, words in found[:_LISTED])
    return [
        Localized(
            f"{name}: contém frases dirigidas a um modelo de linguagem: {shown}. Elas ficam no texto como qualquer "
            "outra e nunca são obedecidas.",
            f"{name}: holds sentences addressed to a language model: {shown}. They stay in the text like any other "
            "and are never obeyed.",
        )
    ]
