"""The on-call roster: who may write it, what it refuses, and who it names at each minute."""

import datetime as dt

import pytest
from django.urls import reverse
from django_scopes import scope
from ladder import coordinator, words

from factories import MONDAY, make_request
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.kernel import pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.snp import actions, queries
from maillage.snp.models import CareRequest, OnCall
from people import actor_as, make_seat, mark_demo, sign_in

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def chief(cpts):
    return coordinator(cpts)


def put(chief, seat, start=0, hours=8):
    return actions.set_on_call(
        by=chief,
        cpts=chief.seat.cpts,
        seat=seat,
        starts_at=MONDAY + start * HOUR,
        ends_at=MONDAY + (start + hours) * HOUR,
    )


def test_the_roster_names_somebody_on_the_minute(desk, cpts, chief):
    before = pulse.version(cpts.pk)
    put(chief, desk.seat, start=1)
    minute = dt.timedelta(minutes=1)

    def named(at):
        seat, why = queries.standby(cpts, at)
        return seat.pk, why

    by_default = (chief.seat_id, "coordinator")
    assert named(MONDAY + HOUR - minute) == by_default
    assert named(MONDAY + HOUR) == named(MONDAY + 9 * HOUR - minute) == (desk.seat_id, "on_call")
    assert named(MONDAY + 9 * HOUR) == by_default
    assert pulse.version(cpts.pk) > before
    line = JournalLine.objects.get(action="snp.on_call_set")
    assert line.data["seat_on_call"] == desk.seat_id and line.seat_id == chief.seat_id


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.READER, Role.PROFESSIONAL])
def test_only_the_coordination_writes_it(desk, cpts, chief, role):
    by, span = actor_as(cpts, role), put(chief, desk.seat)
    with pytest.raises(NotAllowed):
        put(by, desk.seat, start=20)
    with pytest.raises(NotAllowed):
        actions.end_on_call(by=by, on_call=span)


def test_what_it_refuses(desk, cpts, chief, neighbour, clock):
    put(chief, desk.seat)
    other = make_seat(cpts, Role.DISPATCHER)
    for start in (-1, 0, 7):
        with pytest.raises(actions.BadOnCall, match="déjà d'astreinte"):
            put(chief, other, start=start)
    put(chief, other, start=8)  # one begins as the other ends
    with scope(cpts=neighbour):
        theirs = make_seat(neighbour, Role.DISPATCHER)
    for seat in (make_seat(cpts, Role.PROFESSIONAL), make_seat(cpts, Role.READER), theirs):
        with pytest.raises(actions.BadOnCall, match="revient à"):
            put(chief, seat, start=100)
    for start, hours in ((100, 0), (100, -1), (-10, 9)):
        with pytest.raises(actions.BadOnCall, match="fin de l'astreinte"):
            put(chief, other, start=start, hours=hours)
    with pytest.raises(actions.BadOnCall, match="14 jours"):
        put(chief, other, start=100, hours=15 * 24)
    assert OnCall.objects.count() == 2


def test_a_span_to_come_never_was_and_the_one_under_way_ends_now(desk, cpts, chief, clock):
    under_way, to_come = put(chief, desk.seat), put(chief, desk.seat, start=20)
    now = clock.move(hours=2)
    actions.end_on_call(by=chief, on_call=to_come)
    actions.end_on_call(by=chief, on_call=under_way)
    assert OnCall.objects.get().ends_at == now
    assert queries.standby(cpts, now)[0] == chief.seat
    for gone in (under_way, to_come):
        with pytest.raises(actions.BadOnCall, match="terminée"):
            actions.end_on_call(by=chief, on_call=gone)


def test_the_page_of_the_roster(client, desk, cpts, chief, django_assert_max_num_queries):
    client.force_login(chief.seat.user)
    url = reverse("snp:roster", kwargs={"cpts": cpts.slug})
    assert "Personne n&#39;est inscrit" in client.get(url).text
    said = {
        "seat": desk.seat_id,
        "starts_at": "2026-11-23T20:00",
        "ends_at": "2026-11-24T08:00",
    }
    assert "Astreinte notée." in client.post(url, said, follow=True).text
    span = OnCall.objects.get()
    assert span.starts_at == MONDAY + 11 * HOUR and span.ends_at == MONDAY + 23 * HOUR
    again = client.post(url, said)
    assert again.status_code == 422 and "déjà d&#39;astreinte" in again.text
    for n in range(1, 20):
        put(chief, desk.seat, start=24 * n, hours=1)
    with django_assert_max_num_queries(16):
        page = words(client.get(url))
    assert "20 plages" in page and "Fermer la régulation" not in page
    gone = reverse("snp:roster_end", kwargs={"cpts": cpts.slug, "pk": span.pk})
    assert "Astreinte retirée." in client.post(gone, follow=True).text
    assert not OnCall.objects.filter(pk=span.pk).exists()


def test_the_desk_reads_it_and_does_not_write_it(client, desk, cpts, chief):
    put(chief, desk.seat)
    client.force_login(desk.seat.user)
    url = reverse("snp:roster", kwargs={"cpts": cpts.slug})
    page = client.get(url).text
    assert "Nouvelle astreinte" not in page and "Fermer la régulation maintenant" in page
    said = {
        "seat": desk.seat_id,
        "starts_at": "2026-11-25T20:00",
        "ends_at": "2026-11-26T08:00",
    }
    assert client.post(url, said).status_code == 403 and OnCall.objects.count() == 1


def test_whoever_is_on_call_and_left_answers_for_nothing(desk, cpts, chief, clock):
    gone = make_seat(cpts, Role.DISPATCHER)
    put(chief, gone)
    type(gone).objects.filter(pk=gone.pk).update(state="left")
    assert queries.standby(cpts, clock.now)[0] == chief.seat
    care_request = make_request(desk)
    clock.move(minutes=30)
    actions.widen(by=SYSTEM, care_request=care_request)
    care_request.refresh_from_db()
    assert care_request.owner_id == chief.seat_id


def test_whoever_answers_for_a_request_holds_the_desk_as_long_as_they_do(client, cpts, desk):
    """The mail that names the coordinator leads to a board that opens."""
    mark_demo(False)
    coordinator = sign_in(client, cpts, Role.COORDINATOR)
    board = reverse("snp:board", kwargs={"cpts": cpts.slug})
    assert client.get(board).status_code == 403
    care_request = make_request(desk)
    actions.close_desk(by=desk, cpts=cpts)
    care_request.refresh_from_db()
    assert care_request.owner_id == coordinator.seat_id
    assert client.get(board, {"demande": care_request.pk}).status_code == 200
    to = reverse("snp:signs", kwargs={"cpts": cpts.slug, "pk": care_request.pk})
    client.post(to, {"sign": "worry"})
    care_request.refresh_from_db()
    assert (care_request.status, care_request.closed_at) == ("handed_over", None)
    to = reverse("snp:confirm", kwargs={"cpts": cpts.slug, "pk": care_request.pk})
    client.post(to, {"taken_over_by": "ARM du 71"})
    assert client.get(board).status_code == 403  # nothing of theirs is open any more


def test_a_duty_lends_the_desk_to_nobody_else(client, cpts, desk):
    mark_demo(False)
    board = reverse("snp:board", kwargs={"cpts": cpts.slug})
    care_request = make_request(desk)
    for role in set(Role) - {Role.COORDINATOR, Role.ADMINISTRATOR, Role.DISPATCHER}:
        actor = sign_in(client, cpts, role)
        CareRequest.objects.filter(pk=care_request.pk).update(owner=actor.seat)
        assert client.get(board).status_code == 403, role
