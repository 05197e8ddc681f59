"""The names of the communes, kept in memory."""

import pytest

from factories import make_communes
from maillage.territory.models import Commune
from maillage.territory.queries import names_of

pytestmark = pytest.mark.django_db


def test_names_come_in_alphabetical_order(django_assert_num_queries):
    make_communes()
    rows = list(Commune.objects.order_by("name_key", "pk").values_list("pk", "name"))
    codes = [code for code, _ in rows]
    assert len(codes) > 3
    assert list(names_of(reversed(codes)).items()) == rows
    with django_assert_num_queries(0):
        assert list(names_of(codes[1:3]).items()) == rows[1:3]


def test_a_commune_that_came_since_is_found_and_an_unknown_one_is_not():
    make_communes()
    names_of([])
    late = Commune.objects.create(insee="71999", name="Aube-Fictive", name_key="aube fictive")
    assert names_of(["71999", "99999"]) == {"71999": late.name}
