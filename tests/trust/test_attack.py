"""Attacks tried by hand on the running platform, kept so that they stay refused."""

import datetime as dt
import logging
import re

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django_scopes import scope, scopes_disabled

from factories import MONTCEAU, VALUES, make_case, make_desk, make_doctor, professional_actor
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice, Seat
from maillage.directory.actions import remove_from_cpts
from maillage.residents.models import Resident
from maillage.snp import actions
from maillage.snp.models import CareRequest, HandOver, RedFlag
from maillage.snp.queries import proposal_token
from people import actor_as, make_cpts, make_seat, make_user, sign_in

pytestmark = pytest.mark.django_db
WANTED = "docteure@cabinet.example"


@pytest.mark.parametrize(
    "steps",
    [
        [("action_add", WANTED), ("action_primary", WANTED)],
        [
            ("action_remove", "intrus@cabinet.example"),
            ("action_add", WANTED),
            ("action_primary", WANTED),
        ],
    ],
)
def test_nobody_takes_the_address_of_somebody_to_be_invited(client, steps):
    """An address not proven would receive the seat meant for its owner."""
    cpts = make_cpts()
    sign_in(client, cpts, Role.ADMINISTRATOR)
    intruder = make_user("intrus@cabinet.example")
    make_seat(cpts, Role.READER, intruder)
    theirs = Client()
    theirs.force_login(intruder)
    for verb, address in steps:
        theirs.post("/compte/email/", {verb: "", "email": address})
    intruder.refresh_from_db()
    assert intruder.email == "intrus@cabinet.example"
    assert not EmailAddress.objects.filter(email=WANTED).exists()
    client.post("/c/vallee/roles/inviter/", {"email": WANTED, "role": Role.DISPATCHER})
    invited = Seat.objects.get(role=Role.DISPATCHER).user
    assert (invited.email, invited.pk != intruder.pk) == (WANTED, True)


@pytest.fixture
def cpts_of_desk():
    with scopes_disabled():
        cpts = make_desk()
    with scope(cpts=cpts):
        yield cpts


@pytest.fixture
def board(client, cpts_of_desk):
    """A dispatcher at their board."""
    sign_in(client, cpts_of_desk, Role.DISPATCHER)
    return client


CALL = {
    "form_key": "une-page",
    "sign": "none",
    "phone": "06 39 98 00 01",
    "commune": MONTCEAU,
    "profession": "10",
    "reason": "fever",
    "age_band": "16-69",
    "channel": "patient",
    "can_travel": "on",
    "out_of_hours_seen": "on",
}
NEW = "/c/vallee/snp/nouvelle/"


def test_a_form_brought_back_for_another_call_is_not_swallowed(board):
    assert board.post(NEW, CALL).status_code == 302
    assert board.post(NEW, CALL).status_code == 302
    assert CareRequest.objects.count() == 1
    other = CALL | {"phone": "06 39 98 00 02", "reason": "pain"}
    answer = board.post(NEW, other)
    assert answer.status_code == 422
    assert "déjà servi : la demande n° 1" in answer.content.decode()
    fresh = re.search(r'name="form_key" value="([^"]+)"', answer.content.decode())[1]
    assert board.post(NEW, other | {"form_key": fresh}).status_code == 302
    assert [each.phone for each in CareRequest.objects.all()] == ["0639980001", "0639980002"]


def test_a_sign_ticked_on_a_form_brought_back_goes_to_the_15(board):
    board.post(NEW, CALL)
    sign = RedFlag.objects.order_by("position").first()
    for _ in range(2):  # and a double click still counts once
        assert board.post(NEW, CALL | {"sign": sign.pk}).status_code == 302
    assert [each.status for each in CareRequest.objects.order_by("pk")] == ["new", "handed_over"]
    assert HandOver.objects.get().red_flag == sign


def test_a_second_patient_on_a_form_brought_back_is_not_the_first(board):
    board.post(NEW, CALL | {"family_name": "Mirabelle", "given_name": "Alix"})
    answer = board.post(NEW, CALL | {"family_name": "Mirabelle", "given_name": "Basile"})
    assert answer.status_code == 422 and CareRequest.objects.count() == 1


def test_a_number_too_long_for_a_column_is_nobody(board):
    """SQLite and int() both refuse some: neither may break the board."""
    board.post(NEW, CALL)
    care_request = CareRequest.objects.get()
    for text in ("9" * 19, "9" * 30, "9" * 5000, "٣", "²", "-1", "1\x00"):
        assert board.get("/c/vallee/snp/", {"demande": text}).status_code == 200
        answer = board.post(f"/c/vallee/snp/{care_request.pk}/proposer/", {"slot": text})
        assert answer.status_code in {302, 404}


@pytest.mark.parametrize(
    ("address", "status"),
    [("reglages/", 403), ("999/fil/", 404), ("999/prendre/", 404), ("inconnu/", 404)],
)
def test_a_refusal_is_not_kept_by_the_browser(board, address, status):
    """It names the person signed in."""
    answer = board.get(f"/c/vallee/snp/{address}")
    assert (answer.status_code, "no-store" in answer.headers["Cache-Control"]) == (status, True)


def test_the_address_of_a_button_opened_as_a_page_says_so(board):
    """After a session ended, the log-in leads back to it."""
    board.post(NEW, CALL)
    answer = board.get(f"/c/vallee/snp/{CareRequest.objects.get().pk}/prendre/")
    assert answer.status_code == 405 and answer.headers["Allow"] == "POST"
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Rien n&#39;a été fait" in answer.content.decode()


