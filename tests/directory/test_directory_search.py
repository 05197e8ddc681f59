"""The national search: misspelt names, numbers, filters; its tables, which follow the records."""

import itertools
import random
from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.urls import reverse
from django_scopes import scope
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.compute import spelling
from maillage.directory import actions, queries
from maillage.directory.enums import PlaceRow, Profession
from maillage.directory.models import Place, Professional, ProfessionalWord, WordKey
from maillage.kernel.identifiers import fold
from people import (
    fake_rpps,
    make_commune,
    make_cpts,
    make_professional,
    mark_demo,
    professional_row,
    sign_in,
)

pytestmark = pytest.mark.django_db
NURSE = {"profession": Profession.NURSE, "speciality": ""}


@pytest.fixture
def cpts():
    make_commune("71193", "Écuisses")
    return make_cpts(communes=[make_commune()])


@pytest.fixture
def people(cpts):
    """Nobody is in the directory of the CPTS but the first."""
    make_professional(cpts, family_name="Coquelicot", given_name="Éloïse", phone="0353019901")
    for family, given_name, about in (
        ("Coquelicot", "Basile", NURSE),
        ("Châtaigne", "Éloïse", {"places": (PlaceRow("71193", phone="0465719902"),)}),
        ("Philippe-Œillet", "Jean-François", {}),
        ("De la Bruyère", "Zoé", {}),
        ("Ly", "Noé", {}),
    ):
        make_professional(family_name=family, given_name=given_name, **about)


def found(cpts, text, **about):
    with scope(cpts=cpts):
        return queries.national_search(cpts, text, **about)


def names(answer):
    return [each.name.removeprefix("Dr ") for each in answer.people]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("coquelicot eloise", "Éloïse Coquelicot"),
        ("Dr COQUELICOT Éloïse", "Éloïse Coquelicot"),
        ("coclico eloise", "Éloïse Coquelicot"),  # by ear
        ("coqeulicot basile", "Basile Coquelicot"),  # swapped
        ("coqquelicott basile", "Basile Coquelicot"),  # doubled
        ("coqelicot basille", "Basile Coquelicot"),  # one less, one more
        ("kokuelicot bazile", "Basile Coquelicot"),
        ("chatègne", "Éloïse Châtaigne"),
        ("chatagne elois", "Éloïse Châtaigne"),
        ("chataig", "Éloïse Châtaigne"),  # the beginning
        ("filipe", "Jean-François Philippe-Œillet"),
        ("euillet jean", "Jean-François Philippe-Œillet"),
        ("labruyere", "Zoé De la Bruyère"),
        ("bruyaire zoe", "Zoé De la Bruyère"),
        ("ly", "Noé Ly"),
        ("li noe", "Noé Ly"),
        ("04 65 71 99 02", "Éloïse Châtaigne"),
        ("coquelico 0353019901", "Éloïse Coquelicot"),
    ],
)
def test_the_person_meant_comes_first(cpts, people, text, first):
    assert names(found(cpts, text))[0] == first


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "e",
        "zzzzzz",
        "coquelicot zzzzzz",
        "0399999999",
        "coquelicot 0465719902",
        "Жук",
        "--",
    ],
)
def test_what_is_nobody_finds_nobody(cpts, people, text):
    assert found(cpts, text).people == ()


def test_an_rpps_number_is_found_whole_and_alone(cpts, people):
    basile = Professional.objects.get(given_name="Basile")
    spaced = f"{basile.rpps[:4]} {basile.rpps[4:]}"
    assert names(found(cpts, spaced)) == ["Basile Coquelicot"]
    assert names(found(cpts, f"coclico {basile.rpps}")) == ["Basile Coquelicot"]
    assert found(cpts, f"bruyere {basile.rpps}").people == ()
    assert found(cpts, fake_rpps(987_654)).people == ()


def test_exact_partial_and_near_are_told_apart(cpts, people):
    assert not found(cpts, "coquelicot").is_near
    assert not found(cpts, "coquel").is_near
    assert found(cpts, "coquelico eloize").is_near


def test_the_many_words_of_a_piece_do_not_hide_the_one_heard(cpts, people):
    rows = [
        professional_row(number, family_name=f"Drio{a}{b}", given_name="Alix")
        for number, (a, b) in enumerate(itertools.product("abcdefghij", "klmnopqr"), 500)
    ]
    rows.append(professional_row(999, family_name="Drieau", given_name="Basile"))
    actions.record_professionals(by=SYSTEM, rows=rows)
    assert names(found(cpts, "drio basile")) == ["Basile Drieau"]


