"""The pages of a diary: whose it is, what is told, nothing typed is lost, few queries."""

import datetime as dt
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from diary import MONDAY, Diary, wall
from maillage.accounts.enums import Role
from maillage.availability import actions
from maillage.availability.models import (
    Absence,
    CptsVisibility,
    Opening,
    UsualVisibility,
    WeeklyPeriod,
)
from people import actor_as, sign_in

TUESDAY = MONDAY + dt.timedelta(days=1)
PERIOD = {
    "weekday": "1",
    "starts": "14:00",
    "ends": "17:00",
    "slot_minutes": "15",
    "capacity": "2",
    "kind": "office",
    "mode": "bookable",
    "from_on": "2026-11-23",
    "until_on": "",
}
OPENING = {
    "day": "2026-11-25",
    "starts": "18:00",
    "ends": "20:00",
    "slot_minutes": "",
    "capacity": "1",
    "kind": "office",
    "mode": "on_agreement",
}


def at(cpts, name, **kwargs):
    return reverse(f"availability:{name}", kwargs={"cpts": cpts.slug} | kwargs)


@pytest.fixture
def signed(client, diary):
    client.force_login(diary.actor.seat.user)
    return client


def text_of(response):
    return re.sub(r"\s+", " ", unescape(response.content.decode()).replace("\u00a0", " "))


def test_the_week_shows_rules_slots_and_places_never_who_for(signed, shown, desk, cpts):
    shown.period()
    shown.open(wall(TUESDAY, 14), wall(TUESDAY, 16), capacity=2)
    actions.take_place(by=desk, cpts=cpts, slot=shown.slots.get(is_window=True))
    actions.hold_place(
        by=desk, cpts=cpts, slot=shown.slots.earliest("starts_at"), until=wall(MONDAY, 8, 15)
    )
    page = text_of(signed.get(at(cpts, "week")))
    assert "9 h 00 – 9 h 20" in page
    assert "1 retenue" in page
    assert "9 h 20 – 10 h 00" in page
    assert "2 places libres" in page
    assert "sans heure fixe, 1 place libre" in page
    assert "1 prise" in page
    assert "Des places sont prises pendant une absence" not in page


def test_what_is_taken_under_an_absence_is_told(signed, shown, desk, cpts):
    shown.period()
    actions.take_place(by=desk, cpts=cpts, slot=shown.slots.earliest("starts_at"))
    shown.away(wall(MONDAY, 0), wall(TUESDAY, 0))
    page = text_of(signed.get(at(cpts, "week")))
    assert "Des places sont prises pendant une absence" in page
    assert "retiré, 1 place tenue" in page


@pytest.mark.parametrize(("from_on", "told"), [("2026-11-23", True), ("2026-12-01", False)])
def test_the_desk_is_said_to_be_told_only_when_a_place_lies_under(
    signed, shown, desk, cpts, from_on, told
):
    shown.period()
    actions.take_place(by=desk, cpts=cpts, slot=shown.slots.earliest("starts_at"))
    away = {"from_on": from_on, "until_on": from_on, "reason": "training"}
    page = text_of(signed.post(at(cpts, "absence_add"), away, follow=True))
    assert "Absence enregistrée" in page
    assert ("La régulation est prévenue" in page) is told


def test_the_week_costs_the_same_however_full(signed, shown, cpts, django_assert_max_num_queries):
    for weekday in range(7):
        shown.period(weekday=weekday, starts_minute=8 * 60, ends_minute=19 * 60)
    signed.get(at(cpts, "week"))
    with django_assert_max_num_queries(22):
        response = signed.get(at(cpts, "week"))
    assert response.status_code == 200


def test_the_fragment_is_the_page_without_its_frame(signed, shown, cpts):
    response = signed.get(at(cpts, "week"), headers={"HX-Request": "true"})
    assert "<html" not in response.content.decode()
    assert "Plages de la semaine" in response.content.decode()


def test_add_end_open_close_be_away_and_back(signed, shown, cpts):
    place = {"place": shown.place.pk}
    signed.post(at(cpts, "period_add"), PERIOD | place)
    period = WeeklyPeriod.objects.get()
    assert (period.starts_minute, period.ends_minute, period.capacity) == (840, 1020, 2)
    signed.post(at(cpts, "opening_add"), OPENING | place)
    opening = Opening.objects.get()
    assert opening.ends_at == wall(dt.date(2026, 11, 25), 20)
    signed.post(
        at(cpts, "absence_add"),
        {"from_on": "2026-12-01", "until_on": "2026-12-02", "reason": "training"},
    )
    absence = Absence.objects.get()
    assert absence.starts_at == wall(dt.date(2026, 12, 1), 0)
    assert absence.ends_at == wall(dt.date(2026, 12, 3), 0)
    response = signed.post(at(cpts, "absence_end", pk=absence.pk), follow=True)
    assert "Absence levée." in text_of(response)
    signed.post(at(cpts, "opening_close", pk=opening.pk))
    response = signed.post(
        at(cpts, "period_end", pk=period.pk), {"until_on": "2026-11-24"}, follow=True
    )
    assert "Plage arrêtée." in text_of(response)
    period.refresh_from_db()
    assert period.until_on == TUESDAY
    assert not Opening.objects.exists()


