"""G23: what is held on a person goes when its time has come, is told when asked, erased when asked."""

import datetime as dt
import json
from dataclasses import replace
from io import StringIO

import pytest
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from factories import (
    MONDAY,
    MONTCEAU,
    make_case,
    make_desk,
    make_doctor_intake,
    make_slot,
    set_mt,
)
from maillage.accounts.enums import Role, SeatState
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM
from maillage.availability.models import Absence, Booking, Opening, Slot, WeeklyPeriod
from maillage.directory.actions import add_contact, add_member, add_structure
from maillage.directory.models import (
    CptsProfessional,
    Delegation,
    Locum,
    ProfessionalAccount,
    Structure,
    StructureKind,
)
from maillage.kernel import chain, journal
from maillage.kernel.models import JournalLine
from maillage.kernel.retention import Retention, RetentionClass, declared, undeclared
from maillage.medecin_traitant import actions as mt
from maillage.medecin_traitant.models import DoctorOffer
from maillage.public.models import PublicRefusal
from maillage.residents.actions import record_resident
from maillage.residents.models import (
    InformationGiven,
    InformationNotice,
    Resident,
    SharingAgreement,
)
from maillage.rights import actions, queries
from maillage.rights.enums import Step
from maillage.rights.models import RetentionRule
from maillage.rights.queries import due, held
from maillage.snp import actions as snp
from maillage.snp.models import (
    CareRequest,
    CareRequestEvent,
    DeskClosing,
    OnCall,
    RedFlagList,
    RingMember,
    ShiftHandOver,
)
from maillage.territory.models import Commune
from people import actor_as, make_professional, make_seat, make_user
from trusted import evidence, size

pytestmark = pytest.mark.django_db
CANARY = "Canariquois"


@pytest.fixture
def clock(monkeypatch):
    """Time goes where it is told: `clock(days)` after Monday nine o'clock."""

    def go(days):
        now = MONDAY + dt.timedelta(days=days)
        monkeypatch.setattr(timezone, "now", lambda: now)
        return now

    go(0)
    return go


@pytest.fixture
def cpts():
    with scopes_disabled():
        return make_desk()


@pytest.fixture
def desk(cpts, clock):
    return actor_as(cpts, Role.DISPATCHER)


def apply(cpts):
    """What the clock does each day."""
    with scope(cpts=cpts):
        done = actions.purge(by=SYSTEM, cpts=cpts)
    with scopes_disabled():
        return done + actions.purge(by=SYSTEM, cpts=None)


def closed_request(desk, *, phone="06 39 98 01 01", **said):
    """A named patient's request, over at once."""
    commune = Commune.objects.get(pk=MONTCEAU)
    with scope(cpts=desk.cpts_id):
        resident = record_resident(
            by=desk,
            cpts=desk.seat.cpts,
            is_sure=True,
            family_name=CANARY,
            given_name=f"{CANARY}e",
            birth_date=dt.date(1950, 2, 1),
            phone=phone,
            email=f"{CANARY}@habitant.example",
            commune=commune,
        )
        words = {"note": f"{CANARY} tousse", "caller_name": f"Mère {CANARY}", "sms_allowed": True}
        words |= {"resident": resident, "agreement_from": "patient"}
        case = make_case(desk, "informed", phone=phone, **words | said)
        snp.inform_patient(by=desk, care_request=case.care_request, means="sms", result="sent")
        snp.note_call(by=desk, care_request=case.care_request, to="patient", result="reached")
        snp.cancel(by=desk, care_request=case.care_request, cancelled_by="patient")
        return resident, CareRequest.objects.get(pk=case.care_request.pk)


# Each table that a duration empties or deletes, by one row of it that is over on Monday and that
# nothing else refers to. A new table without its line here turns the test red.
TODAY = MONDAY.date()


