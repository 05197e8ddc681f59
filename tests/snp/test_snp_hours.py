"""Hours of the desk and of the PDSA on the minute, and who answers once it is closed."""

import datetime as dt

import pytest
from django.urls import reverse
from ladder import coordinator, fresh, told, turn, words

from factories import (
    MONDAY,
    PARIS,
    SIGNS,
    VALUES,
    make_intake,
    make_request,
    set_desk,
)
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM
from maillage.kernel.errors import NotAllowed, Unchanged
from maillage.snp import actions, queries
from maillage.snp.models import DeskClosing, DeskHours, OnCall, RedFlag
from maillage.snp.queries.hours import last_closing
from people import actor_as, make_seat

HOUR = dt.timedelta(hours=1)


def paris(month, day, hour, minute=0, year=2026):
    return dt.datetime(year, month, day, hour, minute, tzinfo=PARIS)


def add_hours(cpts, weekday, opens, closes, kind="desk"):
    DeskHours.objects.create(
        cpts=cpts,
        settings=queries.settings_of(cpts),
        kind=kind,
        weekday=weekday,
        opens_minute=opens * 60,
        closes_minute=closes * 60,
    )
    queries.forget_board()  # out of a test, hours are written with their settings


def on_call(cpts, start=MONDAY, hours=48):
    seat = make_seat(cpts, Role.DISPATCHER)
    OnCall.objects.create(cpts=cpts, seat=seat, starts_at=start, ends_at=start + hours * HOUR)
    return seat


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (paris(11, 23, 7, 59), False),
        (paris(11, 23, 8), True),
        (paris(11, 23, 19, 59), True),
        (paris(11, 23, 20), False),
        (paris(11, 21, 12), False),  # a Saturday
        # The clock went back on Sunday 25 October: the wall clock decides, on both sides.
        (dt.datetime(2026, 10, 23, 6, tzinfo=dt.UTC), True),
        (dt.datetime(2026, 10, 23, 5, 59, tzinfo=dt.UTC), False),
        (dt.datetime(2026, 10, 26, 6, 59, tzinfo=dt.UTC), False),
        (dt.datetime(2026, 10, 26, 7, tzinfo=dt.UTC), True),
        (paris(11, 11, 12), False),  # a Wednesday, and Armistice day
        (paris(4, 6, 12, year=2026), False),  # Easter Monday
    ],
)
def test_the_desk_is_open_on_the_minute(cpts, at, is_open):
    set_desk(cpts, valid_from=paris(1, 1, 0))
    assert queries.desk_is_open(cpts, at) is is_open


def test_a_public_holiday_has_its_own_hours(cpts):
    add_hours(cpts, 7, 9, 12)
    assert not queries.desk_is_open(cpts, paris(12, 25, 8, 59))
    assert queries.desk_is_open(cpts, paris(12, 25, 9))
    assert not queries.desk_is_open(cpts, paris(12, 25, 12))
    assert queries.desk_is_open(cpts, paris(12, 24, 12))


def test_the_pdsa_has_hours_of_its_own(cpts):
    add_hours(cpts, 5, 12, 24, kind="pdsa")
    add_hours(cpts, 7, 8, 24, kind="pdsa")
    saturday = paris(11, 28, 12)
    assert queries.is_pdsa(cpts, saturday) and not queries.desk_is_open(cpts, saturday)
    assert not queries.is_pdsa(cpts, saturday - dt.timedelta(minutes=1))
    assert queries.is_pdsa(cpts, paris(12, 25, 8)) and not queries.is_pdsa(cpts, paris(12, 24, 8))


def test_the_last_closing_is_found_over_a_week_end_and_a_change_of_hour(cpts):
    set_desk(cpts, valid_from=paris(1, 1, 0))
    assert last_closing(cpts, paris(10, 23, 19, 59)) is None
    friday = paris(10, 23, 20)
    for now in (friday, paris(10, 25, 12), paris(10, 26, 7, 59)):
        assert last_closing(cpts, now) == friday
    add_hours(cpts, 6, 0, 4)
    # Four in the morning once the clock went back: three hours UTC.
    assert last_closing(cpts, paris(10, 25, 12)) == dt.datetime(2026, 10, 25, 3, tzinfo=dt.UTC)


def test_hours_written_by_the_coordinator_are_dated(client, cpts, clock):
    actor = coordinator(cpts)
    client.force_login(actor.seat.user)
    data = VALUES | {
        "source": "Bureau du 23 novembre",
        "hours": "lundi 8:00-12:00\nférié 9h-12h",
        "pdsa_hours": "samedi 12:00-24:00\nférié 8:00-24:00",
        "summary_minute": "19:30",
        "out_of_hours_number": "02 61 91 00 00",
        "out_of_hours_source": "",
    }
    url = reverse("snp:settings", kwargs={"cpts": cpts.slug})
    refused = client.post(url, data)
    assert refused.status_code == 422 and "source de ce numéro" in refused.text.lower()
    client.post(url, data | {"out_of_hours_source": "ARS, arrêté du 1er septembre"})
    settings = queries.settings_of(cpts)
    assert settings.out_of_hours_source == "ARS, arrêté du 1er septembre"
    spans = settings.hours.values_list("kind", "weekday", "opens_minute", "closes_minute")
    assert sorted(spans) == [
        ("desk", 0, 480, 720),
        ("desk", 7, 540, 720),
        ("pdsa", 5, 720, 1440),
        ("pdsa", 7, 480, 1440),
    ]
    assert not queries.desk_is_open(cpts, MONDAY + 4 * HOUR)
    assert queries.desk_is_open(cpts, MONDAY - dt.timedelta(days=7) + 4 * HOUR)  # as it was
    shown = client.get(url).text
    assert "férié 9:00-12:00" in shown and "samedi 12:00-24:00" in shown


