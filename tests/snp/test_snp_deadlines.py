"""Two promises, from the first reception, in calendar time: watched, kept, late, told once before."""

import datetime as dt

import pytest
from ladder import coordinator, fresh, told, turn

from factories import (
    MONDAY,
    PARIS,
    make_case,
    make_doctor,
    make_offer,
    make_request,
    make_slot,
    professional_actor,
    set_desk,
)
from maillage.accounts.models import Notice
from maillage.snp import actions, queries
from maillage.snp.queries.ladder import deadline_state, deadlines_of, late_hours

HOUR = dt.timedelta(hours=1)
AT = MONDAY + 24 * HOUR
BEFORE, AFTER = AT - HOUR, AT + HOUR


@pytest.mark.parametrize(
    ("status", "planned", "started", "now", "state"),
    [
        ("new", None, None, BEFORE, "watched"),
        ("new", None, None, AT, "watched"),
        ("new", None, None, AFTER, "late"),
        ("proposed", None, None, BEFORE, "watched"),
        # Accepted is not kept before the patient knows.
        ("accepted", BEFORE, None, BEFORE, "watched"),
        ("accepted", BEFORE, None, AFTER, "late"),
        ("accepted", AFTER, None, BEFORE, "late"),
        ("informed", BEFORE, None, BEFORE, "kept"),
        ("informed", AT, None, BEFORE, "kept"),
        ("informed", AFTER, None, BEFORE, "late"),
        # The planned start until the outcome is known, then the real one.
        ("honoured", AFTER, BEFORE, AFTER, "kept"),
        ("honoured", BEFORE, AFTER, AFTER, "late"),
        # A missed appointment opens the watch again.
        ("missed", None, None, BEFORE, "watched"),
        ("missed", None, None, AFTER, "late"),
        ("cancelled", None, None, AFTER, "not_counted"),
        ("handed_over", None, None, AFTER, "not_counted"),
        ("merged", None, None, AFTER, "not_counted"),
    ],
)
def test_kept_watched_or_late(status, planned, started, now, state):
    found = deadline_state(
        status=status, at=AT, planned_at=planned, care_started_at=started, now=now
    )
    assert found == state


def states(care_request, now):
    care_request = fresh(care_request)
    settings = queries.settings_of(care_request.cpts, now)
    return [each.state for each in deadlines_of(care_request, settings, now)]


def test_they_run_in_calendar_time_over_a_change_of_hour(desk, cpts, clock):
    clock.now = dt.datetime(2026, 10, 24, 12, tzinfo=PARIS).astimezone(dt.UTC)
    care_request = make_request(desk, out_of_hours_seen=True)
    first, second = deadlines_of(care_request, queries.settings_of(cpts), clock.now)
    assert first.at - care_request.received_at == 24 * HOUR
    assert first.at.astimezone(PARIS).hour == 11 and second.at.astimezone(PARIS).hour == 11


def test_the_owner_is_warned_once_before_each(desk, cpts, clock):
    set_desk(
        cpts,
        valid_from=MONDAY,
        cpts_circle_minutes=9000,
        remind_minutes=9000,
        escalate_minutes=9000,
    )
    care_request = make_request(desk)

    def warned():
        found = Notice.objects.filter(key__contains=":warned:")
        return [(each.recipient, each.body) for each in found]

    turn(clock, hours=21, minutes=59)
    assert warned() == []
    turn(clock, minutes=1)
    assert [who for who, _ in warned()] == [desk.seat.user.email]
    (text,) = told(care_request, "warned")
    assert "24 h bientôt dépassé" in text and "9\u00a0h" in text
    turn(clock, hours=3)
    turn(clock, hours=20, minutes=59)
    assert len(warned()) == 1
    turn(clock, minutes=1)
    assert len(warned()) == 2 and "48 h" in told(care_request, "warned")[1]
    for _ in range(5):
        turn(clock, hours=5)
    assert len(warned()) == 2
    assert states(care_request, clock.now) == ["late", "late"]


def test_a_place_accepted_and_told_is_no_more_watched(desk, cpts, clock):
    case = make_case(desk, "informed")
    assert states(case.care_request, clock.now) == ["kept", "kept"]
    turn(clock, hours=23)
    assert not told(case.care_request, "warned")


