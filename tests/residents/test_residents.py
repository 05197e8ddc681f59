"""Residents: looked for by whole keys, written once, never overwritten, every reading told."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope
from django_scopes.exceptions import ScopeError

from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.directory.enums import Profession
from maillage.kernel import pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.residents import actions, queries
from maillage.residents.models import Resident
from people import (
    actor_as,
    make_commune,
    make_cpts,
    make_professional,
    make_seat,
    mark_demo,
    sign_in,
)

pytestmark = pytest.mark.django_db
BORN = dt.date(1950, 2, 1)
# The desk, and whoever answers for the rights of persons, on their own pages.
FINDERS = {Role.DISPATCHER, Role.DATA_PROTECTION_OFFICER}


@pytest.fixture
def cluny():
    return make_commune()


@pytest.fixture
def cpts(cluny):
    return make_cpts(communes=[cluny])


@pytest.fixture
def desk(cpts):
    return actor_as(cpts, Role.DISPATCHER)


def record(cpts, by=SYSTEM, **identity):
    identity = {"family_name": "Lemaître", "given_name": "Anne-Sophie"} | identity
    with scope(cpts=cpts):
        return actions.record_resident(by=by, cpts=cpts, **identity)


def found(cpts, actor, **keys):
    with scope(cpts=cpts):
        return list(queries.find(actor, cpts, **keys))


# Keys and search


def test_the_keys_are_normalised(cpts, cluny):
    one = record(cpts, phone="+33 (0)6 39 98 00 01", birth_date=BORN, commune=cluny)
    assert one.phone == "0639980001"
    assert one.name_and_birth == "lemaitre|1950-02-01"
    assert one.name_and_commune == "lemaitre|71137"
    keys = (one.phone_key, one.name_birth_key, one.name_commune_key)
    assert len(set(keys)) == 3 and not any("lemaitre" in key or "0639" in key for key in keys)
    other = record(make_cpts("autre"), phone="0639980001", birth_date=BORN, commune=cluny)
    assert not set(keys) & {other.phone_key, other.name_birth_key, other.name_commune_key}
    bare = record(cpts, family_name="Sans")
    assert (bare.phone_key, bare.name_birth_key, bare.name_commune_key) == ("", "", "")


@pytest.mark.parametrize(
    "keys",
    [
        {"phone": "06.39.98.00.01"},
        {"family_name": "LEMAITRE", "given_name": "anne sophie", "birth_date": BORN},
        {"family_name": "Anne Sophie", "given_name": "Lemaître", "birth_date": BORN},
        {"family_name": "lemaître", "given_name": "ANNE-SOPHIE", "commune": "71137"},
    ],
)
def test_each_key_finds(cpts, cluny, desk, keys):
    one = record(cpts, phone="0639980001", birth_date=BORN, commune=cluny)
    record(cpts, family_name="Autre", phone="0639980002", birth_date=BORN, commune=cluny)
    if "commune" in keys:
        keys = keys | {"commune": cluny}
    assert found(cpts, desk, **keys) == [one]


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"phone": "06399800"},
        {"phone": "pas un numéro"},
        {"family_name": "Lemaître", "given_name": "Anne-Sophie"},
        {"family_name": "Lemait", "given_name": "Anne-Sophie", "birth_date": BORN},
        {"birth_date": BORN},
    ],
)
def test_a_piece_of_a_key_finds_nobody(cpts, cluny, desk, keys):
    record(cpts, phone="0639980001", birth_date=BORN, commune=cluny)
    record(cpts, family_name="Sans")
    assert found(cpts, desk, **keys) == []


def test_nobody_else_finds_and_no_cpts_finds_its_neighbour_s(cpts, desk):
    other = make_cpts("autre")
    record(cpts, phone="0639980001")
    for role in Role:
        actor = actor_as(cpts, role)
        seen = found(cpts, actor, phone="0639980001")
        assert len(seen) == (1 if role in FINDERS else 0), role
    assert found(other, actor_as(other, Role.DISPATCHER), phone="0639980001") == []
    assert found(other, desk, phone="0639980001") == []
    with pytest.raises(ScopeError):
        list(Resident.objects.all())


# Writing


def test_likely_doubles_are_told_before_writing(cpts, cluny, desk):
    one = record(cpts, phone="0639980001", birth_date=BORN)
    for identity in (
        {"phone": "0639980001", "family_name": "Autre"},
        {"birth_date": BORN},
        {"family_name": "Anne-Sophie", "given_name": "Lemaitre", "birth_date": BORN},
    ):
        with pytest.raises(actions.LikelyDouble) as told:
            record(cpts, by=desk, **identity)
        assert told.value.residents == [one]
        with pytest.raises(actions.LikelyDouble):
            record(cpts, by=SYSTEM, **identity)
    twin = record(cpts, by=desk, birth_date=BORN, is_sure=True)
    assert twin.pk != one.pk
    assert record(make_cpts("autre"), phone="0639980001").pk


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"family_name": "  "}, "nom"),
        ({"birth_date": dt.date(1850, 1, 1)}, "naissance"),
        ({"birth_date": timezone.localdate() + dt.timedelta(days=2)}, "naissance"),
        ({"phone": "12"}, "téléphone"),
    ],
)
def test_what_a_record_refuses(cpts, wrong, sentence):
    with pytest.raises(actions.BadResident, match=sentence):
        record(cpts, **wrong)


def test_a_usual_doctor_is_a_doctor(cpts):
    nurse = make_professional(cpts, profession=Profession.NURSE, speciality="")
    with pytest.raises(actions.BadResident):
        record(cpts, usual_doctor=nurse)
    assert record(cpts, usual_doctor=make_professional(cpts)).usual_doctor_id


@pytest.mark.parametrize("role", [r for r in Role if r != Role.DISPATCHER])
def test_only_the_desk_writes(cpts, role):
    one = record(cpts)
    actor = actor_as(cpts, role)
    with pytest.raises(NotAllowed):
        record(cpts, by=actor, family_name="X")
    with scope(cpts=cpts), pytest.raises(NotAllowed):
        actions.change_resident(by=actor, resident=one, version=1, family_name="X")


def test_the_desk_of_another_cpts_does_not_write(cpts):
    one, foreign = record(cpts), actor_as(make_cpts("autre"), Role.DISPATCHER)
    with pytest.raises(NotAllowed):
        record(cpts, by=foreign, family_name="X")
    with scope(cpts=cpts), pytest.raises(NotAllowed):
        actions.change_resident(by=foreign, resident=one, version=1, family_name="X")


def test_a_change_moves_version_keys_and_screens(cpts, cluny, desk):
    one = record(cpts, phone="0639980001")
    before = pulse.version(cpts.pk)
    with scope(cpts=cpts):
        one = actions.change_resident(
            by=desk, resident=one, version=1, family_name="Lemaire", commune=cluny
        )
    assert (one.version, one.phone_key) == (2, "")
    assert found(cpts, desk, family_name="Lemaire", commune=cluny) == [one]
    assert found(cpts, desk, phone="0639980001") == []
    assert pulse.version(cpts.pk) > before
    lines = str(list(JournalLine.objects.values_list("action", "target", "data")))
    assert "resident.recorded" in lines and "resident.changed" in lines
    assert "Lema" not in lines and "06399800" not in lines


def test_a_lost_update_is_refused_with_both_values(cpts, cluny, desk):
    one = record(cpts, phone="0639980001")
    usual = {"family_name": "Lemaître", "given_name": "Anne-Sophie"}
    with scope(cpts=cpts):
        actions.change_resident(by=desk, resident=one, version=1, phone="0639980002", **usual)
        with pytest.raises(actions.LostUpdate) as told:
            actions.change_resident(
                by=desk, resident=one, version=1, phone="0639980003", commune=cluny, **usual
            )
    text = str(told.value).replace("\u00a0", " ")
    assert "enregistré « 06 39 98 00 02 », vous avez saisi « 06 39 98 00 03 »" in text
    assert "Commune : enregistré « vide », vous avez saisi « Cluny »" in text
    assert "Nom :" not in text and told.value.version == 2
    with scope(cpts=cpts):
        one.refresh_from_db()
        assert one.phone == "0639980002"
        same = actions.change_resident(
            by=desk, resident=one, version=1, phone="06 39 98 00 02", **usual
        )
    assert same.version == 2  # the same words twice are no conflict


# Constraints, each broken


def test_a_resident_has_a_name(cpts):
    one = record(cpts)
    with (
        scope(cpts=cpts),
        pytest.raises(IntegrityError, match="resident_has_a_name"),
        transaction.atomic(),
    ):
        Resident.objects.filter(pk=one.pk).update(family_name="")


# Communes typed by hand


def test_a_commune_is_recognised_as_typed(cpts, cluny):
    here = make_commune("71398", "Saint-Clément")
    make_commune("54474", "Saint-Clément", "54")
    make_commune("07226", "Saint-Clément", "07")
    assert queries.communes_named(cpts, " CLUNY ") == [cluny]
    assert queries.communes_named(cpts, "71137") == [cluny]
    assert len(queries.communes_named(cpts, "saint clement")) == 3
    assert queries.communes_named(cpts, "Saint-Clément (71)") == [here]
    assert queries.communes_named(cpts, "Nulle-Part") == []
    inside = make_cpts("dedans", communes=[here])
    assert queries.communes_named(inside, "saint clement") == [here]


# Pages


def at(name, cpts, **kwargs):
    return reverse(f"residents:{name}", kwargs={"cpts": cpts.slug} | kwargs)


def readings():
    return JournalLine.objects.filter(kind="read").order_by("pk")


def test_a_search_shows_and_tells_everybody_it_showed(client, cpts):
    one = record(cpts, phone="0639980001")
    two = record(cpts, family_name="Autre", phone="0639980001", is_sure=True)
    actor = sign_in(client, cpts, Role.DISPATCHER)
    text = client.post(at("search", cpts), {"phone": "06 39 98 00 01"}).text
    assert "Lemaître" in text and "Autre" in text
    (line,) = readings()
    assert line.residents == sorted([one.pk, two.pk])
    assert (line.action, line.purpose) == ("residents.search", "régulation SNP")
    assert (line.seat_id, line.cpts_id) == (actor.seat_id, cpts.pk)
    client.post(at("search", cpts), {"phone": "06 39 98 00 01"})
    assert readings().count() == 1  # the same people within five minutes


def test_a_page_that_shows_nobody_writes_nothing(client, cpts):
    record(cpts, phone="0639980001")
    sign_in(client, cpts, Role.DISPATCHER)
    assert "Lemaître" not in client.get(at("search", cpts)).text
    assert client.post(at("search", cpts), {"phone": "06 39 98 77 77"}).status_code == 200
    assert client.post(at("search", cpts), {"family_name": "Lemaître"}).status_code == 422
    assert client.get(at("create", cpts)).status_code == 200
    assert not readings().exists()


def test_the_record_and_its_form_each_tell(client, cpts, cluny):
    one = record(cpts, phone="0639980001", birth_date=BORN, commune=cluny)
    sign_in(client, cpts, Role.DISPATCHER)
    assert "Cluny" in client.get(at("detail", cpts, pk=one.pk)).text
    text = client.get(at("edit", cpts, pk=one.pk)).text
    assert 'value="1950-02-01"' in text and 'value="Cluny (71)"' in text
    assert [line.action for line in readings()] == ["residents.detail", "residents.edit"]


@pytest.mark.parametrize("role", Role)
def test_the_desk_alone_opens_these_pages(client, cpts, role):
    one = record(cpts)
    sign_in(client, cpts, role)
    allowed = role == Role.DISPATCHER
    assert client.get(at("search", cpts)).status_code == (200 if allowed else 403)
    assert client.get(at("create", cpts)).status_code == (200 if allowed else 403)
    for name in ("detail", "edit"):
        refused = 403 if role in FINDERS else 404
        page = client.get(at(name, cpts, pk=one.pk))
        assert page.status_code == (200 if allowed else refused)
    assert readings().exists() == allowed


def test_a_neighbour_s_resident_is_a_404_like_nobody(client, cpts):
    foreign = record(make_cpts("autre"), family_name="Voisine")
    sign_in(client, cpts, Role.DISPATCHER)
    for pk in (foreign.pk, 987654):
        assert client.get(at("detail", cpts, pk=pk)).status_code == 404
        assert client.post(at("edit", cpts, pk=pk), {"family_name": "X"}).status_code == 404
    assert client.get(at("detail", foreign.cpts, pk=foreign.pk)).status_code == 404
    assert not readings().exists()


def test_creating_shows_the_likely_double_then_is_confirmed(client, cpts):
    one = record(cpts, phone="0639980001")
    sign_in(client, cpts, Role.DISPATCHER)
    typed = {"family_name": "Nouvelle", "phone": "0639980001"}
    answer = client.post(at("create", cpts), typed)
    assert answer.status_code == 422 and "Lemaître" in answer.text
    assert [line.residents for line in readings()] == [[one.pk]]
    with scope(cpts=cpts):
        assert Resident.objects.count() == 1
    answer = client.post(at("create", cpts), typed | {"is_sure": "1"}, follow=True)
    assert "La fiche est créée." in answer.text and "Nouvelle" in answer.text


def test_what_was_searched_fills_the_new_record(client, cpts):
    sign_in(client, cpts, Role.DISPATCHER)
    answer = client.post(at("create", cpts), {"prefill": "1", "family_name": "Tapée"})
    assert answer.status_code == 200 and 'value="Tapée"' in answer.text
    with scope(cpts=cpts):
        assert not Resident.objects.exists()


def test_errors_of_the_form_are_told(client, cpts, cluny):
    make_commune("54474", "Homonyme", "54")
    make_commune("07226", "Homonyme", "07")
    sign_in(client, cpts, Role.DISPATCHER)
    for wrong, sentence in (
        ({"phone": "12"}, "pas un numéro"),
        ({"commune": "Nulle-Part"}, "Commune inconnue"),
        ({"commune": "homonyme"}, "Plusieurs communes"),
        ({"birth_date": "1850-01-01"}, "pas possible"),
        ({"family_name": ""}, "champ"),
    ):
        answer = client.post(at("create", cpts), {"family_name": "Nom"} | wrong)
        assert answer.status_code == 422 and sentence in answer.text, wrong


def test_two_operators_writing_the_same_record_see_both(client, cpts):
    one = record(cpts, phone="0639980001")
    sign_in(client, cpts, Role.DISPATCHER)
    usual = {"family_name": "Lemaître", "given_name": "Anne-Sophie", "version": "1"}
    page = at("edit", cpts, pk=one.pk)
    assert client.post(page, usual | {"phone": "0639980002"}).status_code == 302
    answer = client.post(page, usual | {"phone": "0639980003"})
    text = answer.text.replace("\u00a0", " ")
    assert answer.status_code == 422
    assert "06 39 98 00 02" in text and "06 39 98 00 03" in text
    assert 'name="version" value="2"' in text
    answer = client.post(page, usual | {"phone": "0639980003", "version": "2"}, follow=True)
    assert "06 39 98 00 03" in answer.text.replace("\u00a0", " ")


def test_the_doctors_offered_are_those_of_the_directory(client, cpts):
    doctor = make_professional(cpts, family_name="Delacpts")
    away = make_professional(family_name="Ailleurs")
    nurse = make_professional(
        cpts, family_name="Infirmière", profession=Profession.NURSE, speciality=""
    )
    one = record(cpts, usual_doctor=away)
    sign_in(client, cpts, Role.DISPATCHER)
    text = client.get(at("create", cpts)).text
    assert doctor.family_name in text
    assert away.family_name not in text and nurse.family_name not in text
    text = client.get(at("edit", cpts, pk=one.pk)).text
    assert doctor.family_name in text and f'value="{away.pk}" selected' in text


def test_pages_cost_a_fixed_number_of_queries(client, cpts, cluny, django_assert_num_queries):
    mark_demo(False)
    for number in range(30):
        record(cpts, family_name=f"Nom{number}", phone="0639980001", commune=cluny, is_sure=True)
    make_seat(cpts)
    sign_in(client, cpts, Role.DISPATCHER)
    client.get(at("search", cpts))
    with django_assert_num_queries(3 + 4):  # who; residents, journal read, locked, written
        answer = client.post(at("search", cpts), {"phone": "0639980001"})
    assert answer.text.count("<article") == 30


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_operators_writing_the_same_caller_see_each_other():
    cpts = make_cpts(communes=[make_commune()])
    desks = [actor_as(cpts, Role.DISPATCHER) for _ in range(4)]

    def write(desk, phone, start):
        start.wait()
        try:
            record(cpts, by=desk, phone=phone)
        except actions.LikelyDouble:
            return "told"
        finally:
            connection.close()
        return "written"

    for number in range(10):
        start = threading.Barrier(len(desks))
        with ThreadPoolExecutor(len(desks)) as pool:
            ends = list(
                pool.map(lambda desk, n=number, s=start: write(desk, f"06399801{n:02}", s), desks)
            )
        assert sorted(ends) == ["told", "told", "told", "written"]


@pytest.mark.parametrize(
    ("typed", "is_found"),
    [
        ({"family_name": "Lemaitre"}, True),
        ({"family_name": "LEMAÎTRE", "given_name": "anne sophie"}, True),
        ({"family_name": "Anne-Sophie", "given_name": "Lemaître"}, True),
        ({"family_name": "Anne-Sophie"}, False),
        ({"family_name": "Lemaître", "given_name": "Paul"}, False),
        ({"family_name": "Lemairre"}, False),
    ],
)
def test_a_missing_first_name_excludes_nobody_another_one_does(cpts, desk, cluny, typed, is_found):
    one = record(cpts, commune=cluny, birth_date=BORN)
    for last in ({"commune": cluny}, {"birth_date": BORN}):
        assert (found(cpts, desk, **typed, **last) == [one]) is is_found


def test_a_name_in_another_script_is_found_again(cpts, desk, cluny):
    one = record(cpts, family_name="Άλφα", given_name="", commune=cluny)
    two = record(cpts, family_name="بيتا", given_name="", commune=cluny)
    assert found(cpts, desk, family_name=" άλφα ", commune=cluny) == [one]
    assert found(cpts, desk, family_name="بيتا", commune=cluny) == [two]
    assert found(cpts, desk, family_name="غاما", commune=cluny) == []
