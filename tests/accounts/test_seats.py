"""Roles in a CPTS: who gives them, who accepts, when they open, and who is never left out."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

import walls
from maillage.accounts import actions, queries
from maillage.accounts.enums import SEAT_TRANSITIONS, Channel, NoticeState, Role, SeatState
from maillage.accounts.models import Notice, Seat, User
from maillage.accounts.rules import SYSTEM, LinkActor, UserActor
from maillage.kernel.errors import DomainError, InvalidTransition, NotAllowed
from maillage.kernel.models import JournalLine
from maillage.kernel.permissions import Permission
from people import actor_as, make_cpts, make_seat, make_user, mark_demo, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cpts():
    return make_cpts()


@pytest.fixture
def admin(cpts):
    return actor_as(cpts, Role.ADMINISTRATOR)


def invite(admin, cpts, email="nouvelle@exemple.example", role=Role.DISPATCHER, **more):
    return actions.invite_seat(by=admin, cpts=cpts, email=email, role=role, **more)


# Invitations


def test_an_invitation_makes_the_account_the_seat_and_the_letter(admin, cpts):
    seat = invite(admin, cpts, "  Nouvelle@Exemple.example ", given_name="Zoé")
    assert seat.state == SeatState.INVITED
    assert seat.user.email == "nouvelle@exemple.example"
    assert not seat.user.has_usable_password()
    notice = Notice.objects.get()
    assert (notice.channel, notice.recipient) == (Channel.MAIL, "nouvelle@exemple.example")
    assert reverse("accounts:account") in notice.body and "Opérateur SNP" in notice.body
    line = JournalLine.objects.get(action="seat.invited")
    assert line.cpts_id == cpts.pk and "exemple" not in str(line.data)


def test_a_known_account_keeps_its_names(admin, cpts):
    known = make_user("deja@exemple.example", given_name="Vraie", family_name="Identité")
    seat = invite(admin, cpts, "DEJA@exemple.example", given_name="Fausse", family_name="X")
    known.refresh_from_db()
    assert seat.user == known and str(known) == "Vraie Identité"


def test_in_a_demonstration_the_invited_account_is_a_demo_one(admin, cpts):
    mark_demo()
    assert invite(admin, cpts).user.is_demo


@pytest.mark.parametrize("role", [r for r in Role if r != Role.ADMINISTRATOR])
def test_only_an_administrator_invites(cpts, role):
    with pytest.raises(NotAllowed):
        invite(actor_as(cpts, role), cpts)
    assert not Notice.objects.exists()


def test_an_administrator_of_another_cpts_does_not_invite(admin):
    with pytest.raises(NotAllowed):
        invite(admin, make_cpts("autre"))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"email": "pas une adresse"}, "adresse"),
        ({"role": "king"}, "rôle"),
        ({"starts_on": dt.date(2026, 2, 1), "ends_on": dt.date(2026, 1, 1)}, "fin précède"),
    ],
)
def test_what_an_invitation_refuses(admin, cpts, wrong, sentence):
    with pytest.raises(actions.SeatRefused, match=sentence):
        invite(admin, cpts, **wrong)
    assert Seat.objects.count() == 1


def test_the_same_role_is_not_given_twice_but_again_after_it_ended(admin, cpts):
    seat = invite(admin, cpts)
    with pytest.raises(actions.SeatRefused, match="déjà ce rôle"):
        invite(admin, cpts)
    actions.move_seat(by=admin, seat=seat, state=SeatState.LEFT)
    assert invite(admin, cpts).pk != seat.pk


# The life of a seat


def test_invited_then_accepted_by_the_person_then_opened_by_an_administrator(admin, cpts):
    seat = invite(admin, cpts)
    person = UserActor(seat.user)
    with pytest.raises(NotAllowed):
        actions.move_seat(by=admin, seat=seat, state=SeatState.ACCEPTED)
    with pytest.raises(InvalidTransition):
        actions.move_seat(by=admin, seat=seat, state=SeatState.ACTIVE)
    with pytest.raises(NotAllowed):
        actions.accept_seat(by=UserActor(make_user()), seat=seat)
    assert actions.accept_seat(by=person, seat=seat).state == SeatState.ACCEPTED
    assert queries.actor_in(seat.user, slug=cpts.slug, seat_id=None) is None
    actions.move_seat(by=admin, seat=seat, state=SeatState.ACTIVE)
    assert queries.actor_in(seat.user, slug=cpts.slug, seat_id=None).seat == seat
    moves = JournalLine.objects.filter(action="seat.moved").order_by("pk")
    assert [(line.data["before"], line.data["after"]) for line in moves] == [
        ("invited", "accepted"),
        ("accepted", "active"),
    ]


def test_nobody_opens_their_own_rights_by_accepting_twice(admin, cpts):
    seat = invite(admin, cpts)
    actions.accept_seat(by=UserActor(seat.user), seat=seat)
    with pytest.raises(InvalidTransition):
        actions.accept_seat(by=UserActor(seat.user), seat=seat)


def test_the_holder_of_a_link_answers_no_invitation(admin, cpts):
    seat = invite(admin, cpts)
    with pytest.raises(NotAllowed):
        actions.accept_seat(by=LinkActor(cpts_id=cpts.pk, target="proposal:1"), seat=seat)


def test_declining_ends_an_invitation_but_not_an_open_role(admin, cpts):
    seat = invite(admin, cpts)
    assert actions.decline_seat(by=UserActor(seat.user), seat=seat).state == SeatState.LEFT
    opened = make_seat(cpts, Role.DISPATCHER)
    with pytest.raises(actions.SeatRefused):
        actions.decline_seat(by=UserActor(opened.user), seat=opened)


@pytest.mark.parametrize("source", SeatState)
@pytest.mark.parametrize("target", SeatState)
def test_every_move_follows_the_table(admin, cpts, source, target):
    seat = make_seat(cpts, Role.READER, state=source)
    if target in SEAT_TRANSITIONS[source]:
        assert actions.move_seat(by=SYSTEM, seat=seat, state=target).state == target
    else:
        with pytest.raises(InvalidTransition):
            actions.move_seat(by=SYSTEM, seat=seat, state=target)


def test_every_state_has_its_exits():
    assert set(SEAT_TRANSITIONS) == set(SeatState)


# What a seat gives


@pytest.mark.parametrize("state", SeatState)
def test_only_an_active_seat_gives_rights(cpts, state):
    seat = make_seat(cpts, state=state)
    actor = queries.actor_in(seat.user, slug=cpts.slug, seat_id=None)
    assert (actor is not None) == (state == SeatState.ACTIVE)


@pytest.mark.parametrize(
    ("starts", "ends", "is_open"),
    [(0, 0, True), (-5, None, True), (None, 3, True), (1, None, False), (None, -1, False)],
)
def test_a_seat_is_open_from_its_first_day_to_its_last(cpts, starts, ends, is_open):
    def day(shift):
        return None if shift is None else timezone.localdate() + dt.timedelta(days=shift)

    seat = make_seat(cpts, starts_on=day(starts), ends_on=day(ends))
    assert (queries.actor_in(seat.user, slug=cpts.slug, seat_id=None) is not None) == is_open


def test_a_closed_account_gives_nothing(cpts):
    seat = make_seat(cpts, user=make_user(is_active=False))
    assert queries.actor_in(seat.user, slug=cpts.slug, seat_id=None) is None


def test_a_role_gives_nothing_in_another_cpts(admin):
    assert not admin.may(Permission.SEATS_MANAGE, make_cpts("autre"))


def test_of_several_seats_the_chosen_one_acts(cpts):
    user = make_user()
    first, second = (make_seat(cpts, role, user) for role in (Role.DISPATCHER, Role.BUREAU))
    assert queries.actor_in(user, slug=cpts.slug, seat_id=second.pk).seat == second
    assert queries.actor_in(user, slug=cpts.slug, seat_id=None).seat == first
    foreign = make_seat(make_cpts("autre"), user=user)
    assert queries.actor_in(user, slug=cpts.slug, seat_id=foreign.pk).seat == first


# The last administrator


@pytest.mark.parametrize("state", [SeatState.SUSPENDED, SeatState.LEFT])
def test_the_last_active_administrator_stays(admin, cpts, state):
    make_seat(cpts, state=SeatState.INVITED)
    make_seat(cpts, ends_on=timezone.localdate() - dt.timedelta(days=1))
    make_seat(make_cpts("autre"))
    with pytest.raises(actions.LastAdministrator):
        actions.move_seat(by=admin, seat=admin.seat, state=state)
    admin.seat.refresh_from_db()
    assert admin.seat.state == SeatState.ACTIVE
    make_seat(cpts)
    assert actions.move_seat(by=admin, seat=admin.seat, state=state).state == state


def test_a_stale_copy_of_a_seat_decides_nothing(admin, cpts):
    seat = make_seat(cpts, Role.READER)
    stale = Seat.objects.get(pk=seat.pk)
    actions.move_seat(by=admin, seat=seat, state=SeatState.LEFT)
    with pytest.raises(InvalidTransition):
        actions.move_seat(by=admin, seat=stale, state=SeatState.SUSPENDED)


# Accounts


def test_only_the_system_makes_an_account_by_itself(admin):
    with pytest.raises(NotAllowed):
        actions.create_user(by=admin, email="x@exemple.example")
    assert actions.create_user(by=SYSTEM, email="X@exemple.example").email == "x@exemple.example"


def test_a_demo_account_needs_a_demonstration():
    with pytest.raises(actions.SeatRefused):
        actions.create_user(by=SYSTEM, email="x@exemple.example", is_demo=True)
    mark_demo()
    assert actions.create_user(by=SYSTEM, email="x@exemple.example", is_demo=True).is_demo


def test_shortcuts_belong_to_the_person(admin):
    with pytest.raises(NotAllowed):
        actions.set_shortcuts(by=admin, user=make_user(), on=False)
    assert not actions.set_shortcuts(by=admin, user=admin.seat.user, on=False).shortcuts


# Constraints, each broken


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("seat_role_is_known", {"role": "king"}),
        ("seat_state_is_known", {"state": "asleep"}),
        (
            "seat_ends_after_it_starts",
            {"starts_on": dt.date(2026, 1, 2), "ends_on": dt.date(2026, 1, 1)},
        ),
    ],
)
def test_seat_constraints(cpts, name, change):
    seat = make_seat(cpts)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Seat.objects.filter(pk=seat.pk).update(**change)


def test_seat_once(cpts):
    user = make_user()
    make_seat(cpts, Role.READER, user, SeatState.LEFT)
    make_seat(cpts, Role.READER, user, SeatState.SUSPENDED)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_seat(cpts, Role.READER, user, SeatState.INVITED)


def test_one_account_per_address():
    make_user("x@exemple.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user("x@exemple.example")


# Pages


def at(name, cpts=None, **kwargs):
    return reverse(f"accounts:{name}", kwargs=kwargs | ({"cpts": cpts.slug} if cpts else {}))


def test_the_page_of_roles_lists_invites_and_moves(client, cpts):
    admin = sign_in(client, cpts, Role.ADMINISTRATOR)
    seat = make_seat(cpts, Role.DISPATCHER)
    neighbour = make_seat(make_cpts("autre"), user=make_user("voisin@exemple.example"))
    text = client.get(at("seats", cpts)).text
    assert seat.user.email in text and neighbour.user.email not in text
    answer = client.post(
        at("invite", cpts), {"email": "neuve@exemple.example", "role": Role.SECRETARY}, follow=True
    )
    assert "L&#39;invitation part vers neuve@exemple.example" in answer.text
    client.post(at("seat_move", cpts, pk=seat.pk), {"state": SeatState.SUSPENDED})
    seat.refresh_from_db()
    assert seat.state == SeatState.SUSPENDED
    answer = client.post(
        at("seat_move", cpts, pk=admin.seat_id), {"state": SeatState.LEFT}, follow=True
    )
    assert "dernier administrateur" in answer.text


def test_an_invitation_that_cannot_be_says_why(client, cpts):
    sign_in(client, cpts, Role.ADMINISTRATOR)
    answer = client.post(at("invite", cpts), {"email": "x", "role": Role.SECRETARY})
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text
    make_seat(cpts, Role.SECRETARY, make_user("la@exemple.example"))
    answer = client.post(at("invite", cpts), {"email": "la@exemple.example", "role": "secretary"})
    assert answer.status_code == 422 and "déjà ce rôle" in answer.text


def test_the_name_of_an_account_is_hidden_until_its_holder_answered(client, cpts):
    sign_in(client, cpts, Role.ADMINISTRATOR)
    user = make_user("secret@exemple.example", family_name="Confidentielle")
    make_seat(cpts, Role.READER, user, SeatState.INVITED)
    text = client.get(at("seats", cpts)).text
    assert "secret@exemple.example" in text and "Confidentielle" not in text


def test_foreign_or_absent_is_404_and_not_granted_is_403(client, cpts):
    foreign = make_seat(make_cpts("autre"))
    own = make_seat(cpts, Role.READER)
    sign_in(client, cpts, Role.DISPATCHER)
    assert client.get(at("seats", cpts)).status_code == 403
    assert client.get(at("outbox", cpts)).status_code == 403
    assert client.post(at("seat_move", cpts, pk=own.pk)).status_code == 404
    sign_in(client, cpts, Role.ADMINISTRATOR)
    for pk in (foreign.pk, 987654):
        assert client.post(at("seat_move", cpts, pk=pk), {"state": "left"}).status_code == 404
    assert client.get(at("seats", foreign.cpts)).status_code == 404
    foreign.refresh_from_db()
    assert foreign.state == SeatState.ACTIVE


def test_the_list_of_roles_costs_the_same_for_many(client, cpts, django_assert_num_queries):
    mark_demo(False)
    sign_in(client, cpts, Role.ADMINISTRATOR)
    for _ in range(20):
        make_seat(cpts, Role.READER)
    client.get(at("seats", cpts))
    with django_assert_num_queries(6):  # session, user, seat, duty; count, page
        client.get(at("seats", cpts))


def test_the_own_account_answers_invitations(client, cpts):
    seat = make_seat(cpts, Role.READER, state=SeatState.INVITED)
    other = make_seat(cpts, Role.BUREAU, state=SeatState.INVITED)
    client.force_login(seat.user)
    assert cpts.name in client.get(at("account")).text
    assert client.post(at("seat_accept", pk=other.pk)).status_code == 404
    client.post(at("seat_accept", pk=seat.pk))
    seat.refresh_from_db()
    assert seat.state == SeatState.ACCEPTED
    client.post(at("seat_decline", pk=seat.pk))
    seat.refresh_from_db()
    assert seat.state == SeatState.LEFT


def test_choosing_a_seat_changes_what_one_may_do(client, cpts):
    user = make_user()
    make_seat(cpts, Role.READER, user)
    admin = make_seat(cpts, Role.ADMINISTRATOR, user)
    foreign = make_seat(cpts, Role.ADMINISTRATOR)
    client.force_login(user)
    assert client.get(at("seats", cpts)).status_code == 403
    answer = client.post(at("choose_seat"), {"seat": admin.pk})
    assert answer.url == f"/c/{cpts.slug}/"
    assert client.get(at("seats", cpts)).status_code == 200
    for wrong in (foreign.pk, "", "abc", "9" * 30):
        assert client.post(at("choose_seat"), {"seat": wrong}).status_code == 404


def test_shortcuts_are_switched_and_the_way_back_stays_home(client, cpts):
    user = sign_in(client, cpts, Role.READER).seat.user
    answer = client.post(at("shortcuts"), {"shortcuts": "off", "next": f"/c/{cpts.slug}/"})
    user.refresh_from_db()
    assert not user.shortcuts and answer.url == f"/c/{cpts.slug}/"
    answer = client.post(at("shortcuts"), {"shortcuts": "on", "next": "https://ailleurs.example/"})
    user.refresh_from_db()
    assert user.shortcuts and answer.url == at("account")


# The outbox


@pytest.fixture
def letter(admin, cpts):
    return actions.queue_notice(
        by=admin,
        cpts=cpts,
        channel=Channel.SMS,
        recipient="0639980012",
        key="proposal:1",
        body="Une demande vous attend : https://maillage.example/p/abc:SIGNATURE/",
    )


def test_a_demonstration_shows_its_letters_whole(client, cpts, letter):
    mark_demo()
    actions.queue_notice(
        by=SYSTEM, cpts=make_cpts("autre"), channel="mail", recipient="v", key="k", body="VOISIN"
    )
    sign_in(client, cpts, Role.ADMINISTRATOR)
    text = client.get(at("outbox", cpts)).text
    assert "abc:SIGNATURE" in text and "VOISIN" not in text
    assert "06 39 98 00 12" in text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("role", "is_demo", "is_read"),
    [
        (Role.ADMINISTRATOR, True, True),
        (Role.ADMINISTRATOR, False, False),
        (Role.COORDINATOR, True, False),
    ],
)
def test_a_forgotten_password_is_read_in_a_demonstration_only(client, cpts, role, is_demo, is_read):
    mark_demo(is_demo)
    user = make_user()
    asked = client.post(reverse("account_reset_password"), {"email": user.email})
    assert asked.status_code == 302
    assert Notice.objects.get().subject.startswith("[maillage] ")
    sign_in(client, cpts, role)
    assert (user.email in client.get(at("outbox", cpts)).text) is is_read


def test_elsewhere_the_outbox_gives_no_link_and_no_number(client, cpts, letter):
    sign_in(client, cpts, Role.ADMINISTRATOR)
    text = client.get(at("outbox", cpts)).text
    assert "Une demande vous attend" in text and "finissant par 12" in text
    assert "SIGNATURE" not in text and "0639980012" not in text


def test_the_outbox_is_cut_in_pages(client, cpts, letter, django_assert_num_queries):
    mark_demo(False)
    sign_in(client, cpts, Role.ADMINISTRATOR)
    for number in range(60):
        actions.queue_notice(
            by=SYSTEM, cpts=cpts, channel="mail", recipient="x", key=f"k{number}", body="mot"
        )
    assert client.get(at("outbox", cpts)).text.count("<pre>") == 50
    with django_assert_num_queries(7):  # session, user, seat, duty; count, page, demo or not
        assert client.get(at("outbox", cpts) + "?page=2").text.count("<pre>") == 11


def test_states_of_a_notice_are_told(client, cpts, letter):
    letter.state, letter.tries = NoticeState.FAILED, 6
    letter.last_error = "La passerelle SMS ne répond pas."
    letter.save()
    sign_in(client, cpts, Role.ADMINISTRATOR)
    text = client.get(at("outbox", cpts)).text
    assert "abandonné après plusieurs essais" in text and "6 essais" in text
    assert "La passerelle SMS ne répond pas." in text


# The door of the demonstration


def test_one_click_enters_a_demonstration(client, cpts):
    mark_demo()
    seat = make_seat(cpts, Role.DISPATCHER, make_user(is_demo=True, family_name="Ficelle"))
    assert "Ficelle" in client.get(at("demo")).text
    answer = client.post(at("demo_enter"), {"seat": seat.pk})
    assert answer.url == f"/c/{cpts.slug}/"
    assert client.session["_auth_user_id"] == str(seat.user_id)


@pytest.mark.parametrize("is_demo_base", [None, False])
def test_a_real_database_has_no_such_door(client, cpts, is_demo_base):
    if is_demo_base is not None:
        mark_demo(is_demo_base)
    seat = make_seat(cpts, user=make_user(is_demo=True))
    assert client.get(at("demo")).status_code == 404
    assert client.post(at("demo_enter"), {"seat": seat.pk}).status_code == 404
    assert "_auth_user_id" not in client.session


def test_the_door_opens_demo_accounts_and_open_seats_only(client, cpts):
    mark_demo()
    real = make_seat(cpts, user=make_user(is_demo=False))
    ended = make_seat(cpts, user=make_user(is_demo=True), state=SeatState.SUSPENDED)
    for seat in (real, ended):
        assert client.post(at("demo_enter"), {"seat": seat.pk}).status_code == 404
    assert client.get(at("demo_enter")).status_code == 405


def test_the_door_shows_a_few_of_each_role(client, cpts):
    mark_demo()
    for number in range(12):
        user = make_user(is_demo=True, family_name=f"Numéro{number}")
        make_seat(cpts, Role.PROFESSIONAL, user)
    assert client.get(at("demo")).text.count('name="seat"') == queries.DEMO_ACCOUNTS_PER_ROLE


def test_users_have_no_password_they_did_not_choose(admin, cpts):
    invite(admin, cpts)
    assert not any(user.has_usable_password() for user in User.objects.exclude(password=""))


# Races


def together(*acts):
    """Run each act in its own thread and connection, started at the same moment; what they raised."""
    start = threading.Barrier(len(acts))

    def run(act):
        start.wait()
        try:
            walls.BY_HAND.set(True)
            act()
        except DomainError as error:
            return error
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_administrators_never_leave_together():
    cpts = make_cpts()
    for _ in range(10):
        pair = [actor_as(cpts, Role.ADMINISTRATOR) for _ in range(2)]

        def leave(actor):
            return lambda: actions.move_seat(by=actor, seat=actor.seat, state=SeatState.LEFT)

        raised = together(*(leave(actor) for actor in pair))
        assert sorted(type(each).__name__ for each in raised) == ["LastAdministrator", "NoneType"]
        Seat.objects.filter(cpts=cpts).update(state=SeatState.LEFT)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_the_same_invitation_twice_at_once_gives_one_seat():
    cpts = make_cpts()
    admin = actor_as(cpts, Role.ADMINISTRATOR)
    for number in range(10):
        email = f"course{number}@exemple.example"
        raised = together(*[lambda email=email: invite(admin, cpts, email)] * 4)
        assert sum(each is None for each in raised) == 1
        assert {type(each) for each in raised} - {type(None)} == {actions.SeatRefused}
        assert User.objects.filter(email=email).count() == 1
