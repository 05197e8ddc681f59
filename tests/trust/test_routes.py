"""Every route × twelve actors × own and foreign objects, against a table written by hand.

The table below is the promise; GRANTS and `visible_to` are the code. A route that is not in the table
fails: whoever adds a page says here who may open it. The story is the demonstration's.
"""

import datetime as dt
import re

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django_scopes import scope, scopes_disabled

from maillage.accounts.enums import Role
from maillage.accounts.models import Seat, User
from maillage.accounts.rules import SYSTEM, SeatActor
from maillage.availability import models as availability
from maillage.config import middleware
from maillage.demo.actions import build_demo
from maillage.directory.actions import add_contact, add_member, add_structure
from maillage.directory.models import (
    Delegation,
    Locum,
    Professional,
    Structure,
    StructureKind,
)
from maillage.residents.actions import record_resident
from maillage.residents.models import Resident
from maillage.snp import actions as snp
from maillage.snp.models import Agreement, CareRequest, OnCall, Proposal
from maillage.snp.queries import matching_for, proposal_token
from maillage.territory.models import Commune, Cpts

A, C, D, P = Role.ADMINISTRATOR, Role.COORDINATOR, Role.DISPATCHER, Role.PROFESSIONAL
S, B, T = Role.SECRETARY, Role.BUREAU, Role.TREASURER
DPO, R = Role.DATA_PROTECTION_OFFICER, Role.READER
ALL = frozenset(Role)
INSIDE = ALL - {R}

