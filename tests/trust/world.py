"""Two CPTSs that mirror each other, to be attacked: what tests/trust asks for is asked here.

An actor of each role in ours, one in each state of a seat, one of each role next door; an object of
each kind three times: `own` (asked of the professional of the story, kept by the secretary of the
story), `other` (a colleague's, in our CPTS) and `foreign` (next door). Every text that a person could
have typed is a word of its own, which begins like its side: one search finds any that leaks.
"""

import datetime as dt
import itertools
import logging
import re
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone
from django_scopes import scope, scopes_disabled

import walls
from factories import MONDAY, give, make_desk, make_doctor, make_slot, set_mt
from maillage.accounts.enums import Role, SeatState
from maillage.accounts.models import Notice, User
from maillage.accounts.rules import SYSTEM, SeatActor
from maillage.availability import models as availability
from maillage.config import middleware
from maillage.directory.actions import add_contact, add_member, add_structure
from maillage.directory.models import Delegation, Locum, Place, Structure, StructureKind
from maillage.medecin_traitant import actions as mt
from maillage.medecin_traitant import queries as mt_queries
from maillage.medecin_traitant.models import DoctorOffer, PublishedNumbers
from maillage.public import actions as public
from maillage.residents.actions import record_resident
from maillage.snp import actions as snp
from maillage.snp.models import Agreement, Call, OnCall
from maillage.snp.queries import proposal_token
from maillage.snp.queries.desk import forget_settings
from maillage.snp.queries.queue import forget_queues
from maillage.snp.queries.shelf import forget_shelves
from maillage.territory.models import Commune, Cpts
from maillage.territory.queries.travel import forget_trips
from people import link, make_cpts, make_seat, make_user
from pictures import png

BACKEND = "maillage.accounts.gateway.backends.Backend"
NOBODYS_ID = 987_654_321
_worlds = itertools.count()
FAR = 700_000  # ids next door begin here: none is the id of one of ours
SIDES = {"own": "Zpropre", "other": "Zautre", "foreign": "Zvoisin"}
# No professional of tests/factories.py has such a number.
PHONES = {"own": "06399896", "other": "06399897", "foreign": "06399898"}
A, C, D, P = Role.ADMINISTRATOR, Role.COORDINATOR, Role.DISPATCHER, Role.PROFESSIONAL
S = Role.SECRETARY
METHODS_ALL = ("get", "head", "post", "put", "patch", "delete", "options")
STATES = {
    "invited": {"state": SeatState.INVITED},
    "accepted": {"state": SeatState.ACCEPTED},
    "suspended": {"state": SeatState.SUSPENDED},
    "left": {"state": SeatState.LEFT},
    "over": {"ends_on": MONDAY.date() - dt.timedelta(days=1)},
    "to come": {"starts_on": MONDAY.date() + dt.timedelta(days=1)},
}


def routes():
    """Every named route of the resolver, with its view."""

    def walk(patterns, spaces=()):
        for each in patterns:
            if isinstance(each, URLPattern):
                yield ":".join([*spaces, each.name or "?"]), each
            else:
                inside = (*spaces, each.namespace) if each.namespace else spaces
                yield from walk(each.url_patterns, inside)

    return dict(walk(get_resolver().url_patterns))


def methods_of(name):
    return [m.lower() for m in routes()[name].callback.page_rule.methods]


