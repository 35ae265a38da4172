"""What a reply may not say: promises and facts that the review does not hold.

A reply speaks for a business, so a sentence with an amount, a discount, a refund, a contact or a person's name that
neither the visitor's text nor the house's own words hold is removed and counted. Refuses to know engines and prompts.
"""

from __future__ import annotations

import re

from assistant.generation.citations import fold
from assistant.models.names import PLACES, invented_names

# Stems of what a reply may never offer by itself (folded). A stem that the review uses is allowed:
# the reply may speak of the refund that the guest asks about.
_COMMITMENTS = (
    "descont",
    "reembols",
    "ressarc",
    "estorn",
    "brinde",
    "cortesia",
    "gratis",
    "gratuit",
    "voucher",
    "cupom",
    "indeniza",
    "por nossa conta",
    "por conta da casa",
)
# Money that is given back, in any wording; a dish or a car may be.
_REFUND = re.compile(r"\bdevol(?:v|u[cç])\w*\b[^.]{0,25}\b(?:valor|dinheiro|quantia|pagamento|pago|pagou)\b")
_FACTS = re.compile(r"r\$\s*\d[\d.,]*|\d[\d.,:/-]*\d|\d|\S+@\S+|https?://\S+|www\.\S+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def keep_honest(reply: str, review: str, supported: str = "", *, names: bool = False) -> tuple[str, int]:
    """The reply without sentences that promise or invent, and the number of removed sentences.

    `supported` is what the house lets be said to a client; `names` checks names, too, which a class such as
    "Secretaria de Obras" would not stand.
    """
    spoken = f"{review}\n{supported}"
    known = fold(spoken)[0]
    kept, removed = [], 0
    for sentence in _SENTENCE.split(reply.strip()):
        said = fold(sentence)[0]
        promised = any(stem in said and stem not in known for stem in _COMMITMENTS) or (
            _REFUND.search(said) is not None and _REFUND.search(known) is None
        )
        invented = any(fact.rstrip(".,;:") not in known for fact in _FACTS.findall(said))
        named = names and invented_names(sentence, spoken, PLACES)
        if promised or invented or named:
            removed += 1
        else:
            kept.append(sentence)
    return " ".join(kept), removed