# Open to anybody: the status an anonymous visitor gets.
PUBLIC = {
    "home:start": {302},
    "home:health": {200, 503},
    "accounts:demo": {200},
    "accounts:demo_enter": {404, 405},
}
SIGNED_IN = {
    *("home:seats", "accounts:account", "accounts:choose_seat", "accounts:shortcuts"),
    *("accounts:seat_accept", "accounts:seat_decline"),
}
LINK = {"snp:link"}
# Pages of the technical operator, outside any CPTS; for anybody else they do not exist.
TECHNICAL = {"snp:fees"}
# Pages of a CPTS without an object: the roles they are granted to.
LISTS = {
    "home:cpts": ALL,
    "home:journal": {DPO},
    "accounts:seats": {A},
    "accounts:invite": {A},
    "accounts:outbox": {A},
    "territory:page": ALL,
    "directory:list": INSIDE,
    "directory:add": {C},
    "directory:create": {C},
    "directory:delegations": {P, S},
    "directory:structures": INSIDE,
    "directory:structure_add": {C},
    "residents:search": {D},
    "residents:create": {D},
    "availability:free": {D},
    "availability:week": {P, S},
    "availability:weeks": {P, S},
    "availability:visibility": {P, S},
    "availability:quick": {P, S},
    "availability:period_add": {P, S},
    "availability:opening_add": {P, S},
    "availability:absence_add": {P, S},
    "snp:board": {D},
    "snp:new": {D},
    "snp:by_phone": {D},
    "snp:follow": {C},
    "snp:numbers": {C, D, B, T, R},
    "snp:numbers_file": {C, D, B, T, R},
    "snp:numbers_rows": {C, D},
    "snp:shift": {D},
    "snp:day": {C, D},
    "snp:absences": {D},
    "snp:reorient_all": {D},
    "snp:settings": {A, C},
    "snp:signs_settings": {A, C},
    "snp:roster": {A, C, D},
    "snp:close_desk": {D},
    "snp:agreements": {A, C, D},
    "snp:rings": {A, C},
    "snp:preferences": {P, S},
    "snp:pause": {P, S},
    "snp:asked": {P},
    "snp:fairness": INSIDE,
}
# Pages about an object: its kind, the roles that may see it exists, the roles that may open the page.
OBJECTS = {
    "accounts:seat_move": ("seat", {A}, {A}),
    "territory:commune": ("commune", ALL, ALL),
    "directory:detail": ("professional", INSIDE, INSIDE),
    "directory:note": ("professional", INSIDE, {C}),
    "directory:remove": ("professional", INSIDE, {C}),
    "directory:bring_back": ("professional", INSIDE, {C}),
    "directory:link": ("professional", INSIDE, {A}),
    "directory:end_link": ("professional", INSIDE, {A}),
    "directory:end_delegation": ("delegation", {P, S}, {P, S}),
    "directory:name_locum": ("professional", INSIDE, {C, P, S}),
    "directory:end_locum": ("locum", INSIDE, {C, P, S}),
    "directory:structure": ("structure", INSIDE, INSIDE),
    "directory:structure_note": ("structure", INSIDE, {C}),
    "directory:structure_remove": ("structure", INSIDE, {C}),
    "directory:structure_return": ("structure", INSIDE, {C}),
    "directory:contact_add": ("structure", INSIDE, {C}),
    "directory:member_add": ("structure", INSIDE, {C}),
    "directory:contact_change": ("contact", INSIDE, {C}),
    "directory:contact_check": ("contact", INSIDE, {C}),
    "directory:contact_end": ("contact", INSIDE, {C}),
    "directory:member_end": ("member", INSIDE, {C}),
    "residents:detail": ("resident", {D}, {D}),
    "residents:edit": ("resident", {D}, {D}),
    "snp:story": ("care_request", {C, D, P}, {D}),
    "snp:take": ("care_request", {C, D, P}, {D}),
    "snp:propose": ("care_request", {C, D, P}, {D}),
    "snp:widen": ("care_request", {C, D, P}, {D}),
    "snp:call": ("care_request", {C, D, P}, {D}),
    "snp:merge": ("care_request", {C, D, P}, {D}),
    "snp:unmerge": ("care_request", {C, D, P}, {D}),
    "snp:reorient_one": ("care_request", {C, D, P}, {D}),
    "snp:why": ("care_request", {C, D, P}, {C, D}),
    "snp:replay": ("care_request", {C, D, P}, {C, D}),
    "snp:agreement": ("care_request", {C, D, P}, {D}),
    "snp:name": ("care_request", {C, D, P}, {D}),
    "snp:signs": ("care_request", {C, D, P}, {D}),
    "snp:confirm": ("care_request", {C, D, P}, {D}),
    "snp:inform": ("care_request", {C, D, P}, {D}),
    "snp:outcome": ("care_request", {C, D, P}, {D, P}),
    "snp:reorient": ("care_request", {C, D, P}, {D}),
    "snp:cancel": ("care_request", {C, D, P}, {D}),
    "snp:roster_end": ("on_call", {A, C, D}, {A, C}),
    "snp:agreement_sign": ("accord", {A, C, D}, {A, C}),
    "snp:agreement_withdraw": ("accord", {A, C, D}, {A, C}),
    "snp:ring": ("ring", {A, C, D}, {A, C}),
    "snp:ring_rename": ("ring", {A, C, D}, {A, C}),
    "snp:ring_close": ("ring", {A, C, D}, {A, C}),
    "snp:ring_member_end": ("ring_member", {A, C, P}, {A, C, P}),
    "snp:proposal": ("proposal", {D, P}, {P}),
    "snp:answer": ("proposal", {D, P}, {P}),
    "snp:withdraw": ("proposal", {D, P}, {D}),
    "snp:counter": ("proposal", {D, P}, {D, P}),
    "snp:counter_take": ("proposal", {D, P}, {D}),
    "snp:counter_decline": ("proposal", {D, P}, {D}),
    "snp:voice": ("proposal", {D, P}, {D}),
    "availability:period_end": ("period", {P, S}, {P, S}),
    "availability:opening_close": ("opening", {P, S}, {P, S}),
    "availability:absence_end": ("absence", {P, S}, {P, S}),
}
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
NOBODYS_ID = 987_654_321
THIRD_PARTY = re.compile(r"^(account|mfa|socialaccount)_")


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


