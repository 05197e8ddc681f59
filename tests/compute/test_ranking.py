"""The order of professionals for unscheduled care: soonest, nearest, usual doctor, fair load."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maillage.compute.ranking import (
    BARS,
    Candidates,
    LeftOut,
    OfferedSlots,
    RankingWeights,
    Reason,
    WhyNext,
    left_out_sentence,
    rank,
    sentences,
)

WEIGHTS = RankingWeights(
    weight_delay=1.0,
    weight_travel=2.0,
    usual_doctor_minutes=60.0,
    load_minutes=5.0,
    max_travel_minutes=45.0,
)
ABLE = {
    "answers_profession": True,
    "takes_age": True,
    "does_kind": True,
    "barred": 0,
    "is_in_circle": True,
    "is_same_commune": False,
    "is_usual_doctor": False,
    "travel_minutes": 10.0,
    "load_30_days": 0,
}
ORIGIN = datetime(2026, 11, 23, 13, 45, tzinfo=ZoneInfo("Europe/Paris"))  # a Monday


def ranked(people, weights=WEIGHTS, has_travel=True):
    """`people`: dicts of what differs from ABLE; `slots` = [(start, is_free, is_kind), ...]."""
    slots = [
        (index, *slot)
        for index, person in enumerate(people)
        for slot in person.get("slots", [(30, True, True)])
    ]
    kinds = {"travel_minutes": np.float64, "load_30_days": np.int64, "barred": np.int8}
    columns = {
        name: np.array([person.get(name, usual) for person in people], dtype=kinds.get(name, bool))
        for name, usual in ABLE.items()
    }
    who, start, free, kind = zip(*slots, strict=True) if slots else ((), (), (), ())
    return rank(
        candidates=Candidates(**columns),
        slots=OfferedSlots(
            professional=np.array(who, dtype=np.int64),
            start_minutes=np.array(start, dtype=np.int64),
            is_free=np.array(free, dtype=bool),
            is_kind=np.array(kind, dtype=bool),
        ),
        weights=weights,
        has_travel=has_travel,
    )


def plain(text):
    return text.replace("\u00a0", " ")


def texts(ranking, position, origin=ORIGIN):
    names = {i: f"Dr {'ABCDEFGH'[i]}" for i in range(ranking.slot.size)}
    (row,) = sentences(ranking=ranking, positions=[position], names=names, origin=origin)
    return [plain(reason) for reason in row.reasons], plain(row.after)


# By hand


def test_score_is_the_weighted_sum_and_the_smallest_comes_first():
    ranking = ranked(
        [
            {"slots": [(35, True, True)], "travel_minutes": 12.0, "load_30_days": 2},
            {"slots": [(60, True, True)], "travel_minutes": 20.0, "is_usual_doctor": True},
            {"slots": [(10, True, True)], "travel_minutes": 40.0},
        ]
    )
    assert ranking.score.tolist() == [35 + 24 + 10, 60 + 40 - 60, 10 + 80]
    assert ranking.order.tolist() == [1, 0, 2]
    assert ranking.why_next.tolist() == [WhyNext.USUAL, WhyNext.TRAVEL]
    total = ranking.delay_part + ranking.travel_part + ranking.usual_part + ranking.load_part
    np.testing.assert_allclose(total, ranking.score)


@pytest.mark.parametrize(
    ("worse", "why"),
    [
        ({"slots": [(31, True, True)]}, WhyNext.DELAY),
        ({"travel_minutes": 11.0}, WhyNext.TRAVEL),
        ({"load_30_days": 1}, WhyNext.LOAD),
        ({}, WhyNext.TIE),
    ],
)
def test_each_criterion_alone_puts_second_and_says_so(worse, why):
    assert ranked([{}, worse]).order.tolist() == [0, 1]
    assert ranked([{}, worse]).why_next.tolist() == [why]
    if why != WhyNext.TIE:
        assert ranked([worse, {}]).order.tolist() == [1, 0]


def test_the_usual_doctor_comes_first_all_else_equal():
    ranking = ranked([{}, {"is_usual_doctor": True}])
    assert ranking.order.tolist() == [1, 0]
    assert ranking.why_next.tolist() == [WhyNext.USUAL]


def test_the_earliest_slot_that_is_free_and_of_the_kind_is_chosen():
    slots = [(5, False, True), (10, True, False), (15, True, True), (20, True, True)]
    ranking = ranked([{"slots": [(1, True, True)]}, {"slots": slots}])
    assert ranking.slot.tolist() == [0, 3]
    assert ranking.delay_minutes.tolist() == [1, 15]


def test_a_window_already_begun_counts_as_now():
    ranking = ranked([{"slots": [(-90, True, True)]}, {"slots": [(0, True, True)]}])
    assert ranking.delay_minutes.tolist() == [0, 0]
    assert ranking.order.tolist() == [0, 1]


def test_equal_scores_are_settled_by_delay_then_travel_then_index():
    ranking = ranked(
        [
            {"slots": [(30, True, True)], "travel_minutes": 10.0},
            {"slots": [(10, True, True)], "travel_minutes": 20.0},
            {"slots": [(30, True, True)], "travel_minutes": 5.0, "load_30_days": 2},
            {"slots": [(10, True, True)], "travel_minutes": 20.0},
        ]
    )
    assert set(ranking.score.tolist()) == {50.0}
    assert ranking.order.tolist() == [1, 3, 2, 0]
    assert ranking.why_next.tolist() == [WhyNext.TIE] * 3


def test_a_rounding_error_is_not_a_preference():
    """0.1 x 3 + 0.2 x 3 is not 0.3 x 3 in floating point."""
    weights = replace(WEIGHTS, weight_delay=0.1, weight_travel=0.2, load_minutes=0.3)
    ranking = ranked(
        [
            {"slots": [(3, True, True)], "travel_minutes": 3.0},
            {"slots": [(0, True, True)], "travel_minutes": 0.0, "load_30_days": 3},
        ],
        weights,
    )
    assert ranking.score[0] == ranking.score[1]
    assert ranking.why_next.tolist() == [WhyNext.TIE]
    assert ranking.order.tolist() == [1, 0]


LEFT_OUT = {
    LeftOut.PROFESSION: {"answers_profession": False},
    LeftOut.AGE: {"takes_age": False},
    LeftOut.KIND: {"does_kind": False},
    LeftOut.TOO_FAR: {"travel_minutes": 45.5},
    LeftOut.ABSENT: {"barred": LeftOut.ABSENT},
    LeftOut.PAUSED: {"barred": LeftOut.PAUSED},
    LeftOut.CAPPED: {"barred": LeftOut.CAPPED},
    LeftOut.QUIET: {"barred": LeftOut.QUIET},
    LeftOut.CLOSED: {"slots": []},
    LeftOut.FULL: {"slots": [(10, False, True), (20, True, False)]},
    LeftOut.NOT_YET: {"is_in_circle": False},
}


@pytest.mark.parametrize("code", LEFT_OUT)
def test_everybody_left_out_has_the_reason(code):
    ranking = ranked([LEFT_OUT[code], {}])
    assert ranking.order.tolist() == [1]
    assert ranking.left_out.tolist() == [code, LeftOut.NONE]
    assert ranking.slot[0] == ranking.delay_minutes[0] == -1
    assert np.isnan(ranking.score[0])
    assert left_out_sentence(int(ranking.left_out[0]))


def test_of_several_reasons_the_smallest_code_is_told():
    codes = list(LEFT_OUT)
    assert codes == sorted(codes)
    for position, code in enumerate(codes[:-2]):
        person = {}
        for other in reversed(codes[position:-1]):
            person |= LEFT_OUT[other]
        assert ranked([person]).left_out.tolist() == [code]


def test_slots_but_none_of_the_kind_is_the_kind():
    assert ranked([{"slots": [(10, True, False)]}]).left_out.tolist() == [LeftOut.KIND]


def test_exactly_the_greatest_travel_is_not_too_far():
    assert ranked([{"travel_minutes": 45.0}]).left_out.tolist() == [LeftOut.NONE]


def test_unknown_travel_is_not_too_far_and_costs_the_most():
    ranking = ranked([{"travel_minutes": np.nan}, {"travel_minutes": 44.0}])
    assert ranking.left_out.tolist() == [LeftOut.NONE] * 2
    assert ranking.order.tolist() == [1, 0]
    assert ranking.travel_part.tolist() == [90.0, 88.0]
    assert texts(ranking, 1)[0][1] == "temps de route inconnu"
    assert texts(ranking, 1)[1] == "vient après Dr B : temps de route inconnu"


def test_the_same_commune_is_never_too_far_nor_unknown():
    ranking = ranked(
        [
            {"is_same_commune": True, "travel_minutes": np.nan},
            {"is_same_commune": True, "travel_minutes": 90.0},
        ]
    )
    assert ranking.left_out.tolist() == [LeftOut.NONE] * 2
    assert ranking.travel_part.tolist() == [0.0, 180.0]
    assert texts(ranking, 0)[0][1] == texts(ranking, 1)[0][1] == "dans la même commune"


def test_when_nobody_moves_distance_plays_no_part():
    ranking = ranked(
        [{"travel_minutes": 300.0}, {"travel_minutes": np.nan}, {"is_same_commune": True}],
        has_travel=False,
    )
    assert ranking.order.tolist() == [0, 1, 2]
    assert ranking.travel_part.tolist() == [0.0] * 3
    assert not (ranking.reasons & (Reason.NEAREST | Reason.SAME_COMMUNE)).any()
    told = " ".join(texts(ranking, 2)[0])
    assert "route" not in told
    assert "commune" not in told


def test_flags_of_what_speaks_for_each():
    ranking = ranked(
        [
            {"slots": [(10, True, True)], "travel_minutes": 20.0, "load_30_days": 1},
            {"slots": [(60, True, True)], "travel_minutes": 5.0, "load_30_days": 5},
            {"is_usual_doctor": True, "travel_minutes": np.nan, "load_30_days": 3},
            {"answers_profession": False, "slots": [(1, True, True)], "travel_minutes": 1.0},
        ]
    )
    assert ranking.reasons.tolist() == [
        Reason.SOONEST | Reason.LIGHT_LOAD,
        Reason.NEAREST,
        Reason.USUAL_DOCTOR,
        0,
    ]


def test_nothing_is_nearer_than_the_same_commune():
    ranking = ranked([{"travel_minutes": 5.0}, {"is_same_commune": True, "travel_minutes": 6.0}])
    assert [bool(flags & Reason.NEAREST) for flags in ranking.reasons] == [False, True]


def test_nobody_at_all():
    ranking = ranked([])
    assert ranking.order.size == ranking.why_next.size == ranking.left_out.size == 0
    ranking = ranked([{"takes_age": False}])
    assert ranking.order.size == ranking.why_next.size == 0


# Sentences


def test_the_reasons_read_in_plain_french():
    ranking = ranked(
        [
            {
                "slots": [(35, True, True)],
                "travel_minutes": 12.2,
                "load_30_days": 2,
                "is_usual_doctor": True,
            },
            {"slots": [(60, True, True)], "travel_minutes": 0.2, "load_30_days": 1},
        ]
    )
    assert texts(ranking, 0) == (
        [
            "premier créneau à 14 h 20 (dans 35 min), le plus tôt",
            "à env. 12 min de route",
            "médecin traitant du patient",
            "2 demandes acceptées en 30 jours",
        ],
        "",
    )
    assert texts(ranking, 1) == (
        [
            "premier créneau à 14 h 45 (dans 1 h)",
            "à env. 1 min de route, le plus près",
            "1 demande acceptée en 30 jours",
        ],
        "vient après Dr A : n'est pas le médecin traitant du patient",
    )


@pytest.mark.parametrize(
    ("worse", "cause"),
    [
        ({"slots": [(55, True, True)]}, "créneau 25 min plus tard"),
        ({"slots": [(155, True, True)]}, "créneau 2 h 05 plus tard"),
        ({"travel_minutes": 18.4}, "plus loin de 8 min"),
        ({"travel_minutes": 10.2}, "un peu plus loin"),
        ({"load_30_days": 1}, "1 demande acceptée de plus en 30 jours"),
        ({"load_30_days": 3}, "3 demandes acceptées de plus en 30 jours"),
        ({"slots": [(40, True, True)], "travel_minutes": 5.0},
         "à égalité, mais créneau 10 min plus tard"),
        ({}, "à égalité"),
    ],
)  # fmt: skip
def test_why_the_next_comes_after(worse, cause):
    assert texts(ranked([{}, worse]), 1)[1] == f"vient après Dr A : {cause}"


def test_a_tie_settled_by_distance_says_it():
    ranking = ranked([{"load_30_days": 4, "travel_minutes": 10.0}, {"travel_minutes": 20.0}])
    assert texts(ranking, 1)[1] == "vient après Dr A : à égalité, mais plus loin de 10 min"


@pytest.mark.parametrize(
    ("delay", "moment"),
    [
        (0, "maintenant"),
        (15, "à 14 h (dans 15 min)"),
        (10 * 60 + 14, "à 23 h 59 (dans 10 h 14)"),
        (10 * 60 + 15, "demain à 0 h (dans 10 h 15)"),
        (19 * 60 + 15, "demain à 9 h (dans 19 h 15)"),
        (8 * 1440 - 15, "mardi 1er décembre à 13 h 30"),
    ],
)
def test_the_moment_of_the_slot(delay, moment):
    ranking = ranked([{"slots": [(delay, True, True)]}])
    assert texts(ranking, 0)[0][0] == f"premier créneau {moment}, le plus tôt"


def test_the_moment_is_right_across_a_change_of_hour():
    origin = datetime(2026, 3, 28, 23, 0, tzinfo=ZoneInfo("Europe/Paris"))
    ranking = ranked([{"slots": [(9 * 60, True, True)]}])
    told = texts(ranking, 0, origin)[0][0]
    assert told == "premier créneau demain à 9 h (dans 9 h), le plus tôt"


def test_left_out_sentences():
    assert left_out_sentence(LeftOut.AGE) == "ne reçoit pas à cet âge"
    assert len({left_out_sentence(code) for code in LeftOut if code}) == len(LeftOut) - 1
    for wrong in (LeftOut.NONE, 99):
        with pytest.raises(ValueError, match="code"):
            left_out_sentence(wrong)


# Against a naive full sort, on small random inputs


def naive(people, weights, has_travel):
    """Every suitable slot of everybody is scored, all are sorted, the first of each is kept."""
    pairs, left_out = [], {}
    for index, person in enumerate(people):
        person = ABLE | {"slots": [(30, True, True)]} | person
        local = person["is_same_commune"]
        travel = person["travel_minutes"]
        unknown = travel != travel
        of_kind = [s for s in person["slots"] if s[2]]
        free = [s for s in of_kind if s[1]]
        if not person["answers_profession"]:
            left_out[index] = LeftOut.PROFESSION
        elif not person["takes_age"]:
            left_out[index] = LeftOut.AGE
        elif not person["does_kind"] or (person["slots"] and not of_kind):
            left_out[index] = LeftOut.KIND
        elif has_travel and not local and not unknown and travel > weights.max_travel_minutes:
            left_out[index] = LeftOut.TOO_FAR
        elif person["barred"]:
            left_out[index] = person["barred"]
        elif not person["slots"]:
            left_out[index] = LeftOut.CLOSED
        elif not free:
            left_out[index] = LeftOut.FULL
        elif not person["is_in_circle"]:
            left_out[index] = LeftOut.NOT_YET
        else:
            if unknown:
                travel = 0.0 if local else weights.max_travel_minutes
            if not has_travel:
                travel = 0.0
            for start, _, _ in free:
                delay = max(start, 0)
                score = weights.weight_delay * delay + weights.weight_travel * travel
                score -= weights.usual_doctor_minutes if person["is_usual_doctor"] else 0
                score += weights.load_minutes * person["load_30_days"]
                pairs.append((round(score, 6), delay, travel, index))
    order = list(dict.fromkeys(index for *_, index in sorted(pairs)))
    return order, left_out


mostly = st.sampled_from([True, True, True, True, False])
slot = st.tuples(st.integers(-5, 40), st.booleans(), mostly)
person = st.fixed_dictionaries(
    {
        "answers_profession": mostly,
        "takes_age": mostly,
        "does_kind": mostly,
        "barred": st.sampled_from([0] * 8 + list(BARS)),
        "is_in_circle": mostly,
        "is_same_commune": mostly.map(lambda yes: not yes),
        "is_usual_doctor": mostly.map(lambda yes: not yes),
        "travel_minutes": st.just(float("nan")) | st.integers(0, 60).map(float),
        "load_30_days": st.integers(0, 6),
        "slots": st.lists(slot, max_size=4).map(sorted),
    }
)
weight = st.sampled_from([0.0, 0.5, 1.0, 2.0])
weights = st.builds(
    RankingWeights,
    weight_delay=weight,
    weight_travel=weight,
    usual_doctor_minutes=st.sampled_from([0.0, 15.0, 60.0]),
    load_minutes=st.sampled_from([0.0, 0.5, 5.0]),
    max_travel_minutes=st.sampled_from([20.0, 45.0]),
)


@given(st.lists(person, max_size=10), weights, st.booleans())
def test_the_order_is_that_of_a_naive_full_sort(people, weights, has_travel):
    ranking = ranked(people, weights, has_travel)
    order, left_out = naive(people, weights, has_travel)
    assert ranking.order.tolist() == order
    assert {i: code for i, code in enumerate(ranking.left_out.tolist()) if code} == left_out


@given(st.lists(person, max_size=10), weights, st.booleans())
def test_everybody_is_either_ranked_or_left_out_with_a_reason(people, weights, has_travel):
    ranking = ranked(people, weights, has_travel)
    out = np.flatnonzero(ranking.left_out)
    assert sorted([*ranking.order.tolist(), *out.tolist()]) == list(range(len(people)))
    assert all(left_out_sentence(int(ranking.left_out[i])) for i in out)
    assert (ranking.slot[ranking.order] >= 0).all()
    assert (ranking.slot[out] == -1).all()
    assert (np.diff(ranking.score[ranking.order]) >= 0).all()
    assert ranking.why_next.size == max(0, len(people) - len(out) - 1)


@given(st.lists(person, max_size=8), weights, st.booleans())
def test_why_next_is_the_part_that_adds_most_to_the_gap(people, weights, has_travel):
    ranking = ranked(people, weights, has_travel)
    parts = [ranking.delay_part, ranking.travel_part, ranking.usual_part, ranking.load_part]
    for position, code in enumerate(ranking.why_next.tolist()):
        before, who = ranking.order[position : position + 2]
        gaps = [float(part[who] - part[before]) for part in parts]
        if ranking.score[who] == ranking.score[before]:
            assert code == WhyNext.TIE
        else:
            assert gaps[code - 1] == max(gaps) > 0


@given(st.lists(person, max_size=8), weights, st.booleans())
def test_every_row_has_its_sentences(people, weights, has_travel):
    ranking = ranked(people, weights, has_travel)
    positions = range(ranking.order.size)
    names = {i: f"Dr {i}" for i in range(len(people))}
    rows = sentences(ranking=ranking, positions=positions, names=names, origin=ORIGIN)
    for position, row in enumerate(rows):
        told = plain(" | ".join([*row.reasons, row.after]))
        assert row.reasons[0].startswith("premier créneau")
        assert bool(row.after) == bool(position)
        assert " 0 min" not in told
        assert "nan" not in told.split()
        assert "-" not in told


@given(st.lists(person, max_size=10), weights, st.randoms())
def test_the_order_of_the_professionals_given_does_not_matter(people, weights, shuffler):
    """But for ties, which the index settles: each is told apart by a load of its own."""
    people = [p | {"load_30_days": 7 + i} for i, p in enumerate(people)]
    weights = replace(weights, load_minutes=1000.0)
    moved = list(range(len(people)))
    shuffler.shuffle(moved)
    straight = ranked(people, weights)
    shuffled = ranked([people[i] for i in moved], weights)
    assert [moved[i] for i in shuffled.order] == straight.order.tolist()
    assert shuffled.why_next.tolist() == straight.why_next.tolist()
    assert shuffled.reasons.tolist() == [straight.reasons[i] for i in moved]
    assert shuffled.left_out.tolist() == [straight.left_out[i] for i in moved]


# Refusals name the argument


def columns(of):
    return {field.name: getattr(of, field.name) for field in fields(of)}


CANDIDATES = Candidates(
    **{name: np.array([value, value]) for name, value in ABLE.items()},
)
SLOTS = OfferedSlots(
    professional=np.array([0, 0, 1]),
    start_minutes=np.array([5, 9, 5]),
    is_free=np.array([True, True, True]),
    is_kind=np.array([True, True, True]),
)


@pytest.mark.parametrize("name", [field.name for field in fields(RankingWeights)])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_wrong_weight_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"weights: {name}"):
        ranked([{}], replace(WEIGHTS, **{name: value}))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"takes_age": np.array([True])}, "takes_age"),
        ({"is_in_circle": np.array([0, 1])}, "is_in_circle"),
        ({"barred": np.array([0, 1], dtype=np.int8)}, "barred"),
        ({"travel_minutes": np.array([-1.0, 2.0])}, "travel_minutes"),
        ({"travel_minutes": np.array([np.inf, 2.0])}, "travel_minutes"),
        ({"load_30_days": np.array([-1, 2])}, "load_30_days"),
    ],
)
def test_wrong_candidates_are_refused_by_name(changes, name):
    wrong = replace(CANDIDATES, **changes)
    with pytest.raises(ValueError, match=f"candidates: {name}"):
        rank(candidates=wrong, slots=SLOTS, weights=WEIGHTS, has_travel=True)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"is_free": np.array([True])}, "is_free"),
        ({"is_kind": np.array([1, 0, 1])}, "is_kind"),
        ({"professional": np.array([0, 1, 0])}, "sorted"),
        ({"start_minutes": np.array([9, 5, 5])}, "sorted"),
        ({"professional": np.array([0, 0, 2])}, "professional"),
        ({"professional": np.array([-1, 0, 1])}, "professional"),
    ],
)
def test_wrong_slots_are_refused_by_name(changes, name):
    wrong = replace(SLOTS, **changes)
    with pytest.raises(ValueError, match=f"slots: {name}"):
        rank(candidates=CANDIDATES, slots=wrong, weights=WEIGHTS, has_travel=True)


def test_wrong_arguments_of_sentences_are_refused_by_name():
    ranking = ranked([{}])
    with pytest.raises(ValueError, match="positions"):
        sentences(ranking=ranking, positions=[1], names={0: "A"}, origin=ORIGIN)
    with pytest.raises(ValueError, match="origin"):
        sentences(
            ranking=ranking, positions=[0], names={0: "A"}, origin=ORIGIN.replace(tzinfo=None)
        )
    with pytest.raises(ValueError, match="origin"):
        late = datetime(2026, 11, 23, 13, 45, 10, tzinfo=UTC)
        sentences(ranking=ranking, positions=[0], names={0: "A"}, origin=late)
