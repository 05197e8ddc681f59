"""Each kind of token × wrong holder, CPTS, host, purpose, time, and second use: refused. A mail scanner
that opens every link changes nothing."""

import datetime as dt
import re

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.core import signing
from django.test import Client
from django.utils import timezone
from django_scopes import scopes_disabled
from world import BACKEND, rows_of

from maillage.accounts.enums import Role
from maillage.accounts.models import Notice, Seat, User
from maillage.snp.models import CareRequest, Proposal
from maillage.snp.queries import proposal_token, read_token, words
from maillage.territory.models import Cpts
from trusted import evidence

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "Une-phrase-assez-longue-71"


def holder(world, role):
    """As the database has them: what a test did to the object went with the test before."""
    return User.objects.get(pk=world.users[role].pk)


def state_of(proposal):
    with scopes_disabled():
        return Proposal._base_manager.get(pk=proposal.pk).state


def accept(token, **extra):
    return Client(raise_request_exception=False).post(f"/r/{token}/", {"answer": "accept"}, **extra)


def later(monkeypatch, **span):
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now + dt.timedelta(**span))
    monkeypatch.setattr("time.time", lambda: (now + dt.timedelta(**span)).timestamp())


@pytest.fixture
def sent(world, monkeypatch):
    """A proposal of ours and its token, made now."""
    now = timezone.now()
    monkeypatch.setattr("time.time", now.timestamp)
    proposal = world.objects["own"]["proposal"]
    return proposal, proposal_token(proposal)


# The link of a proposal


def test_the_link_answers_once(sent):
    proposal, token = sent
    assert accept(token).status_code == 302
    assert state_of(proposal) == "accepted"
    again = Client().post(f"/r/{token}/", {"answer": "refuse", "reason": "busy"}, follow=True)
    assert again.status_code == 200 and state_of(proposal) == "accepted"


def forged(world, sent):
    """(how, token): none opens anything."""
    proposal, token = sent
    foreign = world.objects["foreign"]["proposal"]
    ids = [world.own.pk, proposal.pk]
    yield "one letter changed", token[:-3] + ("A" if token[-3] != "A" else "B") + token[-2:]
    yield "another proposal in the text", signing.dumps(ids, key="x" * 50, salt=words.SALT)
    yield "made for a password", signing.dumps(ids, salt="password-reset", compress=False)
    yield (
        "made for a session",
        signing.dumps(ids, salt="django.contrib.sessions.backends.signed_cookies"),
    )
    yield "signed without a salt", signing.dumps(ids)
    yield "not a pair", signing.dumps("tout", salt=words.SALT)
    yield "nothing", "x"
    yield "cut", token.rpartition(":")[0]
    yield (
        "our proposal, their CPTS",
        signing.dumps([world.foreign.pk, proposal.pk], salt=words.SALT),
    )
    yield "their proposal, our CPTS", signing.dumps([world.own.pk, foreign.pk], salt=words.SALT)


def test_a_forged_link_opens_nothing(world, sent):
    before = rows_of(world.own), rows_of(world.foreign)
    tried = list(forged(world, sent))
    for how, token in tried:
        for answer in (Client().get(f"/r/{token}/"), accept(token)):
            assert answer.status_code in {404, 410}, how
    assert (rows_of(world.own), rows_of(world.foreign)) == before
    evidence("G4", "forged links of a proposal refused", len(tried))


def test_a_link_too_old_opens_nothing(sent, monkeypatch):
    proposal, token = sent
    assert read_token(token) is not None
    later(monkeypatch, seconds=words.LINK_LASTS.total_seconds() + 60)
    assert read_token(token) is None and accept(token).status_code == 410
    assert state_of(proposal) == "sent"


def test_one_salt_for_two_kinds_is_seen(world, sent, monkeypatch):
    """Seeded: the salt of another kind of token."""
    monkeypatch.setattr(words, "SALT", "password-reset")
    opened = [how for how, token in forged(world, sent) if accept(token).status_code == 302]
    assert opened == ["made for a password"]