def test_midnight_is_an_end(signed, shown, cpts):
    evening = {"starts": "22:00", "ends": "00:00", "place": shown.place.pk}
    assert signed.post(at(cpts, "period_add"), PERIOD | evening).status_code == 302
    assert WeeklyPeriod.objects.get().ends_minute == 1440
    assert signed.post(at(cpts, "opening_add"), OPENING | evening).status_code == 302
    assert Opening.objects.get().ends_at == wall(dt.date(2026, 11, 26), 0)


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("period_add", PERIOD | {"ends": "13:00"}, "L'heure de fin doit suivre"),
        ("period_add", PERIOD | {"slot_minutes": "240"}, "plus courte qu'un créneau"),
        ("opening_add", OPENING | {"day": "2026-11-20"}, "Cette plage est déjà passée."),
        ("opening_add", OPENING | {"starts": "21:00"}, "L'heure de fin doit suivre"),
        (
            "absence_add",
            {"from_on": "2026-12-02", "until_on": "2026-12-01", "reason": "leave"},
            "La fin de l'absence doit suivre son début.",
        ),
    ],
)
def test_a_refusal_is_told_in_the_form_and_keeps_what_was_typed(
    signed, shown, cpts, name, typed, sentence
):
    response = signed.post(at(cpts, name), typed | {"place": shown.place.pk})
    assert response.status_code == 422
    page = response.content.decode()
    assert sentence in unescape(page)
    for field in ("starts", "from_on", "day"):
        if field in typed:
            assert f'value="{typed[field]}"' in page


def test_the_first_opening_asks_who_may_see_and_loses_nothing(signed, diary, cpts):
    typed = PERIOD | {"place": str(diary.place.pk)}
    response = signed.post(at(cpts, "period_add"), typed, follow=True)
    page = text_of(response)
    assert "Avant d'ouvrir un premier créneau, choisissez qui pourra voir" in page
    assert "Ce que vous avez saisi" in page
    assert not WeeklyPeriod.objects.exists()
    draft = re.search(r'name="draft" value="([^"]*)"', response.content.decode())[1]
    choice = {"audiences": ["SNP"], "snp": [cpts.pk], "draft": draft.replace("&amp;", "&")}
    response = signed.post(at(cpts, "visibility"), choice)
    back = urlsplit(response.url)
    assert (back.path, back.fragment) == (at(cpts, "week"), "plage")
    kept = {name: values[0] for name, values in parse_qs(back.query).items()}
    assert {name: value for name, value in typed.items() if value}.items() <= kept.items()
    page = signed.get(response.url).content.decode()
    assert 'name="starts" value="14:00"' in page
    assert 'name="slot_minutes" value="15"' in page
    assert re.search(r'<option value="1" selected>\s*mardi', page)
    assert UsualVisibility.objects.get().for_snp
    assert signed.post(at(cpts, "period_add"), typed).status_code == 302
    assert WeeklyPeriod.objects.count() == 1


def test_a_quick_answer_before_the_choice_comes_back_checked(signed, diary, cpts):
    response = signed.post(at(cpts, "quick"), {"answer": "evening"})
    assert "form=quick" in response.url
    assert "answer=evening" in response.url
    choice = {"audiences": ["PUBLIC"], "draft": urlsplit(response.url).query}
    response = signed.post(at(cpts, "visibility"), choice)
    page = signed.get(response.url).content.decode()
    assert re.search(r'value="evening" checked', page)


def test_visibility_is_given_and_withdrawn_cpts_by_cpts(signed, diary, cpts, neighbour):
    page = text_of(signed.get(at(cpts, "visibility")))
    assert "CPTS Vallee" in page
    assert "CPTS Voisine" not in page  # not in its directory
    signed.post(at(cpts, "visibility"), {"audiences": ["SNP", "CPTS"], "members": [cpts.pk]})
    row = CptsVisibility.objects.get()
    assert (row.cpts, row.snp, row.members) == (cpts, False, True)
    page = signed.get(at(cpts, "visibility")).content.decode()
    assert len(re.findall(r"checked", page)) == 3
    signed.post(at(cpts, "visibility"), {"audiences": []})
    assert not CptsVisibility.objects.exists()
    forged = signed.post(at(cpts, "visibility"), {"audiences": ["SNP"], "snp": [neighbour.pk]})
    assert forged.status_code == 422
    assert not CptsVisibility.objects.exists()


