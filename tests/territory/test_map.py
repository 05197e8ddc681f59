"""The map: every commune drawn, borders shared, cells said to be cells; trips between communes."""

import json
import re
from collections import Counter

import pytest
from django_scopes import scope

from maillage.compute import drawing
from maillage.territory import actions, gateway, queries
from maillage.territory.enums import OutlineRow, Reference
from maillage.territory.models import Commune

MONTCEAU, CREUSOT, BLANZY = "71306", "71153", "71040"


def rings(area):
    """Rings of an area, read back from its path data."""
    found = []
    for piece in area.d.removesuffix("z").split("z"):
        start, steps = piece.removeprefix("M").split("l")
        points = [tuple(map(int, start.split(",")))]
        for dx, dy in re.findall(r"(-?\d+),(-?\d+)", steps):
            points.append((points[-1][0] + int(dx), points[-1][1] + int(dy)))
        found.append(points)
    return found


def sides(area):
    """Undirected segments of an area."""
    return [
        frozenset(pair)
        for ring in rings(area)
        for pair in zip(ring, ring[1:] + ring[:1], strict=True)
    ]


def load_outlines(shared, system, cpts, today):
    known = {row.commune_id for row in queries.perimeter(cpts, today)}
    rows, _ = gateway.read_outlines(shared / "data" / gateway.OUTLINES, known, source="essai")
    # Communes stay as they are: only outlines come.
    actions.load_reference(by=system, reference=Reference(outlines=tuple(rows)))


@pytest.mark.parametrize(
    "slug", ["centre-saone-et-loire", "golfe", "hyeres-et-les-iles-d-or", "var-ouest"]
)
def test_without_outlines_cells_cover_every_commune_and_say_so(open_territory, today, slug):
    cpts = open_territory(slug)
    drawn = queries.map_of(cpts, today)
    assert drawn.is_approximate
    assert drawn.absent == ()
    assert {area.insee for area in drawn.areas} == {
        row.commune_id for row in queries.perimeter(cpts, today)
    }
    for area in drawn.areas:
        (ring,) = rings(area)
        assert len(ring) >= 3
        assert all(0 <= x <= drawn.width and 0 <= y <= drawn.height for x, y in ring)


def test_each_town_hall_is_in_its_own_cell(saone, today):
    drawn = queries.map_of(saone, today)
    for area in drawn.areas:
        (ring,) = rings(area)
        assert drawing.contains(drawing.np.array(ring), *drawn.points[area.insee])


def test_a_border_between_cells_is_the_same_points_for_both(saone, today):
    counts = Counter(side for area in queries.map_of(saone, today).areas for side in sides(area))
    assert max(counts.values()) == 2
    assert sum(count == 2 for count in counts.values()) > 60


def test_borders_of_real_outlines_are_shared_exactly(saone, shared, system, today):
    load_outlines(shared, system, saone, today)
    drawn = queries.map_of(saone, today)
    assert not drawn.is_approximate
    assert len(drawn.areas) == 34
    counts = Counter(side for area in drawn.areas for side in sides(area))
    assert max(counts.values()) == 2
    # Le Creusot touches only communes of the perimeter: all its border is shared.
    (creusot,) = (area for area in drawn.areas if area.insee == CREUSOT)
    assert [counts[side] for side in sides(creusot)] == [2] * len(sides(creusot))


def test_a_map_is_drawn_once_until_something_of_it_changes(
    saone, system, today, django_assert_num_queries
):
    first = queries.map_of(saone, today)
    with django_assert_num_queries(1):
        assert queries.map_of(saone, today) is first
    Commune.objects.filter(pk=MONTCEAU).update(longitude=4.4)
    moved = queries.map_of(saone, today)
    assert moved.points[MONTCEAU] != first.points[MONTCEAU]
    assert moved.points[MONTCEAU] == moved.project(4.4, Commune.objects.get(pk=MONTCEAU).latitude)


def test_some_outlines_only_are_not_mixed_with_cells(saone, system, today):
    square = {"type": "Polygon", "coordinates": [[[4, 46], [5, 46], [5, 47], [4, 46]]]}
    outline = OutlineRow(MONTCEAU, json.dumps(square), "aa", "essai")
    actions.load_reference(by=system, reference=Reference(outlines=(outline,)))
    assert queries.map_of(saone, today).is_approximate


def test_a_commune_without_a_place_is_named_and_not_drawn(saone, today):
    Commune.objects.filter(pk=MONTCEAU).update(longitude=None, latitude=None)
    drawn = queries.map_of(saone, today)
    assert drawn.absent == ("Montceau-les-Mines",)
    assert len(drawn.areas) == 33


def test_an_empty_perimeter_has_no_map(extract, system, today):
    cpts = actions.create_cpts(by=system, slug="vide", name="CPTS vide")
    assert queries.map_of(cpts, today) is None
    with scope(cpts=cpts):
        assert queries.sheet_of(cpts, today).lines == ()
        assert queries.population_of(cpts, today).totals == ()


def test_a_trip_is_estimated_both_ways_and_said_in_french(extract):
    there = queries.travel_minutes(MONTCEAU, [CREUSOT, MONTCEAU, "99999"])
    back = queries.travel_minutes(CREUSOT, [MONTCEAU])
    trip = there[CREUSOT]
    # 4.3683, 46.6751 to 4.4354, 46.8005 (town halls): about 15 km, so 1.87 x 15^0.84 = 18 min.
    assert trip.km == pytest.approx(15, abs=1.5)
    assert trip.minutes == pytest.approx(1.87 * trip.km**0.84)
    assert trip.minutes == pytest.approx(back[MONTCEAU].minutes)
    assert re.fullmatch("env.\u00a0(1[6-9]|20)\u00a0min", trip.text)
    assert trip.source == "estimation à vol d'oiseau"
    assert (there[MONTCEAU].same_commune, there[MONTCEAU].text) == (True, "même commune")
    assert (there["99999"].minutes, there["99999"].text) == (None, "trajet inconnu")


def test_a_very_short_trip_is_never_zero_minutes():
    assert queries.Travel(0.2, 0.1, False).text == "env.\u00a01\u00a0min"


def test_trips_ask_for_the_centres_once_a_minute(extract, django_assert_num_queries):
    with django_assert_num_queries(2):  # the centres, the known times from Montceau
        queries.travel_minutes(MONTCEAU, [CREUSOT, BLANZY])
    with django_assert_num_queries(1):  # the known times from Blanzy
        queries.travel_minutes(BLANZY, [CREUSOT, MONTCEAU])


def test_the_note_of_trips_says_where_and_how_wrong():
    for words in ("vol d'oiseau", "Gironde", "3,2 à 3,4 min", "8,6 min"):
        assert words in queries.TRAVEL_NOTE
