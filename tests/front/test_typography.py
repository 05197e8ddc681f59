"""Punctuation stays with its word, in the text of a template and in its strings."""

import pytest
from django.template import engines

from maillage.config.typography import NBSP, hold


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ("Est-il venu ?", "Est-il venu~?"),
        ("« Oui » : note", "«~Oui~»~: note"),
        ("<b>Nom</b> : ", "<b>Nom</b>~: "),
        (" : suite", "~: suite"),
        ("attention !</p>", "attention~!</p>"),
        ('<a href="?page=2">', '<a href="?page=2">'),
        ('<meta content="width=device-width, initial-scale=1">',) * 2,
        ("a\n  : b",) * 2,
    ],
)
def test_space_before_punctuation_does_not_break(written, held):
    assert hold(written) == held.replace("~", NBSP)


def test_templates_are_held_when_compiled():
    template = engines["jinja2"].from_string('{{ name }} : {{ "prêt ?" }} fini !')
    assert template.render({"name": "Maud"}) == f"Maud{NBSP}: prêt{NBSP}? fini{NBSP}!"