class Samples:
    """Builds the rows; `made` holds them by the label of their table."""

    def __init__(self, cpts, desk):
        self.cpts, self.desk = cpts, desk
        self.made = {}
        self.doctor = make_professional(cpts)
        self.offer = {
            "professional": self.doctor,
            "place": self.doctor.places.create(commune_id=MONTCEAU),
            "kind": "office",
            "mode": "bookable",
        }
        for build in (
            self.people,
            self.directory,
            self.availability,
            self.snp,
            self.search,
            self.notices,
        ):
            build()

    def keep(self, *rows):
        self.made |= {row._meta.label: row for row in rows}

    def people(self):
        user = make_user(f"{CANARY.lower()}@cabinet.example", family_name=CANARY)
        seat = make_seat(self.cpts, Role.READER, user, SeatState.LEFT, left_on=TODAY)
        email = EmailAddress.objects.create(user=make_user(), email="autre@cabinet.example")
        self.keep(
            user,
            seat,
            Session.objects.create(session_key="un", session_data="x", expire_date=MONDAY),
            UserSession.objects.create(
                user=email.user,
                ip="127.0.0.1",
                user_agent="x",
                session_key="un",
                last_seen_at=MONDAY,
            ),
            EmailConfirmation.objects.create(email_address=email, created=MONDAY, key="un"),
        )
        EmailAddress.objects.create(user=user, email=user.email)

    def directory(self):
        other, user = make_professional(self.cpts), make_user()
        record = CptsProfessional.objects.get(professional=other)
        CptsProfessional.objects.filter(pk=record.pk).update(left_on=TODAY, note=CANARY)
        kind = StructureKind.objects.create(code="355", label="Hôpital")
        structure = Structure.objects.create(
            finess="719900015",
            name="Hôpital",
            kind=kind,
            commune_id=MONTCEAU,
            source="essai",
            vintage=TODAY,
        )
        known = add_structure(by=SYSTEM, cpts=self.cpts, structure=structure)
        contact = add_contact(by=SYSTEM, record=known, service="Accueil", phone="0353019900")
        member = add_member(by=SYSTEM, record=known, seat=self.desk.seat)
        for row in (contact, member):
            type(row)._base_manager.filter(pk=row.pk).update(from_on=TODAY, until_on=TODAY)
        ring = snp.create_ring(by=SYSTEM, cpts=self.cpts, name="Cercle", profession="10")
        self.keep(
            record,
            contact,
            member,
            RingMember.objects.create(
                cpts=self.cpts, ring=ring, professional=other, from_on=TODAY, until_on=TODAY
            ),
            ProfessionalAccount.objects.create(
                user=user,
                professional=other,
                method="document",
                verified_at=MONDAY,
                ended_on=TODAY,
            ),
            Delegation.objects.create(
                professional=other, secretary=user, from_on=TODAY, until_on=TODAY
            ),
            Locum.objects.create(locum=self.doctor, replaced=other, from_on=TODAY, until_on=TODAY),
        )

    def availability(self):
        now = {"starts_at": MONDAY - dt.timedelta(hours=1), "ends_at": MONDAY}
        held = make_slot(self.doctor, start=MONDAY - dt.timedelta(minutes=20))
        self.keep(
            WeeklyPeriod.objects.create(
                **self.offer,
                weekday=0,
                starts_minute=480,
                ends_minute=540,
                from_on=TODAY,
                until_on=TODAY,
            ),
            Opening.objects.create(**self.offer, **now),
            Absence.objects.create(professional=self.doctor, **now),
            Slot.objects.create(**self.offer, **now),
            Booking.objects.create(
                slot=held, place_number=1, cpts=self.cpts, state="released", changed_at=MONDAY
            ),
            OnCall.objects.create(cpts=self.cpts, seat=self.desk.seat, **now),
        )

    def snp(self):
        other = make_seat(self.cpts, Role.DISPATCHER)
        replaced = RedFlagList.objects.get()
        RedFlagList.objects.create(
            cpts=self.cpts, valid_from=MONDAY, validated_by="Dre Autre", validated_on=TODAY
        )
        _, self.request = closed_request(self.desk)
        self.keep(
            self.request,
            replaced,
            Resident.objects.create(cpts=self.cpts, family_name=CANARY),
            ShiftHandOver.objects.create(
                cpts=self.cpts, at=MONDAY, from_seat=self.desk.seat, to_seat=other, requests=1
            ),
            DeskClosing.objects.create(cpts=self.cpts, at=MONDAY, requests=0),
            SharingAgreement.objects.create(
                cpts=self.cpts,
                giver="patient",
                scope="cpts",
                means="spoken",
                given_at=MONDAY,
                collected_by=self.desk.seat,
            ),
            InformationGiven.objects.create(
                cpts=self.cpts,
                notice=InformationNotice.objects.create(
                    cpts=self.cpts, version=1, text="Texte", valid_from=MONDAY
                ),
                means="spoken",
                given_at=MONDAY,
            ),
        )

    def search(self):
        """Somebody who no longer looks for a médecin traitant, and a doctor's offer that ended."""
        set_mt(self.cpts, asks_last_doctor=True)
        said = {"note": CANARY, "last_doctor": CANARY, "family_name": CANARY, "phone": ""}
        intake = make_doctor_intake(**said, is_sure=True)
        made = mt.record_request(by=self.desk, cpts=self.cpts, intake=intake)
        self.keep(
            mt.withdraw(by=self.desk, doctor_request=made),
            DoctorOffer.objects.create(
                cpts=self.cpts, professional=self.doctor, asked_at=MONDAY, ended_at=MONDAY
            ),
            PublicRefusal.objects.create(
                cpts=self.cpts,
                professional=self.doctor,
                is_own=True,
                refused_at=MONDAY,
                withdrawn_at=MONDAY,
            ),
        )

    def notices(self):
        self.keep(
            Notice.objects.create(
                cpts=self.cpts,
                key="un",
                channel="sms",
                recipient="0639980102",
                body=CANARY,
                next_try_at=MONDAY,
                sent_at=MONDAY,
                state="sent",
            )
        )