def test_a_link_opens_no_session(world, sent):
    visitor = Client()
    visitor.get(f"/r/{sent[1]}/")
    assert "sessionid" not in visitor.cookies
    for name in ("snp:board", "home:cpts"):
        assert visitor.get(world.url(name)).status_code == 302


def test_a_scanner_that_opens_every_link_changes_nothing(world, sent):
    """Antivirus of mail servers follow links, with GET and with HEAD."""
    with scopes_disabled():
        texts = " ".join(str(each.body) for each in Notice.objects.all())
        before = rows_of(world.own), rows_of(world.foreign), list(Cpts.objects.values())
    links = {*re.findall(r"https?://[^/\s]+(/[^\s]*)", texts), f"/r/{sent[1]}/"}
    assert len(links) > 5 and any(each.startswith("/r/") for each in links)
    scanner = Client()
    for link in links:
        for method in ("get", "head", "options"):
            assert getattr(scanner, method)(link).status_code < 500
    with scopes_disabled():
        after = rows_of(world.own), rows_of(world.foreign), list(Cpts.objects.values())
    assert after == before
    evidence("G4", "links of our mails opened by a scanner, nothing changed", len(links))


def test_a_link_that_acts_when_opened_is_seen(world, sent, monkeypatch):
    """Seeded: the view of the link takes a GET for an answer."""
    monkeypatch.setattr("django.http.request.HttpRequest.method", "POST", raising=False)
    monkeypatch.setattr("maillage.snp.views.answering.RefusalForm.is_valid", lambda self: False)
    before = rows_of(world.own)
    visitor = Client(QUERY_STRING="")
    visitor.post(f"/r/{sent[1]}/", {"answer": "accept"})
    assert rows_of(world.own) != before


# Invitation


def test_only_the_person_invited_accepts(world):
    invited = world.by_state["invited", Role.READER]
    with scopes_disabled():
        seat = Seat.objects.get(user=invited)
    url = f"/compte/roles/{seat.pk}/accepter/"
    others = [None, world.nobody, world.users[Role.ADMINISTRATOR], world.neighbours[Role.READER]]
    for user in others:
        assert world.client_of(user).post(url).status_code in {302, 404}
        seat.refresh_from_db()
        assert seat.state == "invited"
    assert world.client_of(invited).get(url).status_code == 405
    assert world.client_of(invited).post(url).status_code == 302
    seat.refresh_from_db()
    assert seat.state == "accepted"  # and an administrator has still to open it
    assert world.client_of(invited).post(url).status_code in {404, 409}
    evidence("G4", "invitation: wrong holders, opened, used twice", len(others) + 2)


# Password


def reset_link(user):
    key = default_token_generator.make_token(user)
    return f"/compte/password/reset/key/{user_pk_to_url_str(user)}-{key}/"


def change(link, **extra):
    """As a browser: the key goes into the session, then the form is sent. The page, if any."""
    visitor = Client(**extra)
    page = visitor.get(link, follow=True)
    if not page.redirect_chain:
        return page
    sent = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return visitor.post(page.redirect_chain[-1][0], sent, follow=True)


def has_changed(user):
    user.refresh_from_db()
    return user.check_password(NEW_PASSWORD)


def test_a_password_link_is_for_one_person_once(world, monkeypatch):
    mine, theirs = holder(world, Role.DISPATCHER), holder(world, Role.BUREAU)
    link = reset_link(mine)
    key = link.rpartition("-")[2]
    change(f"/compte/password/reset/key/{user_pk_to_url_str(theirs)}-{link.split('-', 1)[1]}")
    change(f"{link[:-4]}zz/")
    change(f"/compte/password/reset/key/1-{signing.dumps([1])}/")
    assert not has_changed(mine) and not has_changed(theirs) and key
    change(link)
    assert has_changed(mine)
    mine.set_password("autre-chose-encore")
    mine.save()
    change(link)  # used
    assert not has_changed(mine)
    evidence("G4", "password links: wrong person, changed, wrong purpose, used", 4)


