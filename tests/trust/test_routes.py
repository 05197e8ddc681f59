"""Every route × every actor × own, a colleague's and foreign objects × seven methods, against tables
written by hand.

The tables are the promise; GRANTS and `visible_to` are the code. A route that is not in a table
fails: whoever adds a page says here who may open it. Its object is made in `world`.
"""

import random
import re
from collections import Counter
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import path, reverse
from world import METHODS_ALL, NOBODYS_ID, STATES, body, methods_of, routes, rows_of

from maillage.accounts import enums
from maillage.accounts.enums import Role
from maillage.config import urls
from maillage.kernel.permissions import Permission
from maillage.residents import views as residents
from maillage.snp.models.request import CareRequestQuerySet
from trusted import FULL, evidence, size

pytestmark = pytest.mark.django_db

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
    **dict.fromkeys(("accounts:psc_start", "accounts:psc_back", "accounts:psc_leave"), {404}),
    "accounts:psc_choose": {302},
    "medecin_traitant:follow": {200, 422},
    "accounts:demo_enter": {404, 405},
    **dict.fromkeys(("public:first", "public:find", "public:who", "public:rights"), {200}),
    **dict.fromkeys(("public:join", "public:sitemap", "public:robots"), {200}),
    "public:doctors": {200},
    "public:ask": {200, 422},
    **dict.fromkeys(("public:text", "public:image"), {404}),
}
SIGNED_IN = {
    *("home:seats", "accounts:account", "accounts:choose_seat", "accounts:shortcuts"),
    *("accounts:seat_accept", "accounts:seat_decline", "accounts:second_factor"),
    *("accounts:sessions", "accounts:sessions_end", "accounts:session_end"),
    *("rights:own", "directory:own_record"),
}
LINK = {
    *("snp:link", "accounts:invitation"),
    *("medecin_traitant:follow_link", "medecin_traitant:offer_link"),
    "medecin_traitant:attribution_link",
}
# Pages of the technical operator, outside any CPTS; for anybody else they do not exist.
TECHNICAL = {"snp:fees"}
# Pages of a CPTS without an object: the roles they are granted to.
LISTS = {
    "home:cpts": ALL,
    "home:journal": {DPO},
    "home:journal_file": {DPO},
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
    "public:site": {C},
    "public:create": {C},
    "public:images": {C},
    "public:listing": {C},
    "public:own": {P},
    "residents:search": {D},
    "residents:create": {D},
    "residents:notices": {A},
    "availability:free": {D},
    "availability:week": {P, S},
    "availability:weeks": {P, S},
    "availability:visibility": {P, S},
    "availability:quick": {P, S},
    "availability:period_add": {P, S},
    "availability:opening_add": {P, S},
    "availability:absence_add": {P, S},
    "medecin_traitant:waiting": {C, D},
    "medecin_traitant:new": {D},
    "medecin_traitant:matching": {C},
    "medecin_traitant:numbers": {C, D, B, T, R},
    "medecin_traitant:numbers_file": {C, D, B, T, R},
    "medecin_traitant:send": {C},
    "medecin_traitant:keep_plan": {C},
    "medecin_traitant:forget_plan": {C},
    "medecin_traitant:signal": {P},
    "medecin_traitant:cpam": {D},
    "medecin_traitant:settings": {A, C},
    "medecin_traitant:rules": {A, C},
    "medecin_traitant:offer": {P},
    "medecin_traitant:offers": {C},
    "medecin_traitant:ask": {C},
    "medecin_traitant:offer_for": {C},
    "rights:durations": {A, DPO},
    "rights:search": {DPO},
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
    "snp:glass_ask": {C, P},
    "snp:glass_reviews": {DPO},
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
    "accounts:card_confirm": ("seat", {A}, {A}),
    "accounts:seat_sessions_end": ("seat", {A}, {A}),
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
    "public:write": ("public_page", {C}, {C}),
    "public:preview": ("public_page", {C}, {C}),
    "public:history": ("public_page", {C}, {C}),
    "public:publish": ("public_page", {C}, {C}),
    "public:restore": ("public_page", {C}, {C}),
    "public:withdraw": ("public_page", {C}, {C}),
    "public:picture": ("public_image", {C}, {C}),
    "public:image_remove": ("public_image", {C}, {C}),
    "public:refuse": ("professional", INSIDE, {C, P}),
    "public:show_again": ("public_refusal", INSIDE, {C, P}),
    "residents:detail": ("resident", {D, DPO}, {D}),
    "residents:edit": ("resident", {D, DPO}, {D}),
    "rights:held": ("resident", {D, DPO}, {DPO}),
    "rights:held_file": ("resident", {D, DPO}, {DPO}),
    "rights:erase": ("resident", {D, DPO}, {DPO}),
    "medecin_traitant:request": ("doctor_request", {C, D}, {C, D}),
    "medecin_traitant:call": ("doctor_request", {C, D}, {D}),
    "medecin_traitant:correct": ("doctor_request", {C, D}, {D}),
    "medecin_traitant:withdraw": ("doctor_request", {C, D}, {D}),
    "medecin_traitant:found": ("doctor_request", {C, D}, {D}),
    "medecin_traitant:household": ("doctor_request", {C, D}, {D}),
    "medecin_traitant:wish": ("doctor_request", {C, D}, {D}),
    "medecin_traitant:wish_remove": ("doctor_request", {C, D}, {D}),
    "medecin_traitant:merge": ("doctor_request", {C, D}, {D}),
    "medecin_traitant:unmerge": ("doctor_request", {C, D}, {D}),
    "medecin_traitant:propose": ("doctor_request", {C, D}, {C}),
    "medecin_traitant:declared": ("doctor_request", {C, D}, {C, D}),
    "medecin_traitant:attribution": ("attribution", {C, D, P}, {P}),
    "medecin_traitant:answer": ("attribution", {C, D, P}, {P}),
    "medecin_traitant:voice": ("attribution", {C, D, P}, {C, D}),
    "medecin_traitant:offer_end": ("doctor_offer", {C, P}, {C, P}),
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
    "snp:information": ("care_request", {C, D, P}, {D}),
    "snp:sharing_withdraw": ("sharing", {D}, {D}),
    "snp:glass": ("opening_glass", {P, DPO}, {P}),
    "snp:glass_review": ("opening_glass", {P, DPO}, {DPO}),
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
# Pages of the library that signs people in: those a stranger may open; the others ask to log in.
THIRD_PARTY = re.compile(r"^(account|mfa|usersessions)_")
DOORS = {
    *("account_login", "account_logout", "account_inactive", "account_signup"),
    *("account_email_verification_sent", "account_reset_password", "account_reset_password_done"),
    *("account_confirm_email", "account_reset_password_from_key", "mfa_authenticate"),
    *("account_reset_password_from_key_done", "account_confirm_login_code"),
    "mfa_login_webauthn",
}
BEHIND = {
    *("account_reauthenticate", "account_email", "account_change_password", "account_set_password"),
    *("mfa_index", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp"),
    *("mfa_list_webauthn", "mfa_add_webauthn", "mfa_reauthenticate_webauthn"),
    *("mfa_edit_webauthn", "mfa_remove_webauthn", "usersessions_list"),
    *("mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes"),
}
ABOUT_A_KEY = {"mfa_edit_webauthn", "mfa_remove_webauthn"}
# What a professional or a secretary no longer sees when it is a colleague's.
KEPT_APART = {
    **dict.fromkeys(("care_request", "proposal", "ring_member", "opening_glass"), {P}),
    **dict.fromkeys(("doctor_offer", "attribution"), {P}),
    **dict.fromkeys(("delegation", "period", "opening", "absence"), {P, S}),
}
# And what they see without being allowed to change it.
NOT_THEIRS = dict.fromkeys(("directory:name_locum", "directory:end_locum"), {P, S})
NOT_THEIRS |= dict.fromkeys(("public:refuse", "public:show_again"), {P})
READS = ("get", "head", "options")
DONE = {200, 302, 303, 409, 422}


def undeclared():
    """What the resolver holds that no table names, and what lacks its decorator."""
    named = {name: route for name, route in routes().items() if not THIRD_PARTY.match(name)}
    table = {*PUBLIC, *SIGNED_IN, *LINK, *TECHNICAL, *LISTS, *OBJECTS}
    found = [f"{name}: in no table" for name in sorted(set(named) - table)]
    found += [f"{name}: no longer exists" for name in sorted(table - set(named))]
    found += [
        f"{name}: without @page"
        for name, route in named.items()
        if not hasattr(route.callback, "page_rule")
    ]
    others = {name for name in routes() if THIRD_PARTY.match(name)}
    return found + [f"{name}: of a library" for name in sorted(others ^ (DOORS | BEHIND))]


def test_every_route_is_declared():
    assert undeclared() == []


def methods_answered(name):
    rule = routes()[name].callback.page_rule
    return {*rule.methods, "HEAD"} if "GET" in rule.methods else {*rule.methods}


def expected(name, role, owner, method) -> set[int]:
    """What the tables promise to somebody with an active seat of this role."""
    kind, visible, granted = OBJECTS.get(name, (None, ALL, LISTS.get(name)))
    if kind not in {None, "commune"} and owner in {"foreign", "nobody"}:
        return {404}
    if owner == "other":
        visible = visible - KEPT_APART.get(kind, set())
    if role not in visible:
        return {404}
    if role not in granted:
        return {403}
    if method.upper() not in methods_answered(name):
        return {405}
    if owner == "other" and role in NOT_THEIRS.get(name, ()):
        return {403}
    return DONE


def inside(world):
    """Pages of a CPTS: (line, user, url, method, statuses)."""
    for name in {**LISTS, **OBJECTS}:
        kind = OBJECTS.get(name, (None,))[0]
        for owner in ("own", "other", "foreign") if kind not in {None, "commune"} else ("own",):
            pk = world.objects[owner][kind].pk if kind else None
            url, line = world.url(name, pk), f"{name} {owner}"
            for method in METHODS_ALL:
                for role, user in world.users.items():
                    yield (
                        f"{role} {method} {line}",
                        user,
                        url,
                        method,
                        expected(name, role, owner, method),
                    )
                for who, user, status in strangers(world):
                    yield f"{who} {method} {line}", user, url, method, status
                if owner != "foreign" and method in {"get", "post"}:
                    for who, user in not_active(world):
                        yield f"{who} {method} {line}", user, url, method, {404}


def strangers(world):
    """Who has nothing to do in our CPTS, and what they are told."""
    yield "anonymous", None, {302}
    yield "disabled", world.left, {302}
    yield "dispatcher without a second factor", world.one_factor, {302}
    yield "without a seat", world.nobody, {404}
    yield "technical", world.staff, {404}
    for role, user in world.neighbours.items():
        yield f"neighbour {role}", user, {404}


def not_active(world):
    """Who has a role here that is not open: invited, suspended, over… Fifty of them: read and act."""
    for (state, role), user in world.by_state.items():
        yield f"{state} {role}", user


def outside(world):
    """Pages of nobody's CPTS."""
    everybody = [
        *world.users.items(),
        *((f"neighbour {k}", v) for k, v in world.neighbours.items()),
    ]
    for name in SIGNED_IN | TECHNICAL:
        url = world.url(name)
        for method in METHODS_ALL:
            answered = method.upper() in methods_answered(name)
            yield f"anonymous {method} {name}", None, url, method, {302}
            granted = DONE | {404} if answered else {405}
            if name in TECHNICAL:
                right = DONE if answered else {405}
                yield f"technical {method} {name}", world.staff, url, method, right
                granted = {404} if answered else {405}
            for who, user in everybody:
                yield f"{who} {method} {name}", user, url, method, granted
    for name, statuses in PUBLIC.items():
        for who, user in (("anonymous", None), *everybody):
            for method in METHODS_ALL:
                answered = method.upper() in methods_answered(name)
                right = {*statuses, 302, 404} if answered else {405}
                yield f"{who} {method} {name}", user, world.url(name), method, right
    for name in DOORS | BEHIND:
        given = {"key": "x", "uidb36": "1", "pk": 1}
        keys = routes()[name].pattern.converters or routes()[name].pattern.regex.groupindex
        keys = {"pk"} if name in ABOUT_A_KEY else keys
        url = reverse(name, kwargs={key: given[key] for key in keys})
        yield f"anonymous {name}", None, url, "get", {302} if name in BEHIND else {200, 302, 404}


def test_the_pages_of_the_library_are_drawn(world):
    """Opened by somebody signed in, with nothing set up yet: drawn, led elsewhere or unknown."""
    given = {"key": "x", "uidb36": "1", "pk": NOBODYS_ID}
    met = Counter()
    for name in sorted(DOORS | BEHIND):
        keys = routes()[name].pattern.converters or routes()[name].pattern.regex.groupindex
        keys = {"pk"} if name in ABOUT_A_KEY else keys
        url = reverse(name, kwargs={key: given[key] for key in keys})
        status = world.ask(world.users[D], url).status_code
        assert status in {200, 302, 404}, f"{name}: {status}"
        met[status] += 1
    assert met[200] >= 8


def wrong_answers(world, cells, tally=None):
    """Every cell whose answer is not the promised one."""
    wrong = []
    for line, user, url, method, statuses in cells:
        answer = world.ask(user, url, method)
        if tally is not None:
            tally[answer.status_code] += 1
        if answer.status_code not in statuses:
            wrong.append(f"{line}: {answer.status_code}, not {sorted(statuses)}")
    return wrong


def sample(world):
    """The cells of this run: all of them, or every role before its own pages and some of the rest."""
    cells = [*inside(world), *outside(world)]
    if FULL:
        return cells
    first = [
        cell
        for cell in cells
        if cell[1] in world.users.values() and cell[4] == DONE and cell[3] != "head"
    ]
    return first + random.Random(4).sample(cells, size(500, len(cells)))


def promises_kept(world, methods, told_as):
    """Each cell of these methods is asked for; all answer as promised."""
    tally = Counter()
    cells = [cell for cell in sample(world) if cell[3] in methods]
    wrong = wrong_answers(world, cells, tally)
    assert wrong == [], "\n".join(wrong[:60])
    assert tally.keys() <= {200, 302, 403, 404, 405, 409, 422, 503}
    evidence("G1", f"cells route × actor × object × method, {told_as}, 0 wrong", len(cells))
    told = ", ".join(f"{status}: {count}" for status, count in sorted(tally.items()))
    evidence("G1", f"answers met, {told_as}", told)


def test_who_may_open_what(world):
    """At full size, what writes is asked by another worker: see test_routes_written.py."""
    promises_kept(world, READS if FULL else METHODS_ALL, "read" if FULL else "drawn")
    names = {**LISTS, **OBJECTS, **PUBLIC} | dict.fromkeys(SIGNED_IN | LINK | TECHNICAL)
    evidence("G1", "routes declared by hand and met", len(names) + len(DOORS | BEHIND))


# Faults seeded into the policy: each must turn the matrix red.


def role_cells(world, name):
    return [
        each for each in inside(world) if f" {name} " in each[0] and each[3] in methods_of(name)
    ]


def test_a_route_without_policy_is_seen(monkeypatch):
    forgotten = path("c/<slug:cpts>/oubliee/", lambda request, cpts: None, name="forgotten")
    monkeypatch.setattr(urls, "urlpatterns", [*urls.urlpatterns, forgotten])
    monkeypatch.setattr("world.get_resolver", lambda: fake_resolver(urls.urlpatterns))
    assert undeclared() == ["forgotten: in no table", "forgotten: without @page"]


def fake_resolver(patterns):
    return type("Resolver", (), {"url_patterns": patterns})


def test_a_permission_forgotten_is_seen(world, monkeypatch):
    """A page of residents open to any seat."""
    cells = role_cells(world, "residents:search")
    assert wrong_answers(world, cells) == []
    bare = residents.search.__wrapped__
    bare.page_rule = replace(residents.search.page_rule, permissions=())
    monkeypatch.setattr(routes()["residents:search"], "callback", lambda r, cpts, **k: bare(r, **k))
    assert {each.split(" ")[0] for each in wrong_answers(world, cells)} == set(Role) - {D}


def test_two_roles_swapped_are_seen(world, monkeypatch):
    swapped = enums.GRANTS | {B: enums.GRANTS[D], D: enums.GRANTS[B]}
    monkeypatch.setattr("maillage.accounts.rules.GRANTS", swapped)
    wrong = wrong_answers(world, role_cells(world, "snp:board"))
    assert {each.split(" ")[0] for each in wrong} == {B, D}
    assert Permission.SNP_DESK in swapped[B]


def test_an_object_looked_up_without_its_cpts_is_seen(world, monkeypatch):
    """`visible_to` that forgets whose request it is: the colleague's case opens."""
    monkeypatch.setattr(CareRequestQuerySet, "visible_to", lambda self, actor: self)
    wrong = wrong_answers(world, role_cells(world, "snp:outcome"))
    assert any(each.startswith(f"{P} post snp:outcome other") for each in wrong)


def test_the_neighbours_address_is_no_address(world):
    """The same pages under the neighbour's slug, for somebody who has a seat here: 404."""
    wrong = []
    for name in LISTS:
        url = reverse(name, kwargs={"cpts": world.foreign.slug})
        nowhere = reverse(name, kwargs={"cpts": "cpts-qui-n-existe-pas"})
        for role, user in world.users.items():
            method = methods_of(name)[0]
            answers = [body(world.ask(user, each, method)) for each in (url, nowhere)]
            if answers[0][0] != 404 or answers[0] != answers[1]:
                wrong.append(f"{role} {name}: {answers[0][0]}")
    assert wrong == [], "\n".join(wrong)


def test_the_link_opens_one_proposal_and_nothing_else(world):
    url = world.url("snp:link")
    page = world.ask(None, url, "get")
    assert page.status_code == 200
    care_request = world.objects["own"]["care_request"]
    text = page.content.decode()
    assert "Zpropre" not in text.replace("ZpropreMedecin", "").replace("ZpropreCabinet", "")
    assert care_request.phone not in text and "Fièvre" not in text
    client = Client(raise_request_exception=False)
    assert client.get(url).status_code == 200
    for name in (*LISTS, *OBJECTS):
        kind = OBJECTS.get(name, (None,))[0]
        other = world.url(name, world.objects["own"][kind].pk if kind else None)
        method = methods_of(name)[0]
        assert getattr(client, method)(other).status_code == 302, name
    broken = url[:-4] + "AAA/"
    assert client.get(broken).status_code == 410


def test_what_is_foreign_was_not_touched(world):
    before = rows_of(world.foreign)
    assert len(before["CareRequest"]) == 3 and before["Resident"]
    for name, (kind, _, _) in OBJECTS.items():
        if kind != "commune":
            for user in world.users.values():
                world.client_of(user).post(world.url(name, world.objects["foreign"][kind].pk))
    assert rows_of(world.foreign) == before
    assert NOBODYS_ID not in before and len(STATES) == 6