def everything():
    """Every value of every column of every table, as the platform reads it."""
    for model in apps.get_models(include_auto_created=True):
        names = [field.attname for field in model._meta.concrete_fields]
        for row in model._base_manager.all():
            for name in names:
                yield f"{model._meta.label}.{name}", str(getattr(row, name))


def where(word):
    """The columns that hold a word."""
    with scopes_disabled():
        return sorted({column for column, value in everything() if word.lower() in value.lower()})


def roots():
    """Tables whose rows have their own clock."""
    return [
        (model, said)
        for model, said in declared()
        if said.ends is not None and not said.part_of and said.kind != RetentionClass.JOURNAL
    ]


def state(model, said, pk):
    """What is left of a row: "whole", "emptied" or "gone"."""
    row = model._base_manager.filter(pk=pk).first()
    if row is None:
        return "gone"
    return "emptied" if getattr(row, "erased_at", None) else "whole"


def expected(said, rules, days):
    """What must be left of it so many days after its end."""
    gone, emptied = rules.get((said.kind, Step.DELETE)), rules.get((said.kind, Step.ERASE))
    if said.is_deleted and gone is not None and days >= gone.days:
        return "gone"
    if said.erases and emptied is not None and days >= emptied.days:
        return "emptied"
    return "whole"


def checkpoints(rules):
    """The eve and the day of every limit, then each year to the twentieth."""
    limits = {rule.days for rule in rules.values()}
    years = {365 * year for year in range(0, 21, size(10, 1))}
    days = {limit - 1 for limit in limits} | limits | years
    return sorted(days)


def test_every_class_goes_on_its_day_over_twenty_years(cpts, desk, clock):
    with scope(cpts=cpts):
        samples = Samples(cpts, desk).made
    assert set(samples) == {model._meta.label for model, _ in roots()}, "a table without a sample"
    rules = queries.rules_in_force(cpts, TODAY)
    open_request = None
    with scope(cpts=cpts):
        open_request = make_case(desk, phone="06 39 98 02 02", caller_name="Encore là").care_request
    seen = 0
    for days in checkpoints(rules):
        clock(days)
        apply(cpts)
        with scopes_disabled():
            for model, said in roots():
                left = state(model, said, samples[model._meta.label].pk)
                assert left == expected(said, rules, days), (model._meta.label, days)
                seen += 1
    with scopes_disabled():
        open_request = CareRequest.objects.get(pk=open_request.pk)
        assert (open_request.caller_name, open_request.erased_at) == ("Encore là", None)
    assert where(CANARY) == []
    evidence("G23", "classes followed over 20 years", len({said.kind for _, said in roots()}))
    evidence("G23", "rows looked at on a day of a limit", seen)


