"""Counting tries in the database, so that every process counts together.

The try is counted before what is tried is looked at: of two hundred that come at once, no more than
the limit are looked at.
"""

import datetime as dt

from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from maillage.accounts.enums import TRIES, TRIES_KEPT_MINUTES, Tried
from maillage.accounts.models import Throttle
from maillage.kernel.errors import DomainError
from maillage.kernel.permissions import Actor

# One statement: two processes never read the same count.
COUNT = """
INSERT INTO accounts_throttle AS t (key, kind, since, tries) VALUES (%s, %s, %s, 1)
ON CONFLICT (key) DO UPDATE SET
    tries = CASE WHEN t.since <= %s THEN 1 ELSE t.tries + 1 END,
    since = CASE WHEN t.since <= %s THEN excluded.since ELSE t.since END
RETURNING tries
"""


class TooManyTries(DomainError):
    """Tried too often: the person waits, or comes by another door."""


def _key(kind: str, of: str) -> str:
    return salted_hmac(f"maillage.throttle.{kind}", of, algorithm="sha256").hexdigest()


@transaction.atomic
def count_try(*, by: Actor, kind: Tried, of: str, now: dt.datetime | None = None) -> None:
    """Count one try of `kind` for `of` (an account, an address, both). Raises TooManyTries."""
    limit, minutes = TRIES[kind]
    now = now or timezone.now()
    since, old = (
        Throttle._meta.get_field("since").get_db_prep_value(each, connection)
        for each in (now, now - dt.timedelta(minutes=minutes))
    )
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [_key(kind, of), kind, since, old, old])
        tries = cursor.fetchone()[0]
    if tries > limit:
        raise TooManyTries(
            f"Trop d'essais. Attendez {minutes} minutes, ou entrez d'une autre façon."
        )


@transaction.atomic
def forget_try(*, by: Actor, kind: Tried, of: str) -> None:
    """It was the right person: what was counted for `of` counts no more."""
    Throttle.objects.filter(key=_key(kind, of)).delete()


@transaction.atomic
def purge_tries(*, by: Actor, now: dt.datetime) -> int:
    """Take away the counts that are a day old. How many went."""
    gone, _ = Throttle.objects.filter(
        since__lt=now - dt.timedelta(minutes=TRIES_KEPT_MINUTES)
    ).delete()
    return gone
