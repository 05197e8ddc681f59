"""The tokens of the stylesheet, pair by pair, in both themes (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from pathlib import Path

import pytest
from django.conf import settings

CSS = (Path(settings.PACKAGE) / "kernel/static/maillage/cpts.css").read_text()
THEMES = ("light", "dark")
TEXT, GRAPHIC = 4.5, 3.0

ON_TEXT = {
    "ink": "surface ground sunk brand-soft bad-soft warn-soft ok-soft info-soft",
    "muted": "surface ground sunk brand-soft land land-in",
    "brand": "surface ground sunk brand-soft",
    "brand-strong": "surface brand-soft",
    "on-brand": "brand brand-strong",
    "on-bar": "bar",
    "bad": "surface ground sunk bad-soft brand-soft",
    "warn": "surface ground warn-soft brand-soft",
    "ok": "surface ok-soft",
    "info": "surface info-soft",
}
ON_GRAPHIC = {
    "line-strong": "surface ground",
    "focus": "surface ground sunk brand-soft",
    "edge-3": "surface ground land land-in land-here brand-soft",
    "edge-2": "surface ground land land-in land-here",
    "edge-1": "surface ground land land-in",
    "brand": "land land-in land-here",
    "accent": "bar",
    "live": "bar",
    "lost": "bar",
}


def tokens():
    pairs = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", CSS)
    both = re.findall(r"--([\w-]+): (#[0-9a-f]{6});", CSS)
    return {name: (light, dark) for name, light, dark in pairs} | {n: (c, c) for n, c in both}


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def ratio(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def pairs():
    for wanted, table in ((TEXT, ON_TEXT), (GRAPHIC, ON_GRAPHIC)):
        for front, backs in table.items():
            for back in backs.split():
                yield front, back, wanted


def test_the_formula_on_known_pairs():
    assert ratio("#000000", "#ffffff") == pytest.approx(21)
    assert ratio("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_every_pair_is_legible(theme):
    known = tokens()
    index = THEMES.index(theme)
    poor = [
        f"{front} on {back}: {found:.2f} < {wanted}"
        for front, back, wanted in pairs()
        if (found := ratio(known[front][index], known[back][index])) < wanted
    ]
    assert poor == []


def test_no_colour_is_used_outside_the_tokens_without_a_reason():
    """Literal colours left in rules: shadows, the print sheet, and what stands on the fixed bar."""
    rules = re.sub(r"--[\w-]+: [^;]+;", "", CSS)
    literal = set(re.findall(r"#[0-9a-f]{3,8}\b", rules))
    allowed = {
        *("#ffffff16", "#ffffff12", "#8db4ba", "#d4e6e8", "#cfe3e5", "#62cad3", "#04262b"),
        *("#04191ea6", "#0009", "#999", "#ecd6a8", "#57400f"),
        *("#f5f9f9", "#1a2a31", "#3c5159", "#bccdd2"),
    }
    assert literal <= allowed
    assert ratio("#3c5159", tokens()["brand-soft"][0]) >= TEXT
    assert ratio("#bccdd2", tokens()["brand-soft"][1]) >= TEXT
    assert all(ratio(c, tokens()["bar"][0]) >= TEXT for c in ("#d4e6e8", "#cfe3e5"))
