"""`maillage journal`: verify names the first line that does not hold, anchor keeps and mails heads."""

import datetime as dt
import json

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

import walls
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM
from maillage.kernel import journal
from maillage.kernel.models import JournalLine
from people import make_cpts, make_seat


@pytest.fixture
def cpts(db):
    cpts = make_cpts()
    for n in range(5):
        journal.record("territory.seen", cpts, by=SYSTEM, cpts=cpts, slot=n)
    journal.record("territory.seen", None, by=SYSTEM, cpts=None)
    return cpts


def run(*words, capsys):
    call_command("journal", *words)
    return capsys.readouterr().out


def test_a_journal_that_holds_says_so(cpts, capsys):
    out = run("verify", capsys=capsys).replace("\xa0", " ")
    assert "Aucun ancrage" in out
    assert "vallee : 5 lignes, rien à dire." in out
    assert "la plateforme : 1 ligne, rien à dire." in out
    assert "plateforme" not in run("verify", "--cpts", "vallee", capsys=capsys)
    with pytest.raises(CommandError, match="Aucune CPTS"):
        run("verify", "--cpts", "ailleurs", capsys=capsys)


def test_a_changed_line_is_named_and_the_command_fails(unguarded, cpts):
    JournalLine.objects.filter(cpts_id=cpts.pk, number=3).update(action="autre")
    at = timezone.localtime(JournalLine.objects.get(cpts_id=cpts.pk, number=3).at)
    with pytest.raises(CommandError) as told:
        call_command("journal", "verify")
    assert f"vallee : n° 3 ({at:%d/%m/%Y %H:%M:%S}), ligne modifiée" in str(told.value)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(settings.OWNER_DATABASE is None, reason="needs the two roles of PostgreSQL")
def test_the_role_that_serves_finds_what_the_owner_changed():
    cpts = make_cpts()
    for n in range(5):
        journal.record("territory.seen", cpts, by=SYSTEM, cpts=cpts, slot=n)
    call_command("journal", "verify")
    with walls.owner_connection() as owner:
        owner.execute("ALTER TABLE kernel_journalline DISABLE TRIGGER USER")
        owner.execute("SELECT set_config('maillage.cpts', '*', true)")
        changed = owner.execute("UPDATE kernel_journalline SET action = 'x' WHERE number = 2")
        assert changed.rowcount == 1
        owner.execute("ALTER TABLE kernel_journalline ENABLE TRIGGER USER")
    with pytest.raises(CommandError, match=r"vallee : n° 2 .*ligne modifiée"):
        call_command("journal", "verify")


def test_the_heads_are_kept_and_mailed_to_the_officers_once_a_day(cpts, capsys, settings):
    officer = make_seat(cpts, Role.DATA_PROTECTION_OFFICER)
    make_seat(cpts, Role.ADMINISTRATOR)
    out = run("anchor", capsys=capsys)
    assert "2\xa0chaînes" in out and "1\xa0message " in out
    kept = [json.loads(line) for line in settings.ANCHOR_FILE.read_text().splitlines()]
    head = JournalLine.objects.filter(cpts_id=cpts.pk).latest("number")
    assert [(each["cpts_id"], each["number"]) for each in kept] == [(None, 1), (cpts.pk, 5)]
    assert kept[1]["hmac"] == head.hmac
    notice = Notice.objects.get()
    assert notice.recipient == officer.user.email and head.hmac in notice.body
    assert run("anchor", "--daily", capsys=capsys) == ""
    run("anchor", capsys=capsys)
    assert Notice.objects.count() == 1  # the same head is told once
    assert "Aucun ancrage" not in run("verify", capsys=capsys)


def test_the_clock_anchors_every_day(cpts, settings, monkeypatch):
    for days in (0, 0, 1):
        now = timezone.now() + dt.timedelta(days=days)
        monkeypatch.setattr(timezone, "now", lambda now=now: now)
        call_command("clock")
    assert len(settings.ANCHOR_FILE.read_text().splitlines()) >= 4


def test_an_end_cut_after_an_anchor_is_named(unguarded, cpts, capsys):
    run("anchor", capsys=capsys)
    JournalLine.objects.filter(cpts_id=cpts.pk, number__gt=3).delete()
    with pytest.raises(CommandError, match=r"vallee : n° 4 .*fin du journal coupée"):
        call_command("journal", "verify")


def test_a_folder_that_cannot_be_written_is_said(cpts, settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.ANCHOR_FILE = tmp_path / "file" / "heads"
    with pytest.raises(CommandError, match="n'est pas ancré"):
        call_command("journal", "anchor")


def test_old_lines_are_sealed_by_hand_too(cpts, capsys):
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    out = run("seal", "--cpts", "vallee", "--before", tomorrow.isoformat(), capsys=capsys)
    assert out.startswith("5\xa0lignes en moins")
    assert "1\xa0ligne, 5 scellées avant elles" in run("verify", capsys=capsys)