def test_profession_and_commune_narrow(cpts, people):
    assert len(found(cpts, "coclico").people) == 2
    assert names(found(cpts, "coclico", profession=Profession.NURSE)) == ["Basile Coquelicot"]
    for name in ("Écuisses", "ecuisses (71)", "71193"):
        communes = queries.communes_named(name)
        assert names(found(cpts, "eloise", communes=communes)) == ["Éloïse Châtaigne"]
    assert queries.communes_named("Écuisses (33)") == queries.communes_named("Atlantide") == []


def test_only_what_the_state_publishes_is_told(cpts, people):
    first, second = found(cpts, "coquelicot").people
    assert {type(first).__name__, *type(first).__slots__} == {
        *("Match", "pk", "rpps", "name", "job", "communes", "is_here"),
    }
    assert {first.name: first.is_here, second.name: second.is_here} == {
        "Dr Éloïse Coquelicot": True,
        "Basile Coquelicot": False,
    }
    assert first.communes == ("Cluny",)


# The same people in the same order, whatever the engine


def expected(text, limit):
    """The answer from the promise alone: every record, every pair of words, by hand."""
    words = text.split()
    rows = []
    for each in Professional.objects.order_by("pk"):
        own = sorted(queries.name_words(f"{each.family_name} {each.given_name}"))
        costs = []
        for word in words:
            filed = [w for w in own if spelling.keys(w) & spelling.keys_asked(word)]
            costs.append(min([*spelling.costs(word, filed).tolist(), spelling.NEVER]))
        if max(costs) < spelling.NEVER:
            rows.append((sum(costs), each.pk, str(each)))
    return sorted(rows)[:limit]


def test_the_answer_is_that_of_a_full_scan_on_any_engine(cpts):
    rng = random.Random(20261122)
    parts = ("mar", "tin", "ber", "nard", "lo", "ri", "an", "phi", "li", "peau", "gue", "rot", "é")

    def name():
        return "".join(rng.choices(parts, k=rng.randint(2, 3))).title()

    rows = [
        professional_row(number, family_name=name(), given_name=name()) for number in range(1, 121)
    ]
    actions.record_professionals(by=SYSTEM, rows=rows)
    for row in rng.sample(rows, 12):
        family, given_name = (
            queries.words_of(each)[0] for each in (row.family_name, row.given_name)
        )
        at = rng.randrange(1, len(family))
        wrong = family[:at] + rng.choice("aeioulrstx") + family[at + rng.randint(0, 1) :]
        for text in (wrong, f"{wrong} {given_name}", f"{given_name[:-1]} {family}"):
            answer = found(cpts, text)
            best = expected(text, len(rows))
            assert [each.pk for each in answer.people] == [
                pk for *_, pk in sorted((c, fold(n), pk) for c, pk, n in best[:20])
            ]
            assert answer.is_cut == (len(best) > 20)


# The tables follow the records


def drift():
    """What the search tables hold and should not, or should and do not."""
    held = set(ProfessionalWord.objects.values_list("professional", "word"))
    wanted = set()
    for each in Professional.objects.all():
        words = queries.name_words(f"{each.family_name} {each.given_name}")
        places = Place.objects.filter(professional=each, closed_on=None)
        phones = {each.phone, *places.values_list("phone", flat=True)} - {""}
        wanted |= {(each.pk, word) for word in words | phones}
    filed = set(WordKey.objects.values_list("key", "word"))
    words = {word for _, word in wanted if not word.lstrip("+").isdigit()}
    keys = {(key, word) for word in words for key in spelling.keys(word)}
    return held ^ wanted, keys - filed, {(k, w) for k, w in filed if k not in spelling.keys(w)}


NAMES = st.sampled_from(["Coquelicot", "Muguet", "De la Tour", "Œillet-Rose", "Ly", "Жук", "B"])
PHONES = st.sampled_from(["", "0353010001", "0465710002", "+441632960001"])
ROWS = st.builds(
    lambda number, family_name, given_name, phone, places: professional_row(
        number,
        family_name=family_name,
        given_name=given_name,
        phone=phone,
        places=tuple(PlaceRow("71137", name=str(i), phone=p) for i, p in enumerate(places)),
    ),
    st.integers(1, 4), NAMES, NAMES, PHONES, st.lists(PHONES, max_size=2),
)  # fmt: skip


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(st.tuples(st.booleans(), st.lists(ROWS, min_size=1, max_size=4))))
def test_the_words_never_drift_from_the_records(db, history):
    make_commune()
    for by_import, rows in history:
        if by_import:
            actions.record_professionals(by=SYSTEM, rows=rows)
        else:
            for row in rows:
                known = Professional.objects.filter(rpps=row.rpps).first()
                if known:
                    actions.set_places(by=SYSTEM, professional=known, places=row.places)
        assert drift() == (set(), set(), set())


