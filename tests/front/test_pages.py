"""What every page carries, whatever it shows."""

import re
from dataclasses import replace

import pytest
from django import forms
from django.conf import settings
from django.template import engines
from django.test import override_settings

from maillage.config import jinja
from maillage.kernel.models import Instance
from tests.front import gallery

PACKAGE = settings.PACKAGE
TEMPLATES = sorted(
    path.relative_to(folder).as_posix()
    for folder in PACKAGE.glob("*/jinja2")
    for path in folder.rglob("*.html")
)


@pytest.fixture(scope="module")
def pages():
    return gallery.pages()


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_compiles(name):
    engines["jinja2"].env.get_template(name)


def test_no_page_needs_an_inline_script_or_style_or_another_host(pages):
    for name, html in pages.items():
        assert not re.search(r"\sstyle=", html), name
        assert not re.search(r"\son\w+=", html), name
        assert "<style" not in html, name
        assert not re.search(r"<script(?![^>]*\ssrc=)", html), name
        links = re.findall(r'(?:src|href|action|content)="(https?:[^"]+)"', html)
        assert links == [], name


def test_every_page_of_a_demonstration_says_so(pages):
    assert all("Démonstration, personnes fictives" in html for html in pages.values())


def test_a_real_database_shows_no_banner():
    with override_settings(STORAGES=gallery.PLAIN_STATIC):
        html = gallery.draw("404.html", {}, is_demo=False)
    assert "Démonstration" not in html


@pytest.mark.django_db
@pytest.mark.parametrize("is_demo", [True, False])
def test_the_mark_of_the_database_is_read_once(is_demo, django_assert_num_queries):
    jinja.forget_mark()
    Instance.objects.create(pk=1, is_demo=is_demo)
    with django_assert_num_queries(1):
        assert [jinja.is_demo() for _ in range(3)] == [is_demo] * 3
    jinja.forget_mark()


@pytest.mark.django_db
def test_an_unmarked_database_is_asked_again():
    jinja.forget_mark()
    assert jinja.is_demo() is False
    Instance.objects.create(pk=1, is_demo=True)
    assert jinja.is_demo() is True
    jinja.forget_mark()


def test_navigation_shows_what_is_granted_and_where_one_is(pages):
    board = re.search(r'<nav class="nav".*?</nav>', pages["board"], re.S).group()
    assert re.findall(r"</svg>([^<]+)</a>", board) == [
        *("Tableau", "Créneaux", "Habitants", "Annuaire", "Territoire")
    ]
    assert len(re.findall('aria-current="page"', board)) == 1
    assert re.search(r'aria-current="page"><svg.*?</svg>Tableau', board)
    doctor = re.search(r'<nav class="nav".*?</nav>', pages["phone"], re.S).group()
    assert "Tableau" not in doctor
    assert "Disponibilités" in doctor


def test_nobody_signed_in_sees_no_navigation_and_no_search(pages):
    assert 'class="nav"' not in pages["login"]
    assert 'role="search"' not in pages["login"]


def test_log_out_is_a_form(pages):
    form = re.search(
        r'<form method="post" action="/compte/logout/">.*?</form>', pages["board"], re.S
    )
    assert "csrfmiddlewaretoken" in form.group()


def test_a_name_a_page_forgot_is_an_error():
    with pytest.raises(Exception, match="forgotten"):
        engines["jinja2"].from_string("{{ forgotten }}").render({})


def test_text_is_escaped():
    page = engines["jinja2"].from_string("{{ text }}")
    assert page.render({"text": "<b>"}) == "&lt;b&gt;"


def test_a_server_error_page_needs_no_database():
    assert (
        "Le serveur a rencontré une erreur" in engines["jinja2"].get_template("500.html").render()
    )


class Sample(forms.Form):
    phone = forms.CharField(label="Téléphone", help_text="Dix chiffres.", min_length=10)
    note = forms.CharField(label="Précision", required=False)
    kind = forms.ChoiceField(
        label="Lieu", choices=[("a", "cabinet"), ("b", "domicile")], widget=forms.RadioSelect
    )
    can_travel = forms.BooleanField(label="Peut se déplacer", required=False)


def group(name, data=None):
    return str(Sample(data)[name].as_field_group())


def test_a_field_ties_its_label_its_hint_and_its_errors():
    html = group("phone", {"phone": "123"})
    assert '<label for="id_phone">Téléphone</label>' in html
    assert 'aria-invalid="true"' in html
    described = re.search(r'aria-describedby="([^"]+)"', html).group(1).split()
    assert described
    assert all(f'id="{each}"' in html for each in described)
    assert "Dix chiffres." in html


def test_only_what_may_be_left_empty_says_so():
    assert "(facultatif)" in group("note")
    assert "(facultatif)" not in group("phone")


def test_choices_are_a_fieldset_with_a_legend():
    html = group("kind")
    assert "<legend>Lieu</legend>" in html
    assert html.count('type="radio"') == 2


def test_a_box_comes_before_its_label():
    html = group("can_travel")
    assert html.index("<input") < html.index("<label")


def test_a_whole_form_names_its_faults_first():
    html = str(Sample({"phone": "123"}))
    assert "2 champs à corriger" in html
    assert html.index("à corriger") < html.index("<input")
    assert html.count('name="phone"') == 1


def test_errors_of_a_form_are_escaped():
    form = Sample({"phone": "0" * 10, "kind": "<i>"})
    assert "&lt;i&gt;" in str(form)
    assert "<i>" not in str(form)


def test_the_board_without_a_request_in_hand():
    context = gallery.board(selected=False)
    with override_settings(STORAGES=gallery.PLAIN_STATIC):
        html = gallery.draw("snp/board.html", context | {"rows": [], "left_out": ()})
    assert "Choisissez une demande" in html
    assert "Aucune demande ouverte" in html


def test_the_board_without_a_map():
    with override_settings(STORAGES=gallery.PLAIN_STATIC):
        html = gallery.draw("snp/board.html", gallery.board() | {"map": None, "pins": []})
    assert "Pas de carte" in html


def test_the_fragment_is_the_board_without_its_frame():
    html = gallery.fragment(count=3)
    assert "<html" not in html
    assert html.count('class="req ') == 3


def test_a_note_on_the_board_is_escaped():
    rows = gallery.board(count=1)["rows"]
    bad = replace(rows[0], note="<script>alert(1)</script>")
    assert "<script>alert" not in gallery.fragment(count=1, rows=[bad])


def test_every_icon_asked_for_is_in_the_sprite():
    sprite = (PACKAGE / "kernel/static/maillage/icons.svg").read_text()
    known = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    asked = {entry[2] for entry in jinja.NAVIGATION}
    for folder in PACKAGE.glob("*/jinja2"):
        for path in folder.rglob("*.html"):
            asked |= set(re.findall(r'icon\("([\w-]+)"', path.read_text()))
    assert asked <= known


def test_vendored_files_point_nowhere_and_carry_their_licence():
    root = PACKAGE / "kernel/static/maillage"
    for path in root.rglob("*"):
        if path.suffix in {".js", ".css"}:
            assert "sourceMappingURL" not in path.read_text()
            assert "https://" not in path.read_text()
    for licence in ("icons.LICENSE.txt", "vendor/htmx.LICENSE.txt"):
        assert (root / licence).is_file()
    assert "OFL" in next((root / "fonts").glob("*.txt")).name
