"""What our connection does beside Django's: reads moments itself, tells the scope with what reads."""

import datetime as dt

import pytest
from django.conf import settings
from django.db import DataError, connection, transaction
from django_scopes import scope, scopes_disabled

from maillage.kernel.postgresql.base import MomentLoader
from people import make_cpts

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(settings.OWNER_DATABASE is None, reason="of PostgreSQL"),
]
TOLD = "SELECT current_setting('maillage.cpts')"


def one(query, *params):
    with connection.cursor() as cursor:
        cursor.execute(query, params or None)
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-22 10:00+00", "2026-11-22 10:00:00.1+02", "2026-11-22 23:59:59.999999-11:30"),
        *("0001-01-01 00:00+00", "9999-12-31 23:59:59.12345+00", "1900-01-01 00:00:00.000001+00"),
    ],
)
def test_a_moment_is_read_as_django_reads_it(text):
    found = one("SELECT %s::timestamptz", text)
    django = super(MomentLoader, MomentLoader(0, None)).load(
        one("SELECT %s::timestamptz::text", text).encode()
    )
    assert found == django and found.tzinfo is django.tzinfo is dt.UTC


@pytest.mark.parametrize("text", ["infinity", "-infinity", "0044-03-15 00:00+00 BC"])
def test_a_moment_that_is_none_is_refused_as_by_django(text):
    with pytest.raises(DataError), transaction.atomic():
        one("SELECT %s::timestamptz", text)


def test_a_scope_goes_with_the_statement_that_reads_in_it():
    cpts = make_cpts("une")
    before = one("SELECT 1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, '100 %%', %s", ["a;b", 2])
        with scope(cpts=cpts):
            cursor.execute("SELECT %s, '100 %%', %s", ["a;b", 2])  # the scope is told here
            assert cursor.fetchall() == [("a;b", "100 %", 2)] and cursor.rowcount == 1
            assert [each.name for each in cursor.description][0] == "?column?"
            assert one(TOLD) == str(cpts.pk)
        with scopes_disabled():
            cursor.execute("SELECT '100 %' UNION ALL SELECT 'b'")
            assert cursor.fetchall() == [("100 %",), ("b",)]
            assert one(TOLD) == "*"
    assert one(TOLD) == "" and before == 1


def test_a_scope_told_with_a_statement_that_fails_is_told_again():
    cpts = make_cpts("une")
    with scope(cpts=cpts):
        with pytest.raises(DataError), transaction.atomic():
            one("SELECT 1 / 0")
        assert one(TOLD) == str(cpts.pk)
