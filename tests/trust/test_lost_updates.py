"""Two people who write the same record, and one person who clicks twice."""

from collections import Counter

import pytest
from forms import all_forms
from test_routes import LISTS, OBJECTS
from world import rows_of

from trusted import evidence

TABLES = (LISTS, OBJECTS)
EACH_TIME = {"JournalLine"}  # what was asked twice is told twice


@pytest.mark.django_db
def test_a_second_click_makes_nothing_more(world):
    """Each form of our pages that makes something, sent twice at the same instant."""
    doubled, tried = {}, 0
    for form in all_forms(world, TABLES):
        if form.method != "post" or form.route == "account_logout":
            continue
        before, once, twice = sent_twice(world, form)
        made = {name for name in once if once[name] > before.get(name, 0)} - EACH_TIME
        tried += bool(made)
        again = {name for name in twice if twice[name] > once.get(name, 0)} - EACH_TIME
        if again:
            doubled[f"{form.who} {form.route}"] = again
    assert doubled == {}
    assert tried > 20
    evidence("G13", "forms that make something, sent twice: once each", tried)


def sent_twice(world, form):
    """How many rows each table has before, after one click, after two."""
    data, counts = form.filled(frozenset({str(world.foreign.pk)})), [rows(world)]

    def again(answer):
        counts.append(rows(world))
        client = world.client_of(form.user)
        client.post(form.action, data)
        counts.append(rows(world))

    form.send(world, data, look=again)
    return counts


def rows(world) -> Counter:
    return Counter({name: len(found) for name, found in rows_of(world.own).items()})
