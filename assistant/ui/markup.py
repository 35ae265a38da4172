"""HTML that is escaped by construction.

Knows how to build elements from names, attributes and children. Refuses to take any text as markup:
a child or an attribute value that is not `Safe` is escaped, so model output and documents can never
become elements. `gr.HTML` puts the result in the page through `${value}`, which is not evaluated again
(text in a template's own `{{...}}` would be: it must never carry foreign text).
"""

from __future__ import annotations

import re
from html import escape

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_VOID = frozenset({"br", "input"})


class Safe(str):
    """A string of finished markup; only `tag` and `join` make one from foreign text."""

    __slots__ = ()


Child = str | None
Attribute = str | int | bool | None


def text(value: str) -> Safe:
    """Foreign text as inert markup."""
    return value if isinstance(value, Safe) else Safe(escape(value, quote=True))


def join(*children: Child) -> Safe:
    """Children one after the other, foreign text escaped, None left out."""
    return Safe("".join(text(child) for child in children if child is not None))


def tag(name: str, *children: Child, **attributes: Attribute) -> Safe:
    """One element. `class_` is class, `data_turn` is data-turn; None and False leave an attribute out.

    Raises `ValueError` for a name that is no plain element, for event handlers and for links that are
    neither fragments nor downloads made here: those would be ways out of the escaping.
    """
    if not _NAME.fullmatch(name) or name in {"script", "style", "iframe", "object"}:
        raise ValueError(f"{name!r} is no element that pages are built from.")
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        parts.append(_attribute(key.rstrip("_").replace("_", "-"), value))
    opening = f"<{' '.join(parts)}>"
    return Safe(opening if name in _VOID else f"{opening}{join(*children)}</{name}>")


def scroll_box(content: Child, label: str, class_: str = "table-box") -> Safe:
    """A named region for content that may be wider or longer than its place: the keyboard can reach and scroll it."""
    return tag("div", content, class_=class_, tabindex=0, role="region", aria_label=label)


def _attribute(name: str, value: Attribute) -> str:
    if not _NAME.fullmatch(name) or name.startswith("on") or name in {"style", "src", "srcdoc"}:
        raise ValueError(f"{name!r} is no attribute that pages are built from.")
    if name == "href" and not str(value).startswith(("#", "data:text/csv", "data:application/json")):
        raise ValueError(f"A link to {value!r} leads out of the page.")
    return name if value is True else f'{name}="{escape(str(value), quote=True)}"'