def test_records_there_before_the_tables_are_filed_alike(people):
    before = (
        set(ProfessionalWord.objects.values_list("professional", "word")),
        set(WordKey.objects.values_list("key", "word")),
    )
    ProfessionalWord.objects.all().delete()
    WordKey.objects.all().delete()
    import_module("maillage.directory.migrations.0004_file_words").file_words(apps, None)
    assert before == (
        set(ProfessionalWord.objects.values_list("professional", "word")),
        set(WordKey.objects.values_list("key", "word")),
    )


def test_an_unchanged_import_writes_no_word(people, django_assert_num_queries):
    rows = [professional_row(1, family_name="Muguet")]
    actions.record_professionals(by=SYSTEM, rows=rows)
    before = list(ProfessionalWord.objects.order_by("pk").values_list("pk", flat=True))
    filed = WordKey.objects.order_by("pk").last().pk
    actions.record_professionals(by=SYSTEM, rows=rows)
    assert list(ProfessionalWord.objects.order_by("pk").values_list("pk", flat=True)) == before
    assert WordKey.objects.order_by("pk").last().pk == filed


@pytest.mark.parametrize(
    ("model", "about"),
    [
        (ProfessionalWord, {"word": "coquelicot"}),
        (ProfessionalWord, {"word": ""}),
        (WordKey, {"key": "", "word": "coquelicot"}),
        (WordKey, {"key": "coquelicot", "word": ""}),
        (WordKey, {"key": "^coq", "word": "coquelicot"}),
    ],
)
def test_the_database_refuses_a_word_twice_or_empty(cpts, model, about):
    person = make_professional(family_name="Coquelicot")
    if model is ProfessionalWord:
        about = about | {"professional": person}
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.create(**about)


# The page


def at(cpts):
    return reverse("directory:add", kwargs={"cpts": cpts.slug})


def test_a_coordinator_finds_by_name_and_adds(client, cpts, people):
    sign_in(client, cpts, Role.COORDINATOR)
    answer = client.get(at(cpts), {"q": "coclico basille"})
    basile = Professional.objects.get(given_name="Basile")
    assert "Basile Coquelicot" in answer.text and "Infirmier" in answer.text
    assert (
        basile.rpps in answer.text and "Cluny" in answer.text and "les plus proches" in answer.text
    )
    assert basile.phone not in answer.text.replace("\u00a0", "")
    answer = client.post(at(cpts), {"rpps": basile.rpps}, follow=True)
    assert "dans l&#39;annuaire de la CPTS" in answer.text
    again = client.get(at(cpts), {"q": "coquelicot basile"}).text
    assert "déjà dans l" in again and f'value="{basile.rpps}"' not in again


def test_the_page_says_what_it_did_not_find(client, cpts, people):
    sign_in(client, cpts, Role.COORDINATOR)
    assert "Aucune fiche nationale" in client.get(at(cpts), {"q": "zzzzz"}).text
    assert "Aucune commune de ce nom" in client.get(at(cpts), {"q": "x", "commune": "Ys"}).text
    narrowed = {"q": "eloise", "commune": "ecuisses", "profession": Profession.NURSE}
    assert "Aucune fiche nationale" in client.get(at(cpts), narrowed).text
    assert "Aucune fiche nationale" not in client.get(at(cpts)).text


def test_many_of_one_name_are_cut_and_said(client, cpts, django_assert_num_queries):
    mark_demo(False)
    rows = [professional_row(number, family_name="Muguet") for number in range(1, 61)]
    actions.record_professionals(by=SYSTEM, rows=rows)
    sign_in(client, cpts, Role.COORDINATOR)
    client.get(at(cpts))
    # who; communes of the name; words meant, who has them, records, places, those already here
    with django_assert_num_queries(4 + 6):
        answer = client.get(at(cpts), {"q": "mugué", "commune": "cluny"})
    assert answer.text.count("<article") == 20 and "Seuls les plus proches" in answer.text


@pytest.mark.parametrize("role", [each for each in Role if each != Role.COORDINATOR])
def test_nobody_else_searches_the_country(client, cpts, people, role):
    sign_in(client, cpts, role)
    answer = client.get(at(cpts), {"q": "coquelicot"})
    assert answer.status_code == 403 and "Coquelicot" not in answer.text
