"""Nothing is visible before the choice; SNP and CPTS are given CPTS by CPTS; withdrawn at once."""

import datetime as dt

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diary import MONDAY, Diary, wall
from maillage.accounts.enums import Role
from maillage.availability import actions, queries
from maillage.availability.actions import SlotClosed, SlotFull, VisibilityNotChosen
from maillage.availability.enums import Audience
from maillage.availability.models import CptsVisibility, Slot, UsualVisibility
from maillage.kernel.errors import NotAllowed
from people import actor_as, make_cpts

UNTIL = wall(MONDAY + dt.timedelta(days=20), 0)


def seen_by(cpts, diary):
    return list(
        queries.slots_for_desk(cpts, [diary.professional.pk], now=timezone.now(), until=UNTIL)
    )


@pytest.fixture
def shared(cpts, neighbour, clock):
    """In the directory of both CPTSs, with one opening that nobody may see yet."""
    diary = Diary(cpts, neighbour)
    diary.choose()
    diary.open(wall(MONDAY, 9), wall(MONDAY, 12), capacity=2)
    return diary


choices = st.lists(
    st.tuples(
        st.sets(st.sampled_from(Audience.values)),
        st.tuples(st.booleans(), st.booleans()),
        st.tuples(st.booleans(), st.booleans()),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@given(history=choices)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_slot_is_ever_seen_without_consent(shared, cpts, neighbour, history):
    """After each choice, whatever came before: exactly what it gives, for slots old and new."""
    for audiences, to_cpts, to_neighbour, opens in history:
        asked = {f"_{cpts.pk}": to_cpts, f"_{neighbour.pk}": to_neighbour}
        shared.choose(*audiences, **{k: pair for k, pair in asked.items() if any(pair)})
        opening = None
        if opens:
            opening = shared.open(wall(MONDAY, 14), wall(MONDAY, 15))
        count = shared.slots.count()
        for each, (snp, members) in ((cpts, to_cpts), (neighbour, to_neighbour)):
            may_see = (
                bool(audiences & {Audience.PUBLIC, Audience.PRO})
                or (Audience.SNP in audiences and snp)
                or (Audience.CPTS in audiences and members)
            )
            assert len(seen_by(each, shared)) == (count if may_see else 0)
            if not may_see:
                dispatcher = actor_as(each, Role.DISPATCHER)
                with pytest.raises(SlotClosed):
                    actions.take_place(by=dispatcher, cpts=each, slot=shared.slots.first())
                dispatcher.seat.delete()
        if opening:
            actions.close_opening(by=shared.actor, opening=opening)


def test_without_a_usual_visibility_nothing_shows_whatever_the_flags(shared, cpts):
    shared.choose(Audience.PUBLIC)
    assert len(seen_by(cpts, shared)) == 1
    UsualVisibility.objects.all().delete()
    assert seen_by(cpts, shared) == []


def test_withdrawing_from_one_cpts_acts_at_once_and_leaves_the_other(shared, cpts, neighbour):
    shared.show_to_desk(cpts, neighbour)
    assert len(seen_by(cpts, shared)) == len(seen_by(neighbour, shared)) == 1
    shared.show_to_desk(neighbour)
    assert seen_by(cpts, shared) == []
    assert len(seen_by(neighbour, shared)) == 1
    assert list(CptsVisibility.objects.values_list("cpts", flat=True)) == [neighbour.pk]


def test_a_place_taken_through_another_only_makes_it_full(shared, cpts, neighbour):
    shared.show_to_desk(cpts, neighbour)
    here, there = actor_as(cpts, Role.DISPATCHER), actor_as(neighbour, Role.DISPATCHER)
    slot = Slot.objects.get()
    mine = actions.take_place(by=here, cpts=cpts, slot=slot)
    theirs = actions.take_place(by=there, cpts=neighbour, slot=slot)
    for each in (cpts, neighbour):
        (seen,) = seen_by(each, shared)
        assert seen.places_left == 0
    for by, whose in ((here, cpts), (there, neighbour)):
        with pytest.raises(SlotFull) as told:
            actions.take_place(by=by, cpts=whose, slot=slot)
        assert str(told.value) == "Ce créneau vient d'être pris. Choisissez-en un autre."
    with pytest.raises(NotAllowed) as no:
        actions.release_place(by=here, booking=theirs)
    assert str(no.value) == "Votre rôle ne permet pas de changer cette réservation."
    actions.release_place(by=here, booking=mine)
    (seen,) = seen_by(neighbour, shared)
    assert seen.places_left == 1


def test_a_cpts_without_the_professional_is_not_a_choice(shared):
    stranger = make_cpts("lointaine")
    with pytest.raises(VisibilityNotChosen, match="CPTS dont vous êtes dans l'annuaire"):
        shared.choose(Audience.SNP, **{f"_{stranger.pk}": (True, True)})
    with pytest.raises(VisibilityNotChosen, match="parmi les visibilités proposées"):
        shared.choose("EVERYBODY")
    assert not CptsVisibility.objects.exists()


def test_a_secretary_chooses_by_delegation(diary, delegated, cpts):
    secretary = delegated()
    diary.choose(Audience.SNP, by=secretary, **{f"_{cpts.pk}": (True, False)})
    usual = UsualVisibility.objects.get()
    assert usual.chosen_by == secretary.user_id
    assert usual.chosen_at == timezone.now()
