"""Attacks tried by hand on the running platform, kept so that they stay refused."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django_scopes import scope, scopes_disabled

from factories import MONTCEAU, make_case, make_desk
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice, Seat
from maillage.snp import actions
from maillage.snp.models import CareRequest, HandOver, RedFlag
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
def board(client):
    """A desk at its board, and its CPTS."""
    with scopes_disabled():
        cpts = make_desk()
    sign_in(client, cpts, Role.DISPATCHER)
    with scope(cpts=cpts):
        yield client


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
