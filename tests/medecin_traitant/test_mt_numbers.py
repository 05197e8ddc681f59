"""The waiting list in numbers: right, and no small count, nor one worked out from the others."""

import pytest
from django.utils import timezone
from test_mt_pages import at, text

from factories import BLANZY, MONTCEAU
from maillage.accounts.enums import Role
from maillage.medecin_traitant import actions, queries
from maillage.territory.models import Commune
from people import sign_in


@pytest.fixture
def numbers(cpts, settings_mt):
    def found():
        settings, rules = queries.settings_of(cpts), queries.rules_of(cpts)
        return queries.numbers_of(cpts, settings, rules, now=timezone.now())

    return found


def cut(found, title):
    return dict(next(each.lines for each in found.cuts if each.title == title))


def test_who_waits_since_when_and_where(cpts, take, numbers, coordinator, clock):
    actions.set_rules(by=coordinator, cpts=cpts, rules=[actions.Rule("ald", 1)], source="bureau")
    for insee, ald in ((MONTCEAU, "yes"), (BLANZY, "")) * 4:
        take(commune=Commune.objects.get(pk=insee), ald=ald)
        clock.move(days=1)
    found = numbers()
    assert (found.total, found.median_days, found.worst_days) == (8, 4, 8)
    assert cut(found, "Par priorité") == {"priorité 1": 4, "sans priorité": 4}
    assert {n for n in cut(found, "Par commune").values() if n} == {4}
    # All of one age: one count under a known total is told by the others, so it hides too.
    assert set(cut(found, "Par âge").values()) == {None}


def test_a_small_count_is_hidden_and_cannot_be_subtracted(take, numbers):
    for _ in range(5):
        take(commune=Commune.objects.get(pk=MONTCEAU))
    take(commune=Commune.objects.get(pk=BLANZY))
    found = numbers()
    shown = cut(found, "Par commune")
    hidden = [name for name, count in shown.items() if count is None]
    assert found.total == 6 and "Blanzy" in hidden and len(hidden) > 1
    assert 0 not in shown.values()  # nobody there is a small count too


def test_too_few_to_say_anything(take, numbers):
    assert numbers().total == 0
    take(), take()
    found = numbers()
    assert (found.total, found.median_days, found.worst_days) == (None, None, None)
    assert all(n is None for each in found.cuts for _, n in each.lines)


def test_answers_against_the_promise(take, numbers, doctor, offers, coordinator, clock):
    offers(doctor, per_month=20)
    made = [take() for _ in range(6)]
    for i, each in enumerate(made):
        if i == 3:
            clock.move(days=61)
        sent = actions.propose_doctor(by=coordinator, doctor_request=each, professional=doctor)
        actions.accept_attribution(by=coordinator, attribution=sent)
    placed = numbers().placed
    assert (placed.count, placed.kept, placed.late) == (6, 3, 3)
    assert (placed.median_days, placed.worst_days) == (30, 61)


def test_the_page_names_nobody(client, cpts, take):
    people = [take() for _ in range(4)]
    for role in (Role.COORDINATOR, Role.DISPATCHER):
        sign_in(client, cpts, role)
        shown = text(client.get(at("numbers", cpts)))
        assert "masqué" in shown and "Attente médiane" in shown
        assert not any(each.resident.family_name in shown for each in people)
