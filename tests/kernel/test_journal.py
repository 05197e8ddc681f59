"""The journal: a line an act, a line an answer that shows somebody; never changed."""

import datetime as dt

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.accounts.rules import LinkActor
from maillage.kernel import journal
from maillage.kernel.models import JournalLine
from people import actor_as, make_cpts

PURPOSE = "régulation SNP"


@pytest.fixture
def cpts(db):
    return make_cpts()


@pytest.fixture
def desk(cpts):
    return actor_as(cpts, Role.DISPATCHER)


def read(actor, cpts, residents, page="snp.board", purpose=PURPOSE):
    journal.record_read(page, by=actor, cpts=cpts, residents=residents, purpose=purpose)


def lines():
    return list(
        JournalLine.objects.filter(kind="read").order_by("pk").values_list("residents", flat=True)
    )


def test_an_answer_that_shows_residents_writes_one_line_with_all_of_them(desk, cpts):
    read(desk, cpts, [3, 1, None, 2, 3])
    line = JournalLine.objects.get()
    assert (line.residents, line.seat_id, line.action) == ([1, 2, 3], desk.seat_id, "snp.board")
    assert (line.purpose, line.cpts_id, line.data) == (PURPOSE, cpts.pk, {})


def test_nobody_shown_writes_nothing(desk, cpts):
    read(desk, cpts, [])
    read(desk, cpts, [None])
    assert lines() == []


def test_within_five_minutes_only_somebody_new_writes_again(desk, cpts):
    read(desk, cpts, [1, 2])
    read(desk, cpts, [2])
    read(desk, cpts, [1, 2])
    assert lines() == [[1, 2]]
    read(desk, cpts, [2, 3])
    assert lines() == [[1, 2], [2, 3]]
    read(desk, cpts, [1, 3])
    assert len(lines()) == 2


def test_after_five_minutes_the_same_answer_writes_again(desk, cpts, monkeypatch):
    read(desk, cpts, [1])
    later = timezone.now() + dt.timedelta(minutes=5, seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    read(desk, cpts, [1])
    assert lines() == [[1], [1]]


def test_another_seat_page_purpose_or_cpts_writes_its_own_line(desk, cpts):
    read(desk, cpts, [1])
    read(actor_as(cpts, Role.DISPATCHER), cpts, [1])
    read(desk, cpts, [1], page="snp.story")
    read(desk, cpts, [1], purpose="autre")
    read(desk, make_cpts("plaine"), [1])
    assert lines() == [[1]] * 5


def test_a_link_is_no_seat(desk, cpts):
    read(LinkActor(cpts_id=cpts.pk, target="proposal:1"), cpts, [1])
    assert JournalLine.objects.get().actor_kind == "link"
    read(desk, cpts, [1])
    assert len(lines()) == 2


def test_an_act_keeps_ids_only(desk, cpts):
    journal.record("territory.seen", cpts, by=desk, cpts=cpts, slot=4)
    line = JournalLine.objects.get()
    assert (line.target, line.data) == (f"territory.cpts:{cpts.pk}", {"slot": 4})
    assert (line.seat_id, line.user_id) == (desk.seat_id, desk.user_id)


def test_a_line_is_never_changed(desk, cpts):
    read(desk, cpts, [1])
    with pytest.raises(DatabaseError), transaction.atomic():
        JournalLine.objects.update(residents=[])
    line = JournalLine.objects.get()
    line.action = "autre"
    with pytest.raises(DatabaseError), transaction.atomic():
        line.save()
    assert lines() == [[1]]


WRITTEN = {"kind": "write", "actor_kind": "seat", "action": "x", "number": 1, "hmac": "0" * 64}


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"kind": "other"}, "journal_kind_is_known"),
        ({"kind": "read", "purpose": ""}, "journal_read_says_why"),
        ({"kind": "seal"}, "journal_seal_says_through"),
        ({"kind": "seal", "sealed_through": 1}, "journal_seal_says_through"),
        ({"sealed_through": 0}, "journal_seal_says_through"),
    ],
)
def test_the_database_refuses_a_line_that_says_too_little(cpts, wrong, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        JournalLine.objects.create(at=timezone.now(), cpts_id=cpts.pk, **WRITTEN | wrong)


def test_a_number_is_given_once_in_each_chain(cpts):
    twice = r"journal_number_once|journal_own_number_once|\.number"  # SQLite names the columns
    for cpts_id in (cpts.pk, None):
        for number in (1, 2):
            values = WRITTEN | {"number": number}
            JournalLine.objects.create(at=timezone.now(), cpts_id=cpts_id, **values)
        with pytest.raises(IntegrityError, match=twice), transaction.atomic():
            JournalLine.objects.create(at=timezone.now(), cpts_id=cpts_id, **WRITTEN)


def refuse(actor, cpts, target="snp.carerequest:7", page="snp.story"):
    journal.record_refusal(page, by=actor, cpts=cpts, target=target)


def test_an_access_refused_leaves_a_line_once_in_five_minutes(desk, cpts, monkeypatch):
    refuse(desk, cpts)
    refuse(desk, cpts)
    refuse(desk, cpts, target="snp.carerequest:8")
    refuse(desk, cpts, page="snp.why")
    refuse(actor_as(cpts, Role.BUREAU), cpts)
    line = JournalLine.objects.order_by("pk")[0]
    assert (line.kind, line.action, line.target) == ("refusal", "snp.story", "snp.carerequest:7")
    assert (line.seat_id, line.residents, line.data) == (desk.seat_id, [], {})
    assert JournalLine.objects.count() == 4
    later = timezone.now() + dt.timedelta(minutes=5, seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    refuse(desk, cpts)
    assert JournalLine.objects.count() == 5


def test_only_the_officer_reads_the_journal_of_their_cpts(desk, cpts):
    elsewhere = make_cpts("plaine")
    read(desk, cpts, [1])
    read(actor_as(elsewhere, Role.DISPATCHER), elsewhere, [1])
    officer = actor_as(cpts, Role.DATA_PROTECTION_OFFICER)
    assert JournalLine.objects.visible_to(officer).count() == 1
    for role in set(Role) - {Role.DATA_PROTECTION_OFFICER}:
        assert not JournalLine.objects.visible_to(actor_as(cpts, role)).exists()