def test_a_password_link_ends(world, monkeypatch):
    user = holder(world, Role.DISPATCHER)
    link = reset_link(user)
    monkeypatch.setattr(
        type(default_token_generator),
        "_now",
        lambda self: dt.datetime.now() + dt.timedelta(days=8),  # noqa: DTZ005 - as Django's own
    )
    change(link)
    assert not has_changed(user)


def test_a_password_is_not_asked_through_another_host(world):
    """The link of a mail is never made from what a stranger said the host was."""
    answer = Client().post(
        "/compte/password/reset/", {"email": "x@y.example"}, HTTP_HOST="mal.example"
    )
    assert answer.status_code == 400


# Session, form, cookie


def test_a_session_ends_with_its_password_and_its_log_out(world):
    user = holder(world, Role.COORDINATOR)
    first, second = Client(), Client()
    for each in (first, second):
        each.force_login(user, backend=BACKEND)
        assert each.get(world.url("home:cpts")).status_code == 200
    first.post("/compte/logout/")
    stolen = Client()
    stolen.cookies.load({"sessionid": "a" * 32})
    assert stolen.get(world.url("home:cpts")).status_code == 302
    user.set_password(NEW_PASSWORD)
    user.save()
    assert second.get(world.url("home:cpts")).status_code == 302
    evidence("G4", "sessions: ended, invented, before the new password", 3)


def test_a_session_of_one_person_opens_nothing_of_another(world):
    """Two people on one browser: the second never finds the first's seat."""
    browser = Client()
    browser.force_login(holder(world, Role.DISPATCHER), backend=BACKEND)
    old = browser.cookies["sessionid"].value
    browser.force_login(holder(world, Role.READER), backend=BACKEND)
    assert browser.cookies["sessionid"].value != old
    assert browser.get(world.url("snp:board")).status_code == 403


def test_a_form_without_its_token_is_refused(world):
    """Missing, invented, of another browser, from another site."""
    user, url = holder(world, Role.DISPATCHER), world.url("snp:new")
    with scopes_disabled():
        before = CareRequest._base_manager.count()
    tried = 0
    other = Client(enforce_csrf_checks=True)
    other.force_login(holder(world, Role.COORDINATOR), backend=BACKEND)
    page = other.get(world.url("snp:settings")).content.decode()
    theirs = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    for data, headers in (
        ({}, {}),
        ({"csrfmiddlewaretoken": "a" * 64}, {}),
        ({"csrfmiddlewaretoken": theirs}, {}),
        ({"csrfmiddlewaretoken": theirs}, {"origin": "https://mal.example"}),
    ):
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(user, backend=BACKEND)
        browser.get(url)
        assert browser.post(url, data, headers=headers).status_code == 403
        tried += 1
    with scopes_disabled():
        assert CareRequest._base_manager.count() == before
    evidence("G4", "forms without their token refused", tried)


def test_the_key_of_a_form_serves_one_request_of_one_cpts(world):
    """Sent again by the same desk it is the same request; next door it is nobody's."""
    own = world.objects["own"]["care_request"]
    form = {"form_key": own.form_key, "phone": "06 39 98 77 01", "commune": "71306"}
    form |= {"reason": "pain", "age_band": "16-69", "sign": "none", "channel": "patient"}
    form |= {"profession": "10"}
    with scopes_disabled():
        before = CareRequest._base_manager.filter(cpts=world.own).count()
    answer = world.client_of(world.users[Role.DISPATCHER]).post(world.url("snp:new"), form)
    assert answer.status_code == 422
    with scopes_disabled():
        assert CareRequest._base_manager.filter(cpts=world.own).count() == before
    answer = world.ask(world.neighbours[Role.DISPATCHER], "/c/voisine/snp/nouvelle/", "post", form)
    assert not answer.headers.get("Location", "").endswith(f"demande={own.pk}")
    assert "Zpropre" not in answer.content.decode()