def test_every_route_is_declared():
    named = {name: route for name, route in routes().items() if not THIRD_PARTY.match(name)}
    table = {*PUBLIC, *SIGNED_IN, *LINK, *TECHNICAL, *LISTS, *OBJECTS}
    assert set(named) - table == set(), "pages that nobody declared"
    assert table - set(named) == set(), "declared pages that no longer exist"
    undeclared = [name for name, route in named.items() if not hasattr(route.callback, "page_rule")]
    assert undeclared == [], "views without @page"


class Story:
    """Two CPTSs, an actor of each kind, an object of each kind on both sides."""

    def __init__(self):
        self.clients = {}
        build_demo(by=SYSTEM)
        self.own = Cpts.objects.get(slug="centre-saone-et-loire")
        self.foreign = Cpts.objects.exclude(pk=self.own.pk).order_by("pk").first()
        self.objects = {"own": self._objects(self.own), "foreign": self._objects(self.foreign)}
        professional = self.objects["own"]["professional"]
        self.users = {
            role: Seat.objects.filter(cpts=self.own, role=role).order_by("pk")[0].user
            for role in Role
            if role != P
        } | {P: professional.accounts.get(ended_on=None).user}

    def _objects(self, cpts):
        with scope(cpts=cpts):
            seat = Seat.objects.select_related("user", "cpts").filter(cpts=cpts, role=D)[0]
            desk = SeatActor(seat)
            commune = Commune.objects.filter(perimeters__cpts=cpts).order_by("pk").first()
            resident = record_resident(
                by=desk, cpts=cpts, family_name="Fictive", given_name="Zélie", commune=commune
            )
            care_request = snp.create_care_request(
                by=desk,
                cpts=cpts,
                intake=snp.Intake(
                    form_key="matrix",
                    phone="0639989999",
                    commune=commune,
                    reason="fever",
                    age_band="16-69",
                    resident=resident,
                    agreement_from="patient",
                    out_of_hours_seen=True,
                ),
            )
            # Somebody with an account, so that the professional of the matrix owns the proposal.
            slot = next(
                slot
                for candidate in matching_for(care_request).ranked
                if Professional.objects.filter(
                    pk=candidate.professional_id, accounts__ended_on=None, accounts__isnull=False
                ).exists()
                for slot in candidate.slots
                if slot.mode == "on_agreement"
            )
            proposal = snp.propose(
                by=desk,
                care_request=care_request,
                slot=availability.Slot.objects.select_related("place__commune").get(pk=slot.id),
            )
            professional = proposal.professional
            place = professional.places.first()
            now = care_request.received_at
            offer = {"professional": professional, "place": place, "kind": "office"}
            opening = availability.Opening.objects.create(
                **offer, mode="bookable", starts_at=now, ends_at=now + dt.timedelta(hours=3)
            )
            absence = availability.Absence.objects.create(
                professional=professional,
                starts_at=now.replace(year=now.year + 1),
                ends_at=now.replace(year=now.year + 2),
            )
            secretary = Seat.objects.filter(cpts=self.own, role=S)[0].user
            found = {
                "seat": seat,
                "commune": commune,
                "professional": professional,
                "resident": resident,
                "care_request": care_request,
                "proposal": proposal,
                "period": professional.periods.first(),
                "opening": opening,
                "absence": absence,
            }
            found["locum"] = Locum.objects.create(
                replaced=professional,
                locum=Professional.objects.in_cpts(cpts, now.date())
                .exclude(pk=professional.pk)
                .first(),
                from_on=now.date(),
                until_on=now.date() + dt.timedelta(days=7),
            )
            structure, _ = Structure.objects.get_or_create(
                finess="719900015",
                defaults={
                    "name": "Hôpital fictif",
                    "kind": StructureKind.objects.order_by("pk").first()
                    or StructureKind.objects.create(code="355", label="Hôpital"),
                    "commune": commune,
                    "source": "essai",
                    "vintage": now.date(),
                },
            )
            record = add_structure(by=SYSTEM, cpts=cpts, structure=structure)
            found["structure"] = record
            found["contact"] = add_contact(
                by=SYSTEM, record=record, service="Accueil", phone="0353019900"
            )
            found["member"] = add_member(by=SYSTEM, record=record, seat=seat)
            found["ring"] = snp.create_ring(
                by=SYSTEM, cpts=cpts, name="Cercle d'essai", profession=professional.profession
            )
            found["ring_member"] = snp.add_to_ring(
                by=SYSTEM, ring=found["ring"], professional=professional
            )
            # The neighbour's agreement is with a third CPTS: it is none of ours.
            found["accord"] = Agreement.objects.create(
                proposed_by_cpts=cpts,
                other_cpts=Cpts.objects.exclude(pk__in=[self.own.pk, self.foreign.pk]).first(),
                starts_at=now,
            )
            later = now + dt.timedelta(days=30)  # after the roster of the demonstration
            found["on_call"] = OnCall.objects.create(
                cpts=cpts, seat=seat, starts_at=later, ends_at=later + dt.timedelta(hours=8)
            )
            if cpts == self.own:
                found["delegation"], _ = Delegation.objects.get_or_create(
                    professional=professional, secretary=secretary, from_on=now.date()
                )
            else:
                found["delegation"] = Delegation.objects.create(
                    professional=professional,
                    secretary=User.objects.create(email="ailleurs@cpts.example", is_demo=True),
                    from_on=now.date(),
                )
            return found

    def url(self, name, pk=None):
        route = routes()[name]
        kwargs = {"cpts": self.own.slug} if "cpts" in route.pattern.converters else {}
        if "pk" in route.pattern.converters:
            kwargs["pk"] = NOBODYS_ID if pk is None else pk
        if "token" in route.pattern.converters:
            kwargs["token"] = proposal_token(self.objects["own"]["proposal"])
        return reverse(name, kwargs=kwargs)

    def client_of(self, user):
        if user not in self.clients:
            self.clients[user] = Client(raise_request_exception=False)
            if user is not None:
                self.clients[user].force_login(user, backend=BACKEND)
        return self.clients[user]

    def ask(self, user, url, method):
        """One request, rolled back: an act granted to one actor must not change the next one's world."""
        client = self.client_of(user)
        with transaction.atomic():
            response = getattr(client, method)(url)
            transaction.set_rollback(True)
        client.cookies.pop("messages", None)  # what an act said is not for the next page
        return response