def test_the_journal_is_sealed_on_its_day(cpts, desk, clock):
    """The lines go, their seal stays, and the chain is still whole."""
    journal.record("snp.created", None, by=desk, cpts=cpts)
    days = queries.rules_in_force(cpts, TODAY)[RetentionClass.JOURNAL, Step.DELETE].days
    for day, left in ((days - 1, True), (days, False)):
        clock(day)
        apply(cpts)
        lines = JournalLine.objects.filter(cpts_id=cpts.pk)
        assert lines.filter(action="snp.created").exists() == left
        assert lines.filter(kind=JournalLine.Kind.SEAL).exists() != left
    assert chain.verify(cpts.pk).broken is None


# What is held on somebody: told whole


def tables_of_the_base():
    """Foreign keys as the database itself knows them: (table, column) -> (table, column)."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for column, target in connection.introspection.get_relations(cursor, table).items():
                found[table, column] = target[1], target[0]
    return found


def counted_by_the_base(table, pk):
    """How many rows of each table lead to this one, followed key by key in SQL."""
    keys, key_of = (
        tables_of_the_base(),
        {m._meta.db_table: m._meta.pk.column for m in apps.get_models()},
    )
    found, new = {table: {pk}}, [(table, {pk})]
    with connection.cursor() as cursor:
        while new:
            target, ids = new.pop()
            for (other, column), (to, _) in keys.items():
                if to != target:
                    continue
                marks = ", ".join(["%s"] * len(ids))
                cursor.execute(
                    f'SELECT "{key_of[other]}" FROM "{other}" WHERE "{column}" IN ({marks})',
                    list(ids),
                )
                more = {row[0] for row in cursor.fetchall()} - found.get(other, set())
                if more:
                    found.setdefault(other, set()).update(more)
                    new.append((other, more))
    return {table: len(ids) for table, ids in found.items()}


def told_on(resident, cpts):
    """How many rows of each table the answer tells."""
    with scope(cpts=cpts):
        held = {each.table: len(each.rows) for each in queries.held_on(resident)}
    return {apps.get_model(label)._meta.db_table: rows for label, rows in held.items()}


def test_the_answer_to_a_person_is_whole(cpts, desk):
    resident, care_request = closed_request(desk)
    closed_request(desk, phone="06 39 98 03 03")  # somebody else
    told = told_on(resident, cpts)
    notices = told.pop("accounts_notice")
    with scopes_disabled():
        counted = counted_by_the_base("residents_resident", resident.pk)
    assert told == counted and len(counted) >= 6
    with scope(cpts=cpts):
        about = Notice.objects.filter(key__contains=f":{care_request.pk}:")
        assert notices >= about.count() > 0
    evidence("G23", "rows told to a person, equal to the count of the base", sum(told.values()))


def test_a_table_that_the_answer_forgets_is_seen(cpts, desk, monkeypatch):
    """The fault: the keys of one table are not followed."""
    resident, _ = closed_request(desk)
    known = due.pointing_at

    def forgetful(model):
        return [pair for pair in known(model) if pair[0] is not CareRequestEvent]

    monkeypatch.setattr(held, "pointing_at", forgetful)
    told = told_on(resident, cpts)
    told.pop("accounts_notice")
    with scopes_disabled():
        assert told != counted_by_the_base("residents_resident", resident.pk)


def test_the_answer_says_who_looked_by_role(cpts, desk, client):
    resident, _ = closed_request(desk)
    client.force_login(desk.seat.user)
    client.get(f"/c/{cpts.slug}/habitants/{resident.pk}/")
    told = StringIO()
    call_command("rights_export", "--cpts", cpts.slug, "--resident", str(resident.pk), stdout=told)
    answer = json.loads(told.getvalue())
    assert CANARY in told.getvalue()
    looked = [line for line in answer["qui_a_regarde"] if line["quoi"] == "Fiche d'habitant"]
    assert [line["role"] for line in looked] == ["Opérateur SNP"]
    assert answer["ce_qui_a_ete_fait"]
    assert str(desk.seat.user) not in json.dumps(answer["qui_a_regarde"], ensure_ascii=False)
    line = JournalLine.objects.get(action="rights.export")
    assert (line.residents, line.actor_kind) == ([resident.pk], "system")


# Erased when they ask


def erase(cpts, resident, **about):
    officer = actor_as(cpts, Role.DATA_PROTECTION_OFFICER)
    with scope(cpts=cpts):
        return actions.erase_resident(by=officer, resident=resident, reason="not_needed", **about)


def test_an_erasure_leaves_no_trace_of_the_person(cpts, desk):
    resident, care_request = closed_request(desk)
    before = where(CANARY) + where("0639980101") + where("06 39 98 01 01")
    assert {"residents.Resident.family_name", "snp.CareRequest.note"} <= set(before)
    erase(cpts, resident)
    for word in (CANARY, "0639980101", "06 39 98 01 01", "1950-02-01"):
        assert where(word) == [], word
    with scope(cpts=cpts):
        kept = CareRequest.objects.get(pk=care_request.pk)
    assert (kept.resident_id, kept.commune_id, kept.reason) == (resident.pk, MONTCEAU, "fever")
    person = Resident._base_manager.get(pk=resident.pk)
    keys = (person.phone_key, person.name_birth_key, person.name_commune_key, kept.phone_key)
    assert set(keys) == {""}, "a hash still tells whose it was"
    evidence("G23", "columns that held the person before, none after", len(set(before)))


def test_a_column_that_the_erasure_forgets_is_seen(cpts, desk, monkeypatch):
    """The fault: a table does not say that one of its columns identifies."""
    resident, _ = closed_request(desk)
    said = CareRequest.retention
    less = {name: left for name, left in said.erases.items() if name != "note"}
    monkeypatch.setattr(CareRequest, "retention", replace(said, erases=less))
    erase(cpts, resident)
    assert where(CANARY) == ["snp.CareRequest.note"]


def test_nobody_is_erased_while_something_is_done_for_them(cpts, desk):
    resident, _ = closed_request(desk)
    with scope(cpts=cpts):
        again = make_case(desk, phone="06 39 98 01 01", resident=resident).care_request
    with pytest.raises(actions.StillOpen, match=f"n° {again.number}"):
        erase(cpts, resident)
    assert where(CANARY)


def test_a_request_of_nobody_named_goes_when_it_is_theirs(cpts, desk):
    resident, _ = closed_request(desk)
    with scope(cpts=cpts):
        words = {"phone": "06 39 98 01 01", "caller_name": f"{CANARY} bis"}
        alone = make_case(desk, "cancelled", **words).care_request
        other = make_case(desk, "cancelled", phone="06 39 98 04 04").care_request
        assert queries.same_number(resident) == [alone]
    with pytest.raises(actions.BadErasure):
        erase(cpts, resident, also=[other])
    erase(cpts, resident, also=[alone])
    assert where(CANARY) == []


# A table says its class, or nothing is built


def test_a_table_without_its_class_is_seen(monkeypatch):
    monkeypatch.delattr(CareRequestEvent, "retention")
    assert undeclared() == ["snp.CareRequestEvent: no retention"]


@pytest.mark.parametrize(
    "said",
    [
        Retention(),
        Retention(kind=RetentionClass.NOTICE),
        Retention(kind=RetentionClass.NOTICE, ends="at", erases={"nom": ""}),
        Retention(kind=RetentionClass.NOTICE, part_of="nothing", erases={"text": ""}),
        Retention(kind=RetentionClass.CARE_REQUEST, part_of="care_request"),  # its text stays
    ],
)
def test_a_class_that_says_nothing_is_seen(monkeypatch, said):
    monkeypatch.setattr(CareRequestEvent, "retention", said)
    assert [fault.split(":")[0] for fault in undeclared()] == ["snp.CareRequestEvent"]


def test_a_duration_forgotten_is_seen(cpts, desk, clock):
    """The fault: a class without a rule stays for ever."""
    RetentionRule.objects.filter(kind=RetentionClass.CARE_REQUEST).delete()
    closed_request(desk)
    clock(365 * 20)
    apply(cpts)
    assert "snp.CareRequest.note" in where(CANARY)
