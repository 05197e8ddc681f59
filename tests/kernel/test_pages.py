"""`@page`: foreign before forbidden, one address two answers, nothing kept in a shared cache."""

import pytest
from django.http import Http404, HttpResponse
from django.test import RequestFactory

from maillage.accounts.enums import Role
from maillage.accounts.models import Seat
from maillage.kernel.errors import NotAllowed
from maillage.kernel.pages import Access, page
from maillage.kernel.permissions import Permission
from people import actor_as, make_cpts


@page(Permission.SEATS_MANAGE, of=Seat)
def seat_page(request, seat):
    return HttpResponse(str(seat.pk))


@page(Access.PUBLIC)
def public_page(request):
    return HttpResponse("bonjour")


def ask(view, actor, of_cpts, method="get", **kwargs):
    request = getattr(RequestFactory(), method)("/")
    request.actor, request.cpts = actor, of_cpts
    return view(request, **kwargs)


@pytest.fixture
def cpts(db):
    return make_cpts()


def test_the_view_receives_the_object_and_nothing_is_stored(cpts):
    administrator = actor_as(cpts, Role.ADMINISTRATOR)
    answer = ask(seat_page, administrator, cpts, pk=administrator.seat_id, cpts=cpts.slug)
    assert answer.content == str(administrator.seat_id).encode()
    assert "no-store" in answer.headers["Cache-Control"]


def test_foreign_is_not_found_before_it_is_forbidden(cpts):
    administrator = actor_as(cpts, Role.ADMINISTRATOR)
    foreign = actor_as(make_cpts("plaine"), Role.DISPATCHER)
    for pk in (foreign.seat_id, 987654321):
        with pytest.raises(Http404):
            ask(seat_page, administrator, cpts, pk=pk)
    dispatcher = actor_as(cpts, Role.DISPATCHER)
    with pytest.raises(Http404):
        ask(seat_page, dispatcher, cpts, pk=administrator.seat_id)


def test_without_the_permission_a_sentence(cpts):
    @page(Permission.SEATS_MANAGE)
    def seats(request):
        return HttpResponse()

    with pytest.raises(NotAllowed, match="Votre rôle"):
        ask(seats, actor_as(cpts, Role.READER), cpts)


def test_other_methods_are_refused(cpts):
    assert ask(public_page, None, None, method="post").status_code == 405
    assert ask(public_page, None, None, method="head").status_code == 200
    assert "Cache-Control" not in ask(public_page, None, None).headers
