"""The look that Gradio's own widgets take: one accent, one neutral scale, system fonts, 8 px grid.

Refuses to know layout: that is static/page.css, which uses the variables set here.
"""

from __future__ import annotations

import gradio as gr
from gradio.themes.utils import colors, sizes

# Contrast against its ground is at least 4.5:1 for every text colour, in both modes (tests/ui/test_theme.py).
ACCENT = colors.Color(
    name="petrol", c50="#eef7f5", c100="#d6ebe7", c200="#afd7d0", c300="#7fbdb3", c400="#53a89b",
    c500="#2b8678", c600="#0f6b5f", c700="#0b574d", c800="#0a463f", c900="#083832", c950="#052622",
)  # fmt: skip
NEUTRAL = colors.Color(
    name="paper", c50="#faf9f7", c100="#f3f1ed", c200="#e6e3dc", c300="#d3cfc5", c400="#a5a096",
    c500="#7a766d", c600="#625e56", c700="#4a4741", c800="#2c2a27", c900="#1d1c1a", c950="#151412",
)  # fmt: skip
_SPACING = sizes.Size(name="grid", xxs="2px", xs="4px", sm="8px", md="8px", lg="16px", xl="16px", xxl="24px")
_RADIUS = sizes.Size(name="calm", xxs="2px", xs="4px", sm="6px", md="8px", lg="8px", xl="12px", xxl="16px")
_TEXT = sizes.Size(name="read", xxs="11px", xs="12px", sm="13px", md="15px", lg="17px", xl="20px", xxl="26px")
_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")


class Calm(gr.themes.Base):  # type: ignore[misc]  # gradio is not checked
    """Paper, ink and one petrol accent."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=ACCENT, secondary_hue=ACCENT, neutral_hue=NEUTRAL, text_size=_TEXT,
            spacing_size=_SPACING, radius_size=_RADIUS, font=_SANS, font_mono=_MONO,
        )  # fmt: skip
        self.name = "calm"
        self.set(
            body_background_fill="*neutral_50",
            body_background_fill_dark="*neutral_950",
            body_text_color="*neutral_900",
            body_text_color_dark="#eceae4",
            body_text_color_subdued="*neutral_600",
            body_text_color_subdued_dark="*neutral_400",
            background_fill_primary="white",
            background_fill_primary_dark="*neutral_900",
            background_fill_secondary="*neutral_100",
            background_fill_secondary_dark="*neutral_800",
            border_color_primary="*neutral_200",
            border_color_primary_dark="#3a3833",
            border_color_accent="*primary_600",
            border_color_accent_dark="*primary_400",
            color_accent="*primary_600",
            block_background_fill="white",
            block_background_fill_dark="*neutral_900",
            block_border_width="1px",
            block_label_text_color="*neutral_600",
            block_label_text_color_dark="*neutral_400",
            block_title_text_color="*neutral_700",
            block_title_text_color_dark="*neutral_300",
            block_title_text_size="*text_xs",
            block_title_text_weight="500",
            block_shadow="none",
            input_background_fill="white",
            input_background_fill_dark="*neutral_900",
            input_border_color="#8a857b",
            input_border_color_dark="#7d786f",
            input_border_color_focus="*primary_600",
            input_border_color_focus_dark="*primary_400",
            input_placeholder_color="*neutral_600",
            input_placeholder_color_dark="*neutral_400",
            input_shadow_focus="none",
            button_primary_background_fill="*primary_600",
            button_primary_background_fill_dark="*primary_400",
            button_primary_background_fill_hover="*primary_700",
            button_primary_background_fill_hover_dark="*primary_300",
            button_primary_text_color="white",
            button_primary_text_color_dark="*primary_950",
            button_secondary_background_fill="white",
            button_secondary_background_fill_dark="*neutral_800",
            button_secondary_background_fill_hover="*neutral_100",
            button_secondary_background_fill_hover_dark="*neutral_700",
            button_secondary_border_color="*neutral_300",
            button_secondary_border_color_dark="#4a4741",
            button_secondary_text_color="*neutral_900",
            button_secondary_text_color_dark="#eceae4",
            button_border_width="1px",
            button_large_text_size="*text_md",
            button_large_text_weight="500",
            button_large_padding="8px 16px",
            button_small_padding="6px 12px",
            button_transition="none",
            link_text_color="*primary_700",
            link_text_color_dark="*primary_300",
        )