def body(response):
    """What a stranger could compare: without the address and the one-time token."""
    text = response.content.decode(errors="replace")  # a picture is compared too
    text = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken":)"[^"]+"', "", text)
    text = re.sub(r"/c/[^\"' <]+", "", text)
    return response.status_code, text


def forget_all():
    """What the process keeps between two requests: another database may hold other rows."""
    for forget in (forget_settings, forget_shelves, forget_queues, forget_trips):
        forget()


class World:
    """Two CPTSs, an actor of each kind, an object of each kind on each side."""

    def __init__(self):
        forget_all()
        self.clients, self.objects = {}, {}
        with scopes_disabled():
            self.own = make_desk("vallee")
            self.third = make_cpts("tierce")
            self.users = {role: self._person("own", role) for role in Role}
            for role, user in self.users.items():
                make_seat(self.own, role, user)
            self._fill("own", self.own, self.users[P], self.users[S])
            self._fill("other", self.own, self._person("other", P), self._person("other", S))
            self.by_state = {
                (state, role): self._person("other", f"{role}{n}")
                for n, state in enumerate(STATES)
                for role in Role
            }
            for (state, role), user in self.by_state.items():
                make_seat(self.own, role, user, **STATES[state])
            far_away()
            self.foreign = make_desk("voisine")
            self.neighbours = {role: self._person("foreign", role) for role in Role}
            for role, user in self.neighbours.items():
                make_seat(self.foreign, role, user)
            self._fill("foreign", self.foreign, self.neighbours[P], self.neighbours[S])
            self.staff = make_user("technique@maillage.example", is_staff=True, is_superuser=True)
            self.nobody = make_user("personne@maillage.example")
            self.left = make_user("desactive@maillage.example", is_active=False)
            self.one_factor = self._person("own", "seul")
            make_seat(self.own, D, self.one_factor)
            # Signed in now: a session made inside a test would go with it.
            for user in [None, *User.objects.all()]:
                self.client_of(user)
            session = self.client_of(self.one_factor).session
            del session["account_authentication_methods"]
            session.save()

    def _person(self, side, name) -> User:
        word = f"{SIDES[side]}{str(name).replace('_', '').title()}"
        return make_user(f"{word.lower()}@cpts.example", given_name=word, family_name=f"{word}Nom")

    def _fill(self, side, cpts, doctors_user, secretary):
        with scope(cpts=cpts):
            self.objects[side] = Objects(side, cpts, doctors_user, secretary).made
            self.objects[side]["accord"] = Agreement.objects.create(
                proposed_by_cpts=cpts, other_cpts=self.third, starts_at=MONDAY
            )

    def url(self, name, pk=None, *, cpts=None):
        route = routes()[name]
        kwargs = {"cpts": (cpts or self.own).slug} if "cpts" in route.pattern.converters else {}
        if "site" in route.pattern.converters:
            kwargs["site"] = (cpts or self.own).slug
        if "which" in route.pattern.converters:
            kwargs["which"] = "rien"
        if "pk" in route.pattern.converters:
            kwargs["pk"] = NOBODYS_ID if pk is None else pk
        if "token" in route.pattern.converters:
            kwargs["token"] = self._token(name)
        return reverse(name, kwargs=kwargs)

    def _token(self, name):
        """Of the link a route opens; each has its own kind."""
        own = self.objects["own"]
        if name == "medecin_traitant:follow_link":
            return mt_queries.link_to_request(own["doctor_request"]).split("/")[-2]
        if name == "medecin_traitant:offer_link":
            return mt_queries.link_to_offer(own["asked_offer"]).split("/")[-2]
        if name == "medecin_traitant:attribution_link":
            return mt_queries.link_to_attribution(own["attribution"]).split("/")[-2]
        return proposal_token(own["proposal"])

    def client_of(self, user):
        if user not in self.clients:
            self.clients[user] = Client(raise_request_exception=False)
            if user is not None:
                self.clients[user].force_login(user, backend=BACKEND)
        return self.clients[user]

    def pages(self, tables):
        """Every page that may be opened: (role, user, url), from the hand tables."""
        lists, objects = tables
        for name in {**lists, **objects}:
            kind, _, granted = objects.get(name, (None, None, lists.get(name)))
            if "get" in methods_of(name):
                pk = self.objects["own"][kind].pk if kind else None
                yield from (
                    (role, self.users[role], self.url(name, pk)) for role in sorted(granted)
                )
        board = self.url("snp:board")
        for each in ("care_request", "accepted", "alone"):
            yield D, self.users[D], f"{board}?demande={self.objects['own'][each].pk}"

    def ask(self, user, url, method="get", data=None, look=None, **extra):
        """One request, rolled back: an act granted to one actor must not change the next one's world.

        `look` is called with the answer before that.
        """
        client = self.client_of(user)
        cookies = client.cookies.output(header="", sep=";")
        with transaction.atomic():
            response = getattr(client, method)(url, data, **extra)
            if look is not None:
                look(response)
            transaction.set_rollback(True)
        if method not in {"get", "head", "options"}:
            forget_all()
        # Nor must a log-out, or what an act said.
        client.cookies.clear()
        client.cookies.load(cookies)
        return response


class Objects:
    """One of each kind, for one doctor of one CPTS."""

    def __init__(self, side, cpts, doctors_user, secretary):
        self.side, self.cpts, self.secretary = side, cpts, secretary
        self.count = 0
        self.desk = SeatActor(make_seat(cpts, D, self._user("Desk")))
        self.doctor = make_doctor(
            cpts, family_name=self.word("Medecin"), given_name=self.word("Prenom")
        )
        seat = doctors_user.seats.filter(cpts=cpts).first() or make_seat(cpts, P, doctors_user)
        link(doctors_user, self.doctor)
        self.by_doctor = SeatActor(seat)
        self.made = {"professional": self.doctor, "seat": self.desk.seat}
        self._people()
        self._request()
        self._diary()
        self._structures()
        self._ladder()
        self._search()
        self._site()
        self._texts()

    def word(self, name) -> str:
        return f"{SIDES[self.side]}{name}"

    def phone(self) -> str:
        self.count += 1
        return f"{PHONES[self.side]}{self.count:02}"

    def _user(self, name) -> User:
        mail = f"{self.word(name).lower()}@cpts.example"
        return make_user(mail, given_name=self.word(name), family_name=self.word(f"{name}Nom"))

    def _people(self):
        today = timezone.localdate()
        commune = Commune.objects.get(pk="71306")
        self.made["commune"] = commune
        self.made["resident"] = record_resident(
            by=self.desk,
            cpts=self.cpts,
            family_name=self.word("Famille"),
            given_name=self.word("Habitant"),
            birth_date=dt.date(1950, 1, 2),
            phone=self.phone(),
            email=f"{self.word('Courriel').lower()}@cpts.example",
            commune=commune,
        )
        self.made["delegation"] = Delegation.objects.create(
            professional=self.doctor, secretary=self.secretary, from_on=today
        )
        self.locum = make_doctor(self.cpts, family_name=self.word("Remplacant"))
        self.made["locum"] = Locum.objects.create(
            replaced=self.doctor,
            locum=self.locum,
            from_on=today + dt.timedelta(days=60),
            until_on=today + dt.timedelta(days=67),
        )
        Place.objects.filter(professional=self.doctor).update(
            address=self.word("Adresse"), name=self.word("Cabinet")
        )

    def request(self, **said):
        """One more request of this CPTS, about somebody known unless told otherwise."""
        self.count += 1
        usual = {
            "form_key": f"{self.word('Cle')}-{self.count}",
            "phone": self.phone(),
            "commune": self.made["commune"],
            "reason": "fever",
            "age_band": "16-69",
            "note": self.word("Note"),
            "caller_name": self.word("Appelant"),
            "resident": self.made["resident"],
            "agreement_from": "patient",
            "sms_allowed": True,
            "double_checked": True,
        }
        return snp.create_care_request(
            by=self.desk, cpts=self.cpts, intake=snp.Intake(**usual | said)
        )

    def _request(self):
        self.made["slot"] = make_slot(self.doctor, 60)
        self.made["slot_free"] = make_slot(self.doctor, 120)
        self.made["care_request"] = self.request()
        self.made["sharing"] = self.made["care_request"].sharing
        self.made["proposal"] = snp.propose(
            by=self.desk, care_request=self.made["care_request"], slot=self.made["slot"]
        )
        # An accepted one: its identity is open to the professional who accepted it, and to them only.
        self.made["accepted"] = self.request()
        slot = make_slot(self.doctor, 180)
        proposal = snp.propose(by=self.desk, care_request=self.made["accepted"], slot=slot)
        self.made["accepted_proposal"] = snp.accept_proposal(by=self.by_doctor, proposal=proposal)
        self.made["opening_glass"] = snp.break_glass(
            by=self.by_doctor,
            care_request=self.made["care_request"],
            motive="danger",
            reason=self.word("Raison"),
        )
        self.made["alone"] = self.request(resident=None, agreement_from="")
        snp.note_call(
            by=self.desk,
            care_request=self.made["care_request"],
            to="professional",
            result=Call._meta.get_field("result").choices[0][0],
            professional=self.doctor,
        )

    def _diary(self):
        place = self.doctor.places.first()
        offer = {"professional": self.doctor, "place": place, "kind": "office", "mode": "bookable"}
        self.made["place"] = place
        self.made["period"] = availability.WeeklyPeriod.objects.create(
            **offer,
            weekday=5,
            starts_minute=600,
            ends_minute=660,
            slot_minutes=20,
            from_on=MONDAY.date(),
        )
        self.made["opening"] = availability.Opening.objects.create(
            **offer,
            starts_at=MONDAY + dt.timedelta(days=5),
            ends_at=MONDAY + dt.timedelta(days=5, hours=3),
        )
        self.made["absence"] = availability.Absence.objects.create(
            professional=self.doctor,
            starts_at=MONDAY + dt.timedelta(days=365),
            ends_at=MONDAY + dt.timedelta(days=366),
        )
        give(self.doctor, self.cpts)

    def _structures(self):
        number = {"own": 1, "other": 2, "foreign": 3}[self.side]
        kind, _ = StructureKind.objects.get_or_create(code="355", defaults={"label": "Hôpital"})
        structure = Structure.objects.create(
            finess=f"7199000{number}5",
            name=f"Hôpital fictif {number}",
            kind=kind,
            commune=self.made["commune"],
            source="essai",
            vintage=MONDAY.date(),
        )
        record = add_structure(by=SYSTEM, cpts=self.cpts, structure=structure)
        self.made |= {
            "structure": record,
            "contact": add_contact(
                by=SYSTEM, record=record, service=self.word("Service"), phone=f"035301990{number}"
            ),
            "member": add_member(
                by=SYSTEM, record=record, seat=self.desk.seat, function=self.word("Fonction")
            ),
        }

    def _ladder(self):
        ring = snp.create_ring(
            by=SYSTEM, cpts=self.cpts, name=self.word("Cercle"), profession=self.doctor.profession
        )
        later = MONDAY + dt.timedelta(days={"own": 30, "other": 31, "foreign": 30}[self.side])
        self.made |= {
            "ring": ring,
            "ring_member": snp.add_to_ring(by=SYSTEM, ring=ring, professional=self.doctor),
            "on_call": OnCall.objects.create(
                cpts=self.cpts,
                seat=self.desk.seat,
                starts_at=later,
                ends_at=later + dt.timedelta(hours=8),
            ),
        }

    def _search(self):
        """Somebody without a médecin traitant, and a doctor who may take some."""
        if mt_queries.last_settings(self.cpts) is None:
            set_mt(self.cpts, responsible=self.doctor, cpam_basis=self.word("Base"))
            of_nobody = mt_queries.numbers_of(
                self.cpts, mt_queries.settings_of(self.cpts, MONDAY), [], now=MONDAY
            )
            figures = mt_queries.figures_of(of_nobody)
            PublishedNumbers.objects.create(cpts=self.cpts, taken_at=MONDAY, figures=figures)
        intake = mt.Intake(
            form_key=self.word("CleMt"),
            channel="phone",
            commune=self.made["commune"],
            resident=self.made["resident"],
            note=self.word("Note"),
            ald="yes",
            sms_allowed=True,
        )
        until_on = MONDAY.date() + dt.timedelta(days=30)
        offer = mt.Offer(per_month=2, until_on=until_on)
        self.made |= {
            "doctor_request": mt.record_request(by=self.desk, cpts=self.cpts, intake=intake),
            "doctor_offer": mt.record_offer(
                by=SYSTEM, cpts=self.cpts, professional=self.doctor, offer=offer
            ),
        }
        self.made["attribution"] = mt.propose_doctor(
            by=SYSTEM, doctor_request=self.made["doctor_request"], professional=self.doctor
        )
        mt.ask_doctors(by=SYSTEM, cpts=self.cpts)
        self.made["asked_offer"] = DoctorOffer.objects.get(professional=self.locum)

    def _site(self):
        """A public page that is written and not published, a picture, a refusal."""
        if self.side != "other":
            public.set_site(
                by=SYSTEM,
                cpts=self.cpts,
                version=1,
                is_open=True,
                lists_professionals=True,
                address="1 place de l'Exemple",
            )
        said = {"kind": "paragraph", "text": self.word("Brouillon")}
        number = {"own": 1, "other": 2, "foreign": 3}[self.side]
        self.made |= {
            "public_page": public.create_page(
                by=SYSTEM, cpts=self.cpts, kind="free", title=self.word("Page"), blocks=[said]
            ),
            "public_image": public.add_image(
                by=SYSTEM, cpts=self.cpts, content=png(number, 1), name=self.word("Photo")
            ),
            "public_refusal": public.refuse_listing(
                by=SYSTEM, cpts=self.cpts, professional=self.doctor
            ),
        }

    def _texts(self):
        """What somebody typed elsewhere than in the actions above."""
        for record in self.doctor.cpts_records.filter(cpts=self.cpts):
            record.note = self.word("Carnet")
            record.save(update_fields=["note"])
        self.made["structure"].note = self.word("Memo")
        self.made["structure"].save(update_fields=["note"])
        self.made["notice"] = Notice.objects.create(
            cpts=self.cpts,
            key=f"essai-{self.side}",
            channel="mail",
            recipient=f"{self.word('Envoi').lower()}@cpts.example",
            subject=self.word("Objet"),
            body=self.word("Texte"),
            next_try_at=MONDAY,
        )


def far_away():
    """From now on every table gives ids far from those given before, by any world of this process:
    a sequence of PostgreSQL does not go back with a transaction."""
    base = FAR + 1_000_000 * next(_worlds)
    tables = connection.introspection.django_table_names(only_existing=True)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for number, table in enumerate(sorted(tables)):
                ours = [base + 1000 * number, table]
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", ours[1:])
                cursor.execute("INSERT INTO sqlite_sequence (seq, name) VALUES (%s, %s)", ours)
            return
        found, moved = connection.introspection, []
        for number, table in enumerate(sorted(tables)):
            for each in found.get_sequences(cursor, table):
                name = connection.ops.quote_name(each.get("name") or f"{table}_id_seq")
                moved.append(f"SELECT setval('{name}', {base + 1000 * number}, false)")
    with walls.owner_connection() as owner:
        for statement in moved:
            owner.execute(statement)


@contextmanager
def same_ids():
    """A function that makes the next rows take the ids that they would take now. SQLite takes them
    back with the transaction."""
    if connection.vendor == "sqlite":
        yield lambda: None
        return
    with walls.owner_connection(autocommit=True) as owner:
        found = owner.execute(
            "SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences"
            " WHERE last_value IS NOT NULL"
        ).fetchall()
        back = "SELECT " + ", ".join(f"setval('{name}', {last})" for name, last in found)
        yield lambda: owner.execute(back)


def texts_of(side: str) -> re.Pattern:
    """What betrays a row of one side in a page, a file or a message."""
    digits = PHONES[side]
    spaced = "[ \u00a0\u202f]?".join(digits[n : n + 2] for n in range(0, 8, 2))
    return re.compile(f"{SIDES[side]}|{SIDES[side].lower()}|{spaced}")


def rows_of(cpts: Cpts) -> dict[str, list]:
    """Every row of one CPTS, table by table: equal before and after when nothing touched it."""
    found = {}
    with scopes_disabled():
        for model in connection.introspection.installed_models(
            connection.introspection.table_names()
        ):
            if getattr(model, "tenancy", "") == "cpts":
                found[model.__name__] = sorted(
                    model._base_manager.filter(cpts_id=cpts.pk).values_list(), key=repr
                )
    return found


REQUESTS = logging.getLogger("django.request")


def is_breakdown(record) -> bool:
    """A refusal is no line of log here: pytest would keep each with its request, sixty thousand."""
    return record.levelno >= logging.ERROR


@contextmanager
def standing(unblock):
    """The world as a module's fixture: made once, each request rolled back, then nothing is left."""
    with pytest.MonkeyPatch.context() as patch, unblock(), transaction.atomic():
        patch.setattr(timezone, "now", lambda: MONDAY.astimezone(dt.UTC))
        # The tables are of roles: the desk that a duty lends is tried in test_snp_roster.
        patch.setattr(middleware, "lent_to", lambda seat, now: frozenset())
        patch.setattr(REQUESTS, "filters", [*REQUESTS.filters, is_breakdown])
        yield World()
        transaction.set_rollback(True)
    forget_all()