@pytest.fixture
def story(db, monkeypatch):
    """The table is of roles: the desk that a duty lends for a while is tried in test_snp_roster."""
    monkeypatch.setattr(middleware, "lent_to", lambda seat, now: frozenset())
    return Story()


def body(response):
    """What a stranger could compare: without the address and the one-time token."""
    text = response.content.decode()
    text = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken":)"[^"]+"', "", text)
    text = re.sub(r"/c/[^\"' <]+", "", text)
    return response.status_code, text


def expect(wrong, line, response, statuses):
    if response.status_code not in statuses:
        wrong.append(f"{line}: {response.status_code}, not {sorted(statuses)}")


def methods_of(name):
    return [m.lower() for m in routes()[name].callback.page_rule.methods]


def test_who_may_open_what(story):
    wrong = []
    staff = User.objects.create(
        email="technique@maillage.example", is_staff=True, is_superuser=True
    )
    for name in {**LISTS, **OBJECTS}:
        for method in methods_of(name):
            check_route(story, name, method, staff, wrong)
    for name, statuses in PUBLIC.items():
        expect(wrong, f"anonymous {name}", story.ask(None, story.url(name), "get"), statuses)
    for name in TECHNICAL:
        for method in methods_of(name):
            url = story.url(name)
            expect(wrong, f"anonymous {name}", story.ask(None, url, method), {302})
            expect(wrong, f"technical {name}", story.ask(staff, url, method), {200, 302, 422})
            for role, user in story.users.items():
                expect(wrong, f"{role} {name}", story.ask(user, url, method), {404})
    for name in SIGNED_IN:
        method = methods_of(name)[0]
        expect(wrong, f"anonymous {name}", story.ask(None, story.url(name), method), {302})
        for role, user in story.users.items():
            answer = story.ask(user, story.url(name), method)
            expect(wrong, f"{role} {name}", answer, {200, 302, 404, 422})
    assert wrong == [], "\n".join(wrong)


def check_route(story, name, method, staff, wrong):
    kind, visible, granted = OBJECTS.get(name, (None, ALL, LISTS.get(name)))
    own = story.url(name, story.objects["own"][kind].pk if kind else None)
    random = story.url(name)
    expect(wrong, f"anonymous {method} {name}", story.ask(None, own, method), {302})
    expect(wrong, f"technical {method} {name}", story.ask(staff, own, method), {404})
    if kind not in {None, "commune"}:
        foreign = story.url(name, story.objects["foreign"][kind].pk)
    for role, user in story.users.items():
        line = f"{role} {method} {name}"
        answer = story.ask(user, own, method)
        if role in granted:
            expect(wrong, f"{line} own", answer, {200, 302, 303, 409, 422})
        elif role in visible:
            expect(wrong, f"{line} own", answer, {403})
        else:
            expect(wrong, f"{line} own", answer, {404})
        if kind in {None, "commune"}:
            continue
        elsewhere = story.ask(user, foreign, method)
        expect(wrong, f"{line} foreign", elsewhere, {404})
        if body(elsewhere) != body(story.ask(user, random, method)):
            wrong.append(f"{line}: a foreign id does not answer like a random one")


def test_the_neighbours_address_is_no_address(story):
    """The same pages under the neighbour's slug, for somebody who has a seat next door: 404."""
    wrong = []
    for name in LISTS:
        url = reverse(name, kwargs={"cpts": story.foreign.slug})
        nowhere = reverse(name, kwargs={"cpts": "cpts-qui-n-existe-pas"})
        for role, user in story.users.items():
            method = methods_of(name)[0]
            answers = [body(story.ask(user, each, method)) for each in (url, nowhere)]
            if answers[0][0] != 404 or answers[0] != answers[1]:
                wrong.append(f"{role} {name}: {answers[0][0]}")
    assert wrong == [], "\n".join(wrong)


def test_the_link_opens_one_proposal_and_nothing_else(story):
    url = story.url("snp:link")
    page = story.ask(None, url, "get")
    assert page.status_code == 200
    care_request = story.objects["own"]["care_request"]
    text = page.content.decode()
    assert "Fictive" not in text and care_request.phone not in text and "Fièvre" not in text
    client = Client(raise_request_exception=False)
    assert client.get(url).status_code == 200
    for name in (*LISTS, *OBJECTS):
        kind = OBJECTS.get(name, (None,))[0]
        other = story.url(name, story.objects["own"][kind].pk if kind else None)
        method = methods_of(name)[0]
        assert getattr(client, method)(other).status_code == 302, name
    broken = url[:-4] + "AAA/"
    assert client.get(broken).status_code == 410


def test_what_is_foreign_was_not_touched(story):
    with scopes_disabled():
        before = [
            (model.__name__, list(model.objects.filter(cpts=story.foreign).values()))
            for model in (CareRequest, Proposal, Resident, OnCall)
        ]
    for name, (kind, _, _) in OBJECTS.items():
        if kind != "commune":
            for user in story.users.values():
                story.client_of(user).post(story.url(name, story.objects["foreign"][kind].pk))
    with scopes_disabled():
        after = [
            (model.__name__, list(model.objects.filter(cpts=story.foreign).values()))
            for model in (CareRequest, Proposal, Resident, OnCall)
        ]
    assert before == after