@pytest.mark.parametrize("wrong", ["férié", "lundi 12:00-8:00", "lundi 8:00-25:00", "lune 8-9"])
def test_hours_badly_written_are_said(client, cpts, wrong):
    client.force_login(coordinator(cpts).seat.user)
    url = reverse("snp:settings", kwargs={"cpts": cpts.slug})
    answer = client.post(url, VALUES | {"source": "x", "hours": wrong, "summary_minute": "19:30"})
    assert answer.status_code == 422 and "Ligne 1" in answer.text


# Out of hours


def test_out_of_hours_the_form_says_the_15_and_who_answers(client, desk, cpts, clock):
    client.force_login(desk.seat.user)
    url = reverse("snp:new", kwargs={"cpts": cpts.slug})
    assert "La régulation est fermée" not in client.get(url).text
    clock.now = paris(11, 28, 13)  # Saturday
    client.force_login(desk.seat.user)  # the session is over since
    page = client.get(url).text
    assert "La régulation est fermée" in page and "c'est le 15" in page
    assert "Numéro du territoire" not in page and "PDSA" not in page and "suivie par" not in page
    chief = coordinator(cpts).seat
    set_desk(
        cpts,
        valid_from=MONDAY,
        out_of_hours_number="02 61 91 00 00",
        out_of_hours_source="ARS, arrêté fictif",
    )
    add_hours(cpts, 5, 12, 24, kind="pdsa")
    page = words(client.get(url))
    for said in ("02 61 91 00 00", "source : ARS, arrêté fictif", "PDSA", str(chief.user)):
        assert said in page
    assert "(coordination)" in page
    on_call(cpts, start=clock.now)
    assert "(astreinte)" in client.get(url).text


def test_out_of_hours_nothing_is_taken_before_the_notice_is_read(desk, cpts, clock):
    clock.now = paris(11, 28, 13)
    with pytest.raises(actions.OutOfHours):
        make_request(desk)
    chief = coordinator(cpts).seat
    care_request = make_request(desk, out_of_hours_seen=True)
    assert (care_request.owner_id, care_request.owner_why) == (chief.pk, "coordinator")
    seat = on_call(cpts, start=clock.now)
    assert make_request(desk, out_of_hours_seen=True).owner_id == seat.pk


def test_a_desk_with_nobody_behind_still_takes_a_red_flag(desk, cpts, clock):
    clock.now = paris(11, 28, 13)
    flag = RedFlag.objects.get(label=SIGNS[0])
    care_request = make_request(desk, red_flag=flag)
    assert (care_request.status, care_request.owner_id) == ("handed_over", desk.seat_id)
    assert make_request(desk, out_of_hours_seen=True).owner_id == desk.seat_id


# Closing


def test_the_clock_closes_once_and_names_who_answers(desk, cpts, clock):
    seat = on_call(cpts)
    care_request, other = make_request(desk), make_request(desk)
    turn(clock, hours=10, minutes=59)
    assert not DeskClosing.objects.exists()
    # Whatever the circles named before, the desk has it in hand until the last minute.
    for each in (care_request, other):
        actions.take_case(by=desk, care_request=fresh(each))
    turn(clock, minutes=1)
    closing = DeskClosing.objects.get()
    assert (closing.owner_id, closing.requests, closing.by_seat_id) == (seat.pk, 2, None)
    assert fresh(care_request).owner_id == fresh(other).owner_id == seat.pk
    assert care_request.owner_why == "on_call"
    assert "Régulation fermée" in told(care_request, "owner")[-1]
    assert [each.subject for each in Notice.objects.all()].count("Régulation fermée") == 1
    # What somebody takes after the closing is theirs.
    clock.move(minutes=10)
    actions.take_case(by=desk, care_request=care_request)
    for _ in range(3):
        turn(clock, minutes=10)
    assert fresh(care_request).owner_id == desk.seat_id and DeskClosing.objects.count() == 1
    turn(clock, hours=12)
    assert DeskClosing.objects.count() == 1  # open again
    turn(clock, hours=12)
    assert DeskClosing.objects.count() == 2 and fresh(care_request).owner_id == seat.pk


