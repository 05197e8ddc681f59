"""Lists of the CPAM: tried, loaded, played again; what cannot be kept is put aside and said."""

import io

import pytest
from django.core.management import CommandError, call_command

from factories import MONTCEAU, make_doctor_intake, set_mt
from maillage.accounts.enums import Role
from maillage.kernel.errors import NotAllowed
from maillage.medecin_traitant import actions, gateway
from maillage.medecin_traitant.models import DoctorRequest
from maillage.residents.actions import record_resident
from maillage.residents.models import Resident
from people import actor_as

HEAD = "nom;prenom;date_naissance;telephone;insee;ald"
LINES = [
    f"Fictif;Ada;1950-02-01;06 39 98 30 01;{MONTCEAU};oui",
    f"Imaginé;Zoé;01/03/1962;;{MONTCEAU};non",
]


def text(*lines):
    return "\n".join([HEAD, *lines]).encode()


def load(by, cpts, *lines, dry_run=False):
    given = gateway.read_cpam_list(text(*lines))
    return actions.load_cpam_list(by=by, cpts=cpts, given=given, dry_run=dry_run)


def counts(report):
    return report.created, report.matched, report.unchanged, len(report.quarantined)


def test_tried_then_loaded_then_played_again(cpts, desk):
    assert counts(load(desk, cpts, *LINES, dry_run=True)) == (2, 0, 0, 0)
    assert not DoctorRequest.objects.exists() and not Resident.objects.exists()
    assert counts(load(desk, cpts, *LINES)) == (2, 0, 0, 0)
    before = list(DoctorRequest.objects.values_list())
    assert counts(load(desk, cpts, *LINES)) == (0, 0, 2, 0)
    assert list(DoctorRequest.objects.values_list()) == before
    made = DoctorRequest.objects.get(number=1)
    assert (made.channel, made.ald, made.resident.phone) == ("cpam_file", "yes", "0639983001")


def test_a_known_person_is_matched_and_one_who_withdrew_stays_so(cpts, desk):
    known = make_doctor_intake(is_sure=True, family_name="FICTIF", birth_date=None)
    assert known.birth_date is None
    identity = {"family_name": "FICTIF", "given_name": "ada", "phone": ""}
    day = gateway.read_cpam_list(text(LINES[0])).rows[0].birth_date
    held = record_resident(by=desk, cpts=cpts, birth_date=day, **identity)
    assert counts(load(desk, cpts, *LINES, dry_run=True)) == (2, 1, 0, 0)
    load(desk, cpts, *LINES)
    made = DoctorRequest.objects.get(resident=held)
    actions.withdraw(by=desk, doctor_request=made)
    assert counts(load(desk, cpts, *LINES)) == (0, 0, 2, 0)
    made.refresh_from_db()
    assert made.state == "withdrawn" and Resident.objects.count() == 2


def test_what_only_looks_like_somebody_is_put_aside(cpts, desk):
    record_resident(by=desk, cpts=cpts, family_name="Autre", phone="06 39 98 30 01")
    report = load(desk, cpts, *LINES)
    assert counts(report) == (1, 0, 0, 1)
    assert report.quarantined[0].line == 2 and "comparer" in report.quarantined[0].reason


BAD = {
    f";Ada;1950-02-01;;{MONTCEAU};": "nom ou prénom absent",
    f"{'N' * 81};Ada;1950-02-01;;{MONTCEAU};": "trop long",
    "Fictif;Ada;1950-02-01;;Cluny;": "INSEE",
    "Fictif;Ada;1950-02-01;;71999;": "commune inconnue",
    f"Fictif;Ada;31/02/1950;;{MONTCEAU};": "date de naissance",
    f"Fictif;Ada;2050-02-01;;{MONTCEAU};": "pas possible",
    f"Fictif;Ada;1950-02-01;12;{MONTCEAU};": "téléphone",
    f"Fictif;Ada;1950-02-01;;{MONTCEAU};peut-être": "oui ou non",
}


@pytest.mark.parametrize("line", BAD, ids=list(BAD.values()))
def test_a_line_put_aside_says_why_and_where(cpts, desk, line):
    tried = load(desk, cpts, LINES[1], line, dry_run=True)
    report = load(desk, cpts, LINES[1], line)
    assert counts(report) == (1, 0, 0, 1)
    assert tried.quarantined == report.quarantined
    assert (report.quarantined[0].line, BAD[line] in report.quarantined[0].reason) == (3, True)
    assert "Fictif" not in report.quarantined[0].reason


def test_the_same_person_twice_in_a_list_counts_once(cpts, desk):
    assert counts(load(desk, cpts, *LINES, LINES[0], dry_run=True)) == (2, 0, 0, 1)


@pytest.mark.parametrize("content", [b"", b"PK\0\1", b"nom;prenom\nA;B", HEAD.encode()])
def test_what_is_not_a_list_is_refused(content):
    with pytest.raises(gateway.UnreadableList):
        gateway.read_cpam_list(content)


def test_latin_1_and_commas_are_read():
    given = gateway.read_cpam_list(
        "Nom,Prénom,Date naissance,INSEE\nÉté,Zoé,1950-01-01,71306\n".encode("latin-1")
    )
    assert given.rows[0].family_name == "Été"


def test_refused_without_a_legal_basis(cpts, desk, clock):
    clock.move(hours=1)
    set_mt(cpts, valid_from=clock.now)
    for dry_run in (True, False):
        with pytest.raises(actions.NoBasis):
            load(desk, cpts, *LINES, dry_run=dry_run)
    for role in (Role.COORDINATOR, Role.PROFESSIONAL, Role.READER):
        with pytest.raises(NotAllowed):
            load(actor_as(cpts, role), cpts, *LINES)
    assert not Resident.objects.exists()


def test_health_that_is_not_asked_is_not_kept(cpts, desk, clock):
    clock.move(hours=1)
    set_mt(cpts, valid_from=clock.now, cpam_basis="convention")
    load(desk, cpts, *LINES)
    assert {each.ald for each in DoctorRequest.objects.all()} == {""}


def test_the_command_says_what_the_page_says(cpts, coordinator, tmp_path):
    path, said = tmp_path / "liste.csv", io.StringIO()
    path.write_bytes(text(*LINES, "Fictif;Ada;;;;"))
    call_command("doctor_requests_load", path, cpts=cpts.slug, dry_run=True, stdout=said)
    assert "essai" in said.getvalue() and not DoctorRequest.objects.exists()
    call_command("doctor_requests_load", path, cpts=cpts.slug, stdout=said)
    assert "2 créées" in said.getvalue() and "Ligne 4" in said.getvalue()
    assert {each.owner_id for each in DoctorRequest.objects.all()} == {coordinator.seat_id}
    for given in ({"cpts": "ailleurs"}, {"cpts": cpts.slug}):
        with pytest.raises(CommandError):
            call_command("doctor_requests_load", tmp_path / "rien.csv", **given)