def test_a_double_click_tells_the_patient_once():
    with scopes_disabled():
        cpts = make_desk()
    with scope(cpts=cpts):
        desk = actor_as(cpts, Role.DISPATCHER)
        case = make_case(desk, "accepted", sms_allowed=True, out_of_hours_seen=True)
        for _ in range(2):
            actions.inform_patient(
                by=desk, care_request=case.care_request, means="sms", result="sent"
            )
        assert case.care_request.inform_attempts.count() == 1
    assert Notice.objects.filter(key__contains=":patient:").count() == 1


LONG_MAIL = f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 20}.example"


def test_what_does_not_fit_a_column_is_refused_with_a_sentence(board):
    """SQLite would keep it; PostgreSQL would break the page."""
    assert 254 < len(LONG_MAIL) < 320
    named = {"family_name": "Mirabelle", "birth_date": "1980-01-01"}
    address = "/c/vallee/habitants/nouveau/"
    assert board.post(address, named | {"email": LONG_MAIL}).status_code == 422
    wide = named | {"family_name": "œ" * 80, "given_name": "œ" * 80}
    assert board.post(address, wide).status_code == 302
    found = board.post("/c/vallee/habitants/", wide)
    assert "/c/vallee/habitants/" in found.content.decode() and found.status_code == 200
    assert Resident.objects.get().name_and_birth.endswith("|1980-01-01")
    for commune in ("\x00", "7\x00", "x" * 300):
        assert board.post(NEW, CALL | named | {"commune": commune}).status_code == 422


def test_an_administrator_invites_no_endless_address(client):
    sign_in(client, make_cpts(), Role.ADMINISTRATOR)
    asked = {"email": LONG_MAIL, "role": Role.READER}
    assert client.post("/c/vallee/roles/inviter/", asked).status_code == 422


def test_a_setting_that_would_break_every_board_is_refused(cpts_of_desk):
    coordinator = actor_as(cpts_of_desk, Role.COORDINATOR)
    for hours in (0, 24 * 14 + 1, 2_147_483_647):
        with pytest.raises(actions.BadSettings, match="336 heures"):
            actions.set_desk(
                by=coordinator,
                cpts=cpts_of_desk,
                values=VALUES | {"search_hours": hours},
                hours=[],
                source="essai",
            )
    with pytest.raises(actions.BadSettings, match="200 caractères"):
        actions.validate_red_flags(
            by=coordinator,
            cpts=cpts_of_desk,
            labels=["a" * 201],
            validated_by="Dr Exemple Fictif",
            validated_on=dt.date(2026, 1, 5),
        )


def test_a_year_mistyped_in_an_absence_is_told(client):
    with scopes_disabled():
        cpts = make_desk()
        actor = professional_actor(cpts, make_doctor(cpts))
    client.force_login(actor.seat.user)
    for first, last in (("0001-01-01", "2026-12-31"), ("2026-01-01", "9999-12-31")):
        asked = {"from_on": first, "until_on": last, "reason": "away"}
        answer = client.post("/c/vallee/disponibilites/absences/", asked)
        assert answer.status_code == 422
        assert "Vérifiez l&#39;année" in answer.content.decode()


def test_the_log_never_holds_a_signed_link(cpts_of_desk, caplog):
    """A refused form or a scanner's OPTIONS is told in the log, without what would let one act."""
    desk = actor_as(cpts_of_desk, Role.DISPATCHER)
    case = make_case(desk, "proposed", out_of_hours_seen=True)
    token = proposal_token(case.proposal)
    visitor = Client(enforce_csrf_checks=True)
    assert visitor.delete(f"/r/{token}/").status_code == 405
    assert visitor.options(f"/r/{token}/").status_code == 405
    assert visitor.get(f"/r/{token}x/").status_code == 410
    assert visitor.post("/compte/password/reset/key/1-secret/").status_code == 403
    console = logging.getLogger().handlers[0]
    told = [console.format(each) for each in caplog.records if console.filter(each)]
    assert len(told) == 4 and all("/…" in line for line in told)
    assert not any(token[:20] in line or "secret" in line for line in told)


def test_a_browser_without_a_cookie_answers_by_the_link(cpts_of_desk):
    """Opened from an SMS, with nothing kept: the token in the address is what authorises the act."""
    desk = actor_as(cpts_of_desk, Role.DISPATCHER)
    case = make_case(desk, "proposed", out_of_hours_seen=True)
    visitor = Client(enforce_csrf_checks=True)
    answer = visitor.post(f"/r/{proposal_token(case.proposal)}/", {"answer": "accept"})
    assert answer.status_code == 302
    case.proposal.refresh_from_db()
    assert case.proposal.state == "accepted"


def test_whoever_left_the_directory_no_longer_answers_by_an_old_link(cpts_of_desk):
    desk = actor_as(cpts_of_desk, Role.DISPATCHER)
    case = make_case(desk, "proposed", out_of_hours_seen=True)
    coordinator = actor_as(cpts_of_desk, Role.COORDINATOR)
    remove_from_cpts(by=coordinator, cpts=cpts_of_desk, professional=case.doctor)
    answer = Client().post(
        f"/r/{proposal_token(case.proposal)}/", {"answer": "accept"}, follow=True
    )
    assert "ne vous est pas adressée" in answer.content.decode()
    case.proposal.refresh_from_db()
    assert case.proposal.state == "sent"