def test_a_clock_that_comes_late_leaves_what_was_taken_after_the_hour(desk, cpts, clock):
    seat = on_call(cpts)
    taken, left = make_request(desk), make_request(desk)
    clock.move(hours=11, minutes=10)
    actions.take_case(by=actor_as(cpts, Role.DISPATCHER), care_request=taken)
    mine = fresh(taken).owner_id
    # The circles' own turn would name the duty person: only the closing is tried here.
    closing = actions.close_desk(by=SYSTEM, cpts=cpts)
    assert (closing.requests, closing.owner_id) == (1, seat.pk)
    assert fresh(taken).owner_id == mine and fresh(left).owner_id == seat.pk


def test_a_request_taken_after_the_hour_stays_with_whoever_answers(desk, cpts, clock):
    seat = on_call(cpts)
    clock.now = MONDAY + 11 * HOUR + dt.timedelta(minutes=5)
    care_request = make_request(desk, out_of_hours_seen=True)
    assert care_request.owner_id == seat.pk
    turn(clock, minutes=1)
    assert fresh(care_request).owner_id == seat.pk and not told(care_request, "owner")


def test_the_desk_closes_by_hand_before_the_hour_and_the_hour_closes_again(desk, cpts, clock):
    seat = on_call(cpts)
    care_request = make_request(desk)
    for role in (Role.READER, Role.COORDINATOR):
        with pytest.raises(NotAllowed):
            actions.close_desk(by=actor_as(cpts, role), cpts=cpts)
    closing = actions.close_desk(by=desk, cpts=cpts)
    assert (closing.by_seat_id, closing.requests) == (desk.seat_id, 1)
    assert fresh(care_request).owner_id == seat.pk
    with pytest.raises(Unchanged, match="déjà fermée depuis") as told_again:
        actions.close_desk(by=desk, cpts=cpts)
    assert f"{seat.user} répond" in str(told_again.value) and DeskClosing.objects.count() == 1
    late = make_request(desk)
    assert late.owner_id == desk.seat_id
    turn(clock, hours=11)
    assert fresh(late).owner_id == seat.pk and DeskClosing.objects.count() == 2


@pytest.mark.parametrize("there", [None, Role.ADMINISTRATOR])
def test_the_desk_cannot_close_on_an_open_request_that_nobody_would_answer_for(
    desk, cpts, clock, there
):
    """On call, else a coordinator: an administrator is no desk."""
    if there:
        make_seat(cpts, there)
    assert actions.close_desk(by=desk, cpts=cpts).requests == 0  # nothing is open
    care_request = make_request(desk)
    with pytest.raises(actions.DeskCannotClose, match="astreinte"):
        actions.close_desk(by=desk, cpts=cpts)
    assert DeskClosing.objects.count() == 1
    assert fresh(care_request).owner_id == desk.seat_id
    # The hour comes: it is not closed either, and closes as soon as somebody is there.
    set_desk(cpts, valid_from=MONDAY, cpts_circle_minutes=9000)
    other = make_request(desk)
    turn(clock, hours=11)
    assert DeskClosing.objects.count() == 1 and fresh(other).owner_id == desk.seat_id
    chief = make_seat(cpts, Role.COORDINATOR)
    turn(clock, minutes=1)
    assert DeskClosing.objects.count() == 2 and fresh(other).owner_id == chief.pk


def test_an_owner_who_left_is_replaced_at_the_next_turn(desk, cpts, clock):
    chief = make_seat(cpts, Role.COORDINATOR)
    gone = actor_as(cpts, Role.DISPATCHER)
    care_request = make_request(gone)
    with pytest.raises(NotAllowed):
        actions.heal_owner(by=desk, care_request=care_request)
    turn(clock, minutes=1)
    assert fresh(care_request).owner_id == gone.seat_id
    type(gone.seat).objects.filter(pk=gone.seat_id).update(state="left")
    turn(clock, minutes=1)
    assert (fresh(care_request).owner_id, care_request.owner_why) == (chief.pk, "coordinator")
    named = Notice.objects.filter(key__contains=":named:")
    assert chief.user.email in {each.recipient for each in named}
    with pytest.raises(actions.NoOwner):
        type(chief).objects.update(state="left")
        actions.heal_owner(by=SYSTEM, care_request=care_request)


def test_the_pages_say_it(client, desk, cpts, clock):
    make_request(desk)
    client.force_login(desk.seat.user)
    url = reverse("snp:close_desk", kwargs={"cpts": cpts.slug})
    assert "ne peut pas fermer" in client.post(url, follow=True).text
    chief = coordinator(cpts).seat
    page = client.post(url, follow=True).text
    assert "Régulation fermée : chaque demande ouverte a un responsable." in page
    assert f"confiée à {chief.user}" in page
    again = words(client.post(url, follow=True))
    assert "déjà fermée depuis 9 h 00" in again and DeskClosing.objects.count() == 1


def test_the_same_intake_without_a_seat_is_the_standbys(cpts, clock):
    chief = coordinator(cpts).seat
    care_request = actions.create_care_request(by=SYSTEM, cpts=cpts, intake=make_intake())
    assert care_request.owner_id == chief.pk