def test_two_taps_and_taken_back(signed, shown, cpts):
    home = f"/c/{cpts.slug}/"
    response = signed.post(at(cpts, "quick"), {"answer": "hour", "next": home})
    assert response.url == home
    page = text_of(signed.get(at(cpts, "week")))
    assert "Dans l'heure : 1 place libre, jusqu'à 9 h 00" in page
    opening = Opening.objects.get()
    response = signed.post(at(cpts, "opening_close", pk=opening.pk), {"next": home})
    assert response.url == home
    signed.post(at(cpts, "quick"), {"answer": "not_today"})
    assert "rien n'est proposé" in text_of(signed.get(at(cpts, "week")))
    response = signed.post(at(cpts, "quick"), {"answer": "evening"}, follow=True)
    assert "est levé" in text_of(response)


def test_a_passed_moment_is_told(signed, shown, cpts, clock):
    clock(MONDAY, 19)
    signed.force_login(shown.actor.seat.user)  # this morning's session is over
    response = signed.post(at(cpts, "quick"), {"answer": "afternoon"}, follow=True)
    assert "Ce moment de la journée est passé. Choisissez-en un autre." in text_of(response)


@pytest.mark.parametrize("elsewhere", ["https://exemple.example/", "//exemple.example/", "x"])
def test_the_way_back_stays_here(signed, shown, cpts, elsewhere):
    response = signed.post(at(cpts, "quick"), {"answer": "hour", "next": elsewhere})
    assert response.url.startswith(at(cpts, "week"))


def test_somebody_else_s_diary_is_an_unknown_one(signed, shown, cpts):
    other = Diary(cpts)
    other.show_to_desk()
    rules = {
        "period_end": other.period(),
        "opening_close": other.open(wall(TUESDAY, 9), wall(TUESDAY, 10)),
        "absence_end": other.away(wall(TUESDAY, 12), wall(TUESDAY, 13)),
    }
    before = other.rows
    pro = other.professional.pk
    answers = [signed.get(at(cpts, "week"), {"pro": asked}) for asked in (pro, 10**9, "x")]
    answers += [signed.get(at(cpts, "visibility"), {"pro": pro})]
    for name in ("period_add", "opening_add", "absence_add", "quick", "visibility"):
        answers += [signed.post(at(cpts, name), {"pro": pro})]
    for name, rule in rules.items():
        answers += [signed.post(at(cpts, name, pk=pk)) for pk in (rule.pk, 10**9)]
    assert {each.status_code for each in answers} == {404}
    assert other.rows == before


def test_a_secretary_keeps_those_who_delegated(client, shown, cpts, delegated):
    secretary = delegated()
    other, stranger = Diary(cpts), Diary(cpts)
    other.professional.delegations.create(secretary=secretary.seat.user, from_on=MONDAY)
    client.force_login(secretary.seat.user)
    page = client.get(at(cpts, "week"), {"pro": shown.professional.pk}).content.decode()
    assert str(shown.professional) in page
    assert str(other.professional) in page
    assert str(stranger.professional) not in page
    client.post(at(cpts, "quick"), {"answer": "two_more", "pro": shown.professional.pk, "next": ""})
    assert Opening.objects.get().professional == shown.professional


def test_nobody_to_keep_is_said(client, cpts, clock):
    sign_in(client, cpts, Role.SECRETARY)
    assert "Aucun professionnel à tenir à jour" in client.get(at(cpts, "week")).content.decode()
    assert client.get(at(cpts, "visibility")).status_code == 200
    assert client.post(at(cpts, "quick"), {"answer": "hour"}).status_code == 404


@pytest.mark.parametrize("role", [r for r in Role if r not in {Role.PROFESSIONAL, Role.SECRETARY}])
def test_other_roles_read_a_sentence(client, cpts, clock, role):
    sign_in(client, cpts, role)
    for answer in (client.get(at(cpts, "week")), client.post(at(cpts, "quick"))):
        assert answer.status_code == 403
        assert "Votre rôle dans cette CPTS" in answer.content.decode()


def test_another_cpts_is_unknown(client, diary, neighbour):
    client.force_login(diary.actor.seat.user)
    assert client.get(at(neighbour, "week")).status_code == 404
    actor_as(neighbour, Role.PROFESSIONAL, diary.actor.seat.user)
    assert client.get(at(neighbour, "week")).status_code == 200
