"""Mails and SMS: written with the act, claimed and marked by the sender. Nothing goes out here.

A claim is a lease: it moves `next_try_at` forward, so a sender that dies loses nothing; the notice
is due again when the lease ends (at most one copy too many, which carries the same key).
"""

import datetime as dt
from collections.abc import Iterable

from django.db import connection, transaction
from django.utils import timezone
from django_scopes import scopes_disabled

from maillage.accounts.enums import RETRY_MINUTES, Channel, NoticeState
from maillage.accounts.models import Notice
from maillage.kernel import instance
from maillage.kernel.permissions import Actor
from maillage.kernel.tenancy import inside
from maillage.territory.models import Cpts

LEASE = dt.timedelta(minutes=2)  # longer than the two timeouts of one try


@transaction.atomic
def queue_notice(
    *,
    by: Actor,
    cpts: Cpts | None,
    channel: Channel | str,
    recipient: str,
    key: str,
    subject: str = "",
    body: str,
    not_before: dt.datetime | None = None,
) -> Notice:
    """Leave a mail or an SMS to send, now or not before an instant (somebody's quiet hours). The same
    `key` again returns the first notice, unchanged.

    The act that asks for it writes the journal; `by` is who acted.
    """
    with inside(cpts):
        notice, _ = Notice.objects.get_or_create(
            key=key,
            defaults={
                "cpts": cpts,
                "channel": channel,
                "recipient": recipient,
                "subject": subject,
                "body": body,
                "next_try_at": not_before or timezone.now(),
            },
        )
    return notice


@transaction.atomic
def claim_notice(*, by: Actor, now: dt.datetime, lease: dt.timedelta = LEASE) -> Notice | None:
    """Take the notice that has waited longest, for the time of a try; None when nothing is due.

    Several senders share the table on PostgreSQL. Nothing is taken while nobody said whether the
    database is a demonstration or real.
    """
    declared = instance.current()
    if declared is None or declared.is_demo:
        return None
    with scopes_disabled():  # one sender for every CPTS
        due = (
            Notice.objects.due(now)
            .exclude(cpts__closed_at__isnull=False)
            .order_by("next_try_at", "pk")
        )
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(of=("self",), skip_locked=True)
        notice = due.first()
        if notice is not None:
            notice.tries += 1
            notice.next_try_at = now + lease
            notice.save(update_fields=["tries", "next_try_at"])
    return notice


@transaction.atomic
def mark_notice_sent(*, by: Actor, notice: Notice, now: dt.datetime) -> None:
    """The gateway took it. A notice already marked by another sender stays as it is."""
    with inside(notice.cpts_id):
        Notice.objects.filter(pk=notice.pk, state=NoticeState.WAITING).update(
            state=NoticeState.SENT, sent_at=now, last_error=""
        )


@transaction.atomic
def mark_notice_refused(*, by: Actor, notice: Notice, error: str, now: dt.datetime) -> None:
    """The try failed: wait for the next, or give up after the last. The latest claim counts."""
    change = {"last_error": Notice._meta.get_field("last_error").sealed_for(notice, error[:300])}
    if notice.tries > len(RETRY_MINUTES):
        change["state"] = NoticeState.FAILED
    else:
        change["next_try_at"] = now + dt.timedelta(minutes=RETRY_MINUTES[notice.tries - 1])
    with inside(notice.cpts_id):
        Notice.objects.filter(pk=notice.pk, state=NoticeState.WAITING, tries=notice.tries).update(
            **change
        )


@transaction.atomic
def drop_notices(*, by: Actor, keys: Iterable[str]) -> int:
    """What waits under these keys no longer goes out; returns how many. What left has left.

    The act that asks for it writes the journal.
    """
    waiting = Notice.objects.filter(key__in=list(keys), state=NoticeState.WAITING)
    return waiting.update(state=NoticeState.DROPPED)


@transaction.atomic
def keep_notices(*, by: Actor, now: dt.datetime) -> int:
    """In a demonstration nothing goes out: what is due is kept, readable in the outbox."""
    if not instance.is_demo():
        return 0
    with scopes_disabled():
        return Notice.objects.due(now).update(state=NoticeState.KEPT, sent_at=now)