def test_a_missed_appointment_is_watched_again_from_the_first_reception(desk, cpts, clock):
    """Its outcome was asked near the deadline: the warning still comes."""
    case = make_case(desk, "informed", minutes=20 * 60)
    turn(clock, hours=22, minutes=30)  # the question of the outcome, and a reminder of it
    turn(clock, minutes=45)
    assert fresh(case.care_request).alert and not told(case.care_request, "warned")
    actions.record_outcome(by=desk, care_request=case.care_request, honoured=False)
    assert states(case.care_request, clock.now) == ["watched", "watched"]
    turn(clock, minutes=1)
    (text,) = told(case.care_request, "warned")
    assert "24 h bientôt dépassé" in text
    clock.move(hours=1)
    assert states(case.care_request, clock.now) == ["late", "watched"]


def test_a_place_taken_back_opens_the_watch_again(desk, cpts, clock):
    case = make_case(desk, "informed", minutes=300)
    clock.move(hours=2)
    actions.reorient(by=desk, care_request=case.care_request)
    assert states(case.care_request, clock.now) == ["watched", "watched"]
    assert fresh(case.care_request).planned_at is None
    clock.move(hours=23)
    assert states(case.care_request, clock.now) == ["late", "watched"]


def test_a_late_place_is_told_when_chosen_and_counted_late(desk, cpts, clock):
    _, slot = make_offer(cpts, 26 * 60)
    care_request = make_request(desk)
    (candidate,) = queries.matching_for(care_request).ranked
    assert [each.late_hours for each in candidate.slots] == [24]
    proposal = actions.propose(by=desk, care_request=care_request, slot=slot)
    assert proposal.late_hours == 24
    assert "Après le délai de 24 h." in told(care_request, "proposed")[0]
    actions.accept_proposal(by=professional_actor(cpts, proposal.professional), proposal=proposal)
    assert states(care_request, clock.now) == ["late", "watched"]
    actions.inform_patient(by=desk, care_request=care_request, means="phone", result="reached")
    assert states(care_request, clock.now) == ["late", "kept"]


def test_a_deadline_lost_knowingly_is_warned_of_when_its_place_falls_through(desk, cpts, clock):
    coordinator(cpts)
    set_desk(cpts, valid_from=MONDAY, remind_minutes=9000, escalate_minutes=9000)
    case = make_case(desk, "accepted", minutes=26 * 60)
    turn(clock, hours=22, minutes=30)
    assert told(case.care_request, "warned") == []
    actions.reorient(by=desk, care_request=case.care_request)
    turn(clock, minutes=1)
    (text,) = told(case.care_request, "warned")
    assert "24 h bientôt dépassé" in text


@pytest.mark.parametrize(("minutes", "late"), [(24 * 60, 0), (24 * 60 + 1, 24), (48 * 60 + 1, 48)])
def test_late_hours_on_the_minute(cpts, minutes, late):
    start = MONDAY + dt.timedelta(minutes=minutes)
    assert late_hours(MONDAY, start, queries.settings_of(cpts)) == late


def test_the_real_start_replaces_the_planned_one(desk, cpts, clock):
    case = make_case(desk, "informed", minutes=23 * 60)
    assert states(case.care_request, clock.now) == ["kept", "kept"]
    now = clock.move(hours=26)
    with pytest.raises(actions.Incomplete):
        actions.record_outcome(
            by=desk, care_request=case.care_request, honoured=True, started_at=now + HOUR
        )
    with pytest.raises(actions.Incomplete):
        actions.record_outcome(
            by=desk, care_request=case.care_request, honoured=True, started_at=MONDAY - HOUR
        )
    actions.record_outcome(
        by=desk, care_request=case.care_request, honoured=True, started_at=now - HOUR
    )
    assert states(case.care_request, clock.now) == ["late", "kept"]


def test_a_window_counts_by_its_end_until_care_has_begun(desk, cpts, clock):
    doctor = make_doctor(cpts)
    window = make_slot(doctor, 20 * 60, lasts=300, is_window=True)
    care_request = make_request(desk)
    proposal = actions.propose(by=desk, care_request=care_request, slot=window)
    assert proposal.late_hours == 24  # it ends after 25 hours
    actions.accept_proposal(by=desk, proposal=proposal)
    assert fresh(care_request).planned_at == window.ends_at
    assert states(care_request, clock.now) == ["late", "watched"]
    # Seen at the beginning of the window, and said at once: in time.
    now = clock.move(hours=21)
    actions.record_outcome(by=desk, care_request=care_request, honoured=True)
    assert fresh(care_request).care_started_at == now
    assert states(care_request, clock.now) == ["kept", "kept"]
