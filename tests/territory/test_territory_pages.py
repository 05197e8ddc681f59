"""The pages of the territory: figures with year and source, what is not known, few queries."""

import datetime as dt
import re

import pytest

from maillage.accounts.models import Seat, User
from maillage.kernel.models import Instance
from maillage.territory import actions, queries
from maillage.territory.models import Commune


@pytest.fixture
def signed_in(client, db):
    """A reader of a CPTS, the role that may do least; the database carries its mark."""
    Instance.objects.get_or_create(pk=1)

    def enter(cpts, role="reader"):
        user = User.objects.create(email=f"{role}@essai.example")
        Seat.objects.create(cpts=cpts, user=user, role=role, state="active")
        client.force_login(user, backend="maillage.accounts.gateway.backends.Backend")
        return client

    return enter


def text_of(response):
    """What is read on the page, tags, repeated spaces and the hold of the spaces left out."""
    plain = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"[ \n\u00a0]+", " ", plain).replace("&#39;", "'")


def test_the_page_shows_each_figure_with_its_year_and_source(saone, signed_in):
    page = text_of(signed_in(saone).get(f"/c/{saone.slug}/territoire/"))
    for words in (
        "94 159",
        "population enregistrée (2017)",
        "Rézone Cnam 2020",
        "90 346",
        "95 094",
        "2017 : population non disponible par commune",
        "INSEE, population municipale 2023",
        "Professionnels en 2013",
        "base permanente des équipements 2013",
        "EPCI 247100290",
        "Carte approchée",
    ):
        assert words in page, words


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("la-seyne-toulon-ouest", "une partie de Toulon, qui n'est pas connue"),
        ("dracenie-provence-verdon", "25 communes, sans les nommer : elles ne sont pas connues"),
        ("golfe", "Aucune population n'est enregistrée"),
    ],
)
def test_the_page_says_what_is_not_known(open_territory, signed_in, slug, words):
    cpts = open_territory(slug)
    assert words in text_of(signed_in(cpts).get(f"/c/{slug}/territoire/"))


def test_every_commune_of_the_map_is_a_named_link(saone, signed_in, today):
    html = signed_in(saone).get(f"/c/{saone.slug}/territoire/").content.decode()
    drawing = html[html.index('<svg class="map"') : html.index("</svg>", html.index('class="map"'))]
    links = re.findall(r'<a href="([^"]+)" aria-label="([^"]+)"', drawing)
    assert len(links) == 34
    assert (f"/c/{saone.slug}/territoire/71306/", "Montceau-les-Mines") in links


def test_no_page_carries_an_inline_style_or_script(saone, signed_in):
    client = signed_in(saone)
    for address in ("", "71306/"):
        response = client.get(f"/c/{saone.slug}/territoire/{address}")
        assert response.status_code == 200
        html = response.content.decode()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\bsrc=)", html)
        assert not re.search(r'(?:src|href)="https?://', html)


def test_the_page_costs_the_same_whatever_the_number_of_communes(
    open_territory, signed_in, django_assert_num_queries, today
):
    for slug in ("hyeres-et-les-iles-d-or", "centre-saone-et-loire"):
        cpts = open_territory(slug)
        client = signed_in(cpts, role={"h": "reader", "c": "dispatcher"}[slug[0]])
        client.get(f"/c/{slug}/territoire/")  # the mark of the database is read once
        # session, user, seat; perimeter, populations, offers, recorded figure, map
        with django_assert_num_queries(8):
            client.get(f"/c/{slug}/territoire/")


def test_a_commune_tells_its_figures_and_the_trips(saone, signed_in, django_assert_num_queries):
    client = signed_in(saone)
    client.get(f"/c/{saone.slug}/territoire/71306/")
    queries.forget_centres()
    # session, user, seat; commune, its EPCI, map, perimeter, centres, known times, populations, offers
    with django_assert_num_queries(11):
        response = client.get(f"/c/{saone.slug}/territoire/71306/")
    page = text_of(response)
    for words in (
        "Montceau-les-Mines",
        "Commune 71306, Saône-et-Loire",
        "depuis le 18/10/2022",
        "Médecins généralistes",
        "env.",
        "Gironde",
    ):
        assert words in page, words
    assert " 0 min" not in page


def test_a_commune_outside_the_perimeter_says_so(saone, signed_in):
    page = text_of(signed_in(saone).get(f"/c/{saone.slug}/territoire/83069/"))
    assert re.search(r"Dans le périmètre\s+non", page)


def test_a_commune_that_does_not_exist_is_not_found(saone, signed_in):
    assert signed_in(saone).get(f"/c/{saone.slug}/territoire/99999/").status_code == 404


def test_a_stranger_finds_nothing(saone, open_territory, signed_in):
    client = signed_in(saone)
    elsewhere = open_territory("golfe")
    assert client.get(f"/c/{saone.slug}/territoire/").status_code == 200
    assert client.get(f"/c/{elsewhere.slug}/territoire/").status_code == 404
    assert client.get("/c/nulle-part/territoire/").status_code == 404


def test_an_empty_perimeter_is_explained(extract, system, signed_in):
    cpts = actions.create_cpts(by=system, slug="vide", name="CPTS vide")
    assert "Aucune commune dans le périmètre" in text_of(signed_in(cpts).get("/c/vide/territoire/"))


def test_communes_that_left_are_listed_with_their_dates(saone, system, signed_in):
    stay = list(
        Commune.objects.filter(perimeters__cpts=saone).exclude(pk="71306").values_list(flat=True)
    )
    actions.set_perimeter(by=system, cpts=saone, communes=stay, from_on=dt.date(2024, 1, 1))
    page = text_of(signed_in(saone).get(f"/c/{saone.slug}/territoire/"))
    assert "Montceau-les-Mines : du 18/10/2022 au 01/01/2024 (exclu)" in page
    assert "33 communes" in page


def test_the_fragment_is_the_page_without_its_frame(saone, signed_in):
    response = signed_in(saone).get(f"/c/{saone.slug}/territoire/", headers={"HX-Request": "true"})
    html = response.content.decode()
    assert "<html" not in html
    assert "Montceau-les-Mines" in html
    assert "HX-Request" in response.headers["Vary"]
