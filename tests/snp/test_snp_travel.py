"""Each travel time shown says where it comes from, and only an estimate says « env. »."""

import pytest
from django.urls import reverse

from factories import BLANZY, CREUSOT, make_doctor, make_request, make_slot
from maillage.accounts.rules import SYSTEM
from maillage.snp import queries
from maillage.territory import actions
from maillage.territory.enums import TravelFacts, TravelRow
from maillage.territory.queries import TRAVEL_SOURCE

NBSP = "\u00a0"


@pytest.fixture
def two_ways(cpts, desk):
    """A request and two doctors: the trip to one is known, to the other estimated."""
    care_request = make_request(desk)
    known, estimated = (make_doctor(cpts, insee=code) for code in (CREUSOT, BLANZY))
    for doctor in (known, estimated):
        make_slot(doctor)
    actions.load_travel(
        by=SYSTEM,
        source=TravelFacts("matrix", "Matrice d'essai", "2026"),
        rows=[TravelRow(care_request.commune_id, CREUSOT, 21.0)],
    )
    return care_request, known, estimated


def test_the_ranking_uses_the_known_time_and_says_its_source(two_ways):
    care_request, known, estimated = two_ways
    rows = {row.professional_id: row for row in queries.matching_for(care_request).ranked}
    there, about = rows[known.pk], rows[estimated.pk]
    assert (there.travel_minutes, there.travel_text) == (21.0, f"21{NBSP}min")
    assert there.travel_source == "Matrice d'essai, 2026"
    assert about.travel_text.startswith("env.") and about.travel_source == TRAVEL_SOURCE
    said = [" ".join(row.reasons).replace(NBSP, " ") for row in (there, about)]
    assert "à 21 min de route" in said[0] and "à env. " in said[1]


def test_the_board_shows_each_source(client, desk, cpts, two_ways):
    client.force_login(desk.seat.user)
    url = reverse("snp:board", kwargs={"cpts": cpts.slug})
    page = client.get(f"{url}?demande={two_ways[0].pk}").text.replace(NBSP, " ")
    assert '<abbr class="travel" title="Matrice d&#39;essai, 2026">21' in page
    assert "Trajets : " in page and page.count("Matrice d&#39;essai, 2026") == 2
    assert page.count("estimation à vol d&#39;oiseau") == 2
