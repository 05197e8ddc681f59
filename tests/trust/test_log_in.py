"""G6: the log-in by professional card, its fifteen refusals, and the second factor everywhere."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from django.utils import timezone
from django_scopes import scope
from hostile import RPPS, Provider, exercise

from factories import make_professional
from maillage.accounts import actions, gateway, queries
from maillage.accounts.enums import Role, SeatState
from maillage.accounts.gateway import psc
from maillage.accounts.models import ProfessionalIdentity
from maillage.accounts.rules import SYSTEM, UserActor
from maillage.directory.actions import LinkRefused, add_to_cpts, link_account, link_own_record
from maillage.directory.actions import accounts as linking
from maillage.directory.models import ProfessionalAccount
from maillage.directory.queries import record_of_card
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from people import actor_as, link, make_cpts, make_seat, make_user, sign_in
from trusted import evidence

pytestmark = pytest.mark.django_db
OWN = "/compte/fiche/"
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def running():
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def provider(running, settings):
    running.be_honest()
    psc.forget_provider()
    settings.PSC_ISSUER = running.issuer
    settings.PSC_CLIENT_ID, settings.PSC_CLIENT_SECRET = "maillage-essai", "secret d'essai"
    return running


@pytest.fixture
def doctor(provider):
    """A professional whose card is linked already, with an active seat."""
    cpts = make_cpts()
    seat = make_seat(cpts, Role.PROFESSIONAL, make_user("ada@cabinet.example"))
    ProfessionalIdentity.objects.create(
        user=seat.user, issuer=provider.issuer, name_id=f"8{RPPS}", subject=provider.subject
    )
    return seat


def leave_for(client, provider, **query):
    """Off to the provider: what it was asked, and the code it gives back."""
    answer = client.get("/compte/psc/", query)
    assert answer.status_code == 302 and answer["Location"].startswith(provider.issuer)
    return provider.authorize(answer["Location"])


def come_back(client, code, asked, **changed):
    return client.get("/compte/psc/retour/", {"code": code, "state": asked["state"]} | changed)


def enter(client, provider, **query):
    return come_back(client, *leave_for(client, provider, **query))


def refusal(client, answer):
    """The sentence of a refusal: there is one, in French, and no session."""
    assert answer.status_code in {409, 403}, answer.status_code
    assert "_auth_user_id" not in client.session
    text = answer.content.decode()
    assert 'lang="fr"' in text and "Ce n'est pas possible" in text.replace("&#39;", "'")
    return text.replace("&#39;", "'").replace("’", "'")


def test_a_card_opens_its_account_and_counts_for_two_factors(client, doctor, provider):
    code, asked = leave_for(client, provider, next="/compte/sessions/")
    assert (asked["acr_values"], asked["scope"]) == ("eidas1", "openid scope_all")
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    answer = come_back(client, code, asked)
    assert answer.status_code == 302 and answer["Location"] == "/compte/sessions/"
    assert client.session["_auth_user_id"] == str(doctor.user.pk)
    assert client.get(f"/c/{doctor.cpts.slug}/").status_code == 200
    left = client.post("/compte/logout/")
    assert left["Location"] == "/compte/psc/sortie/"
    both = client.get(left["Location"])
    assert both["Refresh"].startswith(f"0; url={provider.issuer}/logout?id_token_hint=")
    assert "_auth_user_id" not in client.session


def lie(**claims):
    return lambda provider, client: setattr(provider, "claims", claims)


def other_signature(provider, client):
    provider.signer = provider.other


def no_algorithm(provider, client):
    provider.algorithm = "none"


def unknown_key(provider, client):
    provider.signer, provider.header = provider.other, {"kid": "ailleurs"}


def other_subject(provider, client):
    provider.subject = "f:essai:2"


def no_exercise(provider, client):
    provider.userinfo = {"SubjectRefPro": {"exercices": []}}


def other_verifier(provider, client):
    session = client.session
    session["psc_attempt"] = session["psc_attempt"] | {"verifier": "un autre secret" * 4}
    session.save()


def later(seconds):
    return int(time.time()) + seconds


BAD = {
    "bad signature": (other_signature, {}, "signature"),
    "alg none": (no_algorithm, {}, "signé"),
    "other issuer": (lie(iss="https://autre.example"), {}, "autre fournisseur"),
    "other audience": (lie(aud="autre"), {}, "autre service"),
    "other nonce": (lie(nonce="x" * 43), {}, "votre demande"),
    "other state": (lie(), {"state": "y" * 43}, "aucune demande"),
    "expired": (lie(exp=later(-600), iat=later(-900)), {}, "expiré"),
    "future": (lie(iat=later(600), exp=later(900)), {}, "futur"),
    "no acr": (lie(acr=None), {}, "niveau"),
    "low acr": (lie(acr="eidas0"), {}, "niveau"),
    "other azp": (lie(azp="autre"), {}, "autre service"),
    "key not published": (unknown_key, {}, "ne publie pas"),
    "changed sub": (other_subject, {}, "administrateur"),
    "RPPS inactive": (no_exercise, {}, "exercice actif"),
    "PKCE mismatch": (other_verifier, {}, "pas accepté"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_log_in_is_refused_in_a_sentence(client, doctor, provider, name):
    spoil, changed, words = BAD[name]
    code, asked = leave_for(client, provider)
    spoil(provider, client)
    assert words in refusal(client, come_back(client, code, asked, **changed))
    evidence("G6", f"refused: {name}", 1)


def test_a_code_and_an_answer_serve_once(client, doctor, provider):
    code, asked = leave_for(client, provider)
    assert come_back(client, code, asked).status_code == 302
    client.logout()
    assert "aucune demande" in refusal(client, come_back(client, code, asked))
    _, again = leave_for(client, provider)
    assert "pas accepté" in refusal(client, come_back(client, code, again))
    evidence("G6", "refused: reused code", 1)


def test_a_nonce_that_nobody_checks_is_seen(client, doctor, provider, monkeypatch):
    """The seeded fault: without the check, the answer to another demand opens the account."""
    monkeypatch.setattr(psc, "check_nonce", lambda claims, attempt: None)
    code, asked = leave_for(client, provider)
    provider.claims = {"nonce": "x" * 43}
    come_back(client, code, asked)
    assert client.session["_auth_user_id"] == str(doctor.user.pk)


def test_the_card_of_one_provider_opens_nothing_at_another(client, doctor, provider):
    ProfessionalIdentity.objects.update(issuer="https://autre.example")
    assert "Demandez une invitation" in refusal(client, enter(client, provider))


def test_a_discovery_for_another_issuer_is_refused(client, doctor, provider, settings):
    settings.PSC_DISCOVERY = f"{provider.issuer}/.well-known/openid-configuration"
    settings.PSC_ISSUER = "https://autre.example"
    refusal(client, client.get("/compte/psc/"))


def test_a_new_name_waits_for_an_administrator_of_the_cpts(client, doctor, provider):
    provider.subject = "f:essai:2"
    refusal(client, enter(client, provider))
    identity = ProfessionalIdentity.objects.get()
    assert (identity.subject, identity.new_subject) == ("f:essai:1", "f:essai:2")
    foreign = actor_as(make_cpts("ailleurs"), Role.ADMINISTRATOR)
    with pytest.raises(NotAllowed):
        actions.confirm_subject(by=foreign, identity=identity, seat=doctor)
    chief = actor_as(doctor.cpts, Role.ADMINISTRATOR)
    client.force_login(chief.seat.user)
    page = f"/c/{doctor.cpts.slug}/roles/"
    assert "Confirmer sa carte" in client.get(page).content.decode()
    assert client.post(f"{page}{doctor.pk}/carte/").status_code == 302
    client.logout()
    assert enter(client, provider).status_code == 302
    assert client.session["_auth_user_id"] == str(doctor.user.pk)


def test_several_exercises_ask_which(client, doctor, provider):
    provider.userinfo = {"SubjectRefPro": {"exercices": [exercise(), exercise("60", "")]}}
    answer = enter(client, provider)
    assert answer["Location"] == "/compte/psc/exercice/"
    assert "_auth_user_id" not in client.session
    assert "profession 60" in client.get(answer["Location"]).content.decode()
    assert client.post(answer["Location"], {"exercise": "60-C-"}).status_code == 302
    assert client.session["psc_exercise"]["profession"] == "60"
    assert client.session["_auth_user_id"] == str(doctor.user.pk)


def shown(client):
    return client.get(OWN).content.decode().replace("&#39;", "'")


def test_a_card_links_the_record_of_its_number_and_no_other(client, doctor, provider):
    make_professional()
    enter(client, provider)
    assert f"Votre carte porte le n° RPPS {RPPS}" in shown(client)
    assert client.post(OWN).status_code == 409
    record = make_professional(rpps=RPPS)
    assert "Relier cette fiche" in shown(client) and RPPS in shown(client)
    assert client.post(OWN)["Location"] == "/"
    account = ProfessionalAccount.objects.get()
    assert (account.user_id, account.professional_id) == (doctor.user_id, record.pk)
    assert account.verified_by_id == doctor.user_id
    line = JournalLine.objects.get(action="directory.account_linked")
    assert (line.user_id, line.data["how"]) == (doctor.user_id, "card")
    assert "Votre compte est relié" in shown(client) and "Relier cette" not in shown(client)
    assert client.post(OWN).status_code == 409 and ProfessionalAccount.objects.count() == 1
    # What an administrator ended, the card alone does not bring back.
    ProfessionalAccount.objects.update(ended_on=timezone.localdate())
    assert "Ce lien a pris fin" in shown(client) and "Relier cette" not in shown(client)
    assert client.post(OWN).status_code == 409


def test_a_card_takes_no_record_that_another_account_holds(client, doctor, provider):
    record, holder = make_professional(rpps=RPPS), make_user("tient@cabinet.example")
    link(holder, record)
    enter(client, provider)
    assert "déjà reliée à un autre compte" in shown(client) and "Relier cette" not in shown(client)
    assert client.post(OWN).status_code == 409
    assert ProfessionalAccount.objects.get().user == holder


def test_only_a_card_under_its_known_name_links_a_record(doctor, provider, settings):
    record, by = make_professional(rpps=RPPS), UserActor(doctor.user)
    other = UserActor(make_user("autre@cabinet.example"))
    with pytest.raises(NotAllowed):
        link_own_record(by=other, professional=record)
    with pytest.raises(NotAllowed):
        link_own_record(by=UserActor(None), professional=record)
    for changed in ({"new_subject": "f:essai:2"}, {"issuer": "https://autre.example"}):
        kept = {name: getattr(doctor.user.identities.get(), name) for name in changed}
        ProfessionalIdentity.objects.update(**changed)
        assert record_of_card(doctor.user_id) is None
        with pytest.raises(NotAllowed):
            link_own_record(by=by, professional=record)
        ProfessionalIdentity.objects.update(**kept)
    chief = actor_as(doctor.cpts, Role.ADMINISTRATOR)
    with scope(cpts=doctor.cpts):
        add_to_cpts(by=SYSTEM, cpts=doctor.cpts, professional=record)
        with pytest.raises(LinkRefused):  # nobody says "by card" for somebody else
            link_account(by=chief, user=doctor.user, professional=record, method="card")
    assert link_own_record(by=by, professional=record).method == "card"


def test_a_record_linked_without_its_card_is_seen(client, doctor, provider, monkeypatch):
    """The seeded fault: without the rule, any account may take a record."""
    record, other = make_professional(rpps=RPPS), make_user("autre@cabinet.example")
    monkeypatch.setattr(linking, "can_link_own_card", lambda actor, professional: True)
    link_own_record(by=UserActor(other), professional=record)
    assert ProfessionalAccount.objects.get().user == other


def test_an_invitation_brings_a_card_to_its_account_once(client, provider):
    cpts = make_cpts()
    seat = make_seat(cpts, Role.PROFESSIONAL, make_user("ada@cabinet.example"), SeatState.INVITED)
    assert "Demandez une invitation" in refusal(client, enter(client, provider))
    token = queries.invitation_token(seat)
    page = client.get(f"/compte/invitation/r/{token}/")
    assert "Pro Santé Connect" in page.content.decode().replace("\u00a0", " ")
    assert "_auth_user_id" not in client.session
    assert enter(client, provider, invitation=token).status_code == 302
    assert client.session["_auth_user_id"] == str(seat.user.pk)
    assert client.get(f"/c/{cpts.slug}/").status_code == 404  # invited is not active
    client.logout()
    provider.userinfo |= {"SubjectNameID": "899970000001"}
    assert "autre carte" in refusal(client, enter(client, provider, invitation=token))
    assert client.get(f"/compte/invitation/r/{token[:-1]}x/").status_code == 410


def test_no_provider_no_button(client, settings):
    assert "Pro Santé Connect" not in client.get("/compte/login/").content.decode()
    assert client.get("/compte/psc/").status_code == 404
    assert not gateway.is_psc_configured()


@pytest.mark.parametrize("role", Role.values)
def test_one_proof_opens_no_page_of_a_cpts(client, role):
    """A password alone leads to the page where the second factor is chosen."""
    seat = make_seat(make_cpts(), role, make_user("une@personne.example"))
    seat.user.set_password("une phrase assez longue")
    seat.user.save()
    client.post("/compte/login/", {"login": seat.user.email, "password": "une phrase assez longue"})
    assert client.session["_auth_user_id"] == str(seat.user.pk)
    answer = client.get(f"/c/{seat.cpts.slug}/")
    assert answer["Location"].startswith("/compte/second-facteur/?next=")
    assert "Ajouter une cl" in client.get(answer["Location"]).content.decode()


def test_an_administrator_closes_every_session_of_an_account(client, doctor, provider):
    here, elsewhere = type(client)(), type(client)()
    for each in (here, elsewhere):
        assert enter(each, provider).status_code == 302
        assert each.get("/compte/sessions/").status_code == 200
    admin = sign_in(client, doctor.cpts, Role.ADMINISTRATOR)
    url = f"/c/{doctor.cpts.slug}/roles/{doctor.pk}/sessions/"
    assert url in client.get(f"/c/{doctor.cpts.slug}/roles/").content.decode()
    assert client.post(url)["Location"] == f"/c/{doctor.cpts.slug}/roles/"
    for each in (here, elsewhere):
        answer = each.get("/compte/sessions/")
        assert answer["Location"].startswith("/compte/login/")
        assert "cookies" in answer["Clear-Site-Data"]
    line = JournalLine.objects.get(action="seat.sessions_ended")
    assert (line.seat_id, line.data["count"]) == (admin.seat_id, 2)
    assert not doctor.user.usersession_set.exists()
    assert enter(here, provider).status_code == 302  # not locked out: a new log-in opens
    assert here.get("/compte/sessions/").status_code == 200


def test_only_an_administrator_of_theirs_closes_the_sessions_of_somebody(doctor):
    cpts = doctor.cpts
    for role in Role:
        if role != Role.ADMINISTRATOR:
            with pytest.raises(NotAllowed):
                actions.end_seat_sessions(by=actor_as(cpts, role), seat=doctor)
    with pytest.raises(NotAllowed):
        actions.end_seat_sessions(by=actor_as(make_cpts("autre"), Role.ADMINISTRATOR), seat=doctor)
    # Whoever is only invited somewhere is not signed out by whoever invited them.
    admin = actor_as(cpts, Role.ADMINISTRATOR)
    for state in SeatState:
        seat = make_seat(cpts, Role.READER, state=state)
        if state in {SeatState.ACTIVE, SeatState.SUSPENDED}:
            assert actions.end_seat_sessions(by=admin, seat=seat) == 0
        else:
            with pytest.raises(NotAllowed):
                actions.end_seat_sessions(by=admin, seat=seat)


def test_a_closed_session_ends_at_its_next_request(client, doctor, provider):
    other = type(client)()
    for each in (client, other):
        assert enter(each, provider).status_code == 302
    text = client.get("/compte/sessions/").content.decode()
    assert text.count("lieu inconnu") == 2 and text.count("cette session") == 1
    assert other.get("/compte/sessions/").status_code == 200
    row = doctor.user.usersession_set.get(session_key=other.session.session_key)
    assert client.post(f"/compte/sessions/{row.pk}/fermer/").status_code == 302
    assert other.get("/compte/sessions/").status_code == 302
    assert enter(other, provider).status_code == 302
    stranger = type(client)()
    stranger.force_login(make_user())
    mine = doctor.user.usersession_set.first()
    assert stranger.post(f"/compte/sessions/{mine.pk}/fermer/").status_code == 404
    assert client.post("/compte/sessions/fermer/").status_code == 302
    assert other.get("/compte/sessions/").status_code == 302
    assert client.get("/compte/sessions/").status_code == 200


@pytest.fixture
def real_provider(tmp_path, settings):
    """django-oauth-toolkit in its own process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    back = f"{settings.SITE_URL}/compte/psc/retour/"
    process = subprocess.Popen(
        [sys.executable, str(HERE / "openid_provider.py"), str(tmp_path), str(port), back],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    psc.forget_provider()
    settings.PSC_ISSUER = f"http://127.0.0.1:{port}/o"
    settings.PSC_CLIENT_ID, settings.PSC_CLIENT_SECRET = "maillage-essai", "secret d'essai"
    yield settings.PSC_ISSUER
    process.terminate()
    process.wait(timeout=20)
    process.stdout.close()


def prove(url):
    """The person before the provider's own page: name, password, and the address they are sent to."""
    with requests.Session() as browser:
        form = browser.get(url, timeout=20)
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', form.text)[1]
        answer = browser.post(
            form.url,
            {"username": "ada", "password": "carte-fictive", "csrfmiddlewaretoken": token},
            allow_redirects=False,
            timeout=20,
        )
        place = urljoin(form.url, answer.headers["Location"])
        return browser.get(place, allow_redirects=False, timeout=20).headers["Location"]


def test_the_good_path_against_a_real_provider(client, real_provider):
    seat = make_seat(make_cpts(), Role.PROFESSIONAL, make_user("ada@cabinet.example"))
    invited = make_seat(seat.cpts, Role.SECRETARY, seat.user, SeatState.INVITED)
    start = client.get("/compte/psc/", {"invitation": queries.invitation_token(invited)})
    back = prove(start["Location"])
    answer = client.get(back.partition("/compte/")[1] + back.partition("/compte/")[2])
    assert answer.status_code == 302, answer.content.decode()
    assert client.session["_auth_user_id"] == str(seat.user.pk)
    identity = ProfessionalIdentity.objects.get()
    assert (identity.issuer, identity.name_id) == (real_provider, "899970021889")
    assert client.get(f"/c/{seat.cpts.slug}/").status_code == 200
    record = make_professional(rpps=RPPS)
    assert "Relier cette fiche" in client.get(OWN).content.decode()
    assert client.post(OWN).status_code == 302
    account = ProfessionalAccount.objects.get()
    assert (account.user, account.professional, account.method) == (seat.user, record, "card")
    client.post("/compte/logout/")
    again = client.get("/compte/psc/")
    assert client.get("/compte/psc/retour/", {"code": "x", "state": "y"}).status_code == 409
    assert again.status_code == 302
    evidence("G6", "record linked by the card of its number, real provider", 1)
    evidence("G6", "log-in against a real OpenID provider (django-oauth-toolkit)", "opened")
