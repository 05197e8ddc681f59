"""What our connection reads by itself, beside Django's. (The scope it tells: trust/test_row_security.)"""

import datetime as dt

import pytest
from django.conf import settings
from django.db import DataError, connection, transaction
from django.db.backends.postgresql.psycopg_any import BaseTzLoader

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(settings.OWNER_DATABASE is None, reason="of PostgreSQL"),
]


class DjangoLoader(BaseTzLoader):
    timezone = dt.UTC


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
    django = DjangoLoader(0, None).load(one("SELECT %s::timestamptz::text", text).encode())
    assert found == django and found.tzinfo is django.tzinfo is dt.UTC


@pytest.mark.parametrize("text", ["infinity", "-infinity", "0044-03-15 00:00+00 BC"])
def test_a_moment_that_is_none_is_refused_as_by_django(text):
    with pytest.raises(DataError), transaction.atomic():
        one("SELECT %s::timestamptz", text)
