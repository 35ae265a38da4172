from __future__ import annotations

import re
from pathlib import Path

import pytest

from assistant.ui.theme import ACCENT, NEUTRAL

CSS = (Path(__file__).parents[2] / "assistant/ui/static/page.css").read_text("utf-8")


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(c * 2 for c in digits)
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def palette(dark: bool) -> dict[str, str]:
    blocks = re.findall(r"(:root|\.dark) \{(.*?)\}", CSS, re.S)[:2]
    found: dict[str, str] = {}
    for name, body in blocks:
        if name == ":root" or dark:
            found |= dict(re.findall(r"--([\w-]+): ([^;]+);", body))

    def resolve(value: str) -> str:
        match = re.fullmatch(r"var\(--(primary|neutral)-(\d+)\)", value)
        return getattr(ACCENT if match[1] == "primary" else NEUTRAL, f"c{match[2]}") if match else value

    return {name: resolve(value) for name, value in found.items()}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("ink", "ground"), ("ink", "sheet"), ("ink", "tint"), ("quiet", "ground"), ("quiet", "sheet"),
        ("quiet", "tint"),
        ("quiet", "accent-tint"), ("accent-ink", "accent-tint"), ("accent-ink", "sheet"), ("warn", "warn-tint"),
        ("bad", "bad-tint"), ("bad", "ground"), ("ink", "mark"), ("ink", "bad-tint"), ("quiet", "warn-tint"),
        ("sheet", "accent"),
    ],
)  # fmt: skip
def test_text_can_be_read(ink: str, ground: str, dark: bool) -> None:
    colours = palette(dark)
    assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def test_entity_labels_can_be_read() -> None:
    for dark, pattern in (
        (False, r"(?<!\.dark )\.colour-\d \{ --hue: (#\w+); --wash: (#\w+)"),
        (True, r"\.dark \.colour-\d \{ --hue: (#\w+); --wash: (#\w+)"),
    ):
        pairs = re.findall(pattern, CSS)
        assert len(pairs) == 6
        for _, wash in pairs:
            assert contrast(palette(dark)["ink"], wash) >= 4.5
