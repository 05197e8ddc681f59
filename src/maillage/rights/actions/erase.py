"""One person erased because they ask, before the durations do it."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from maillage.accounts.enums import NoticeState
from maillage.accounts.models import Notice
from maillage.kernel import journal, pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.residents.models import Resident
from maillage.rights import queries
from maillage.rights.actions.purge import empty
from maillage.rights.enums import ErasureReason
from maillage.rights.rules import can_answer_rights
from maillage.snp.models import CareRequest


class StillOpen(DomainError):
    """Something is still being done for this person."""


class BadErasure(DomainError):
    """The erasure is not asked as it must be."""


@transaction.atomic
def erase_resident(
    *, by: Actor, resident: Resident, reason: str, also: Sequence[CareRequest] = ()
) -> Resident:
    """Empty the record, its keys, its requests with all that is part of them and the messages about
    them; `also`: requests of nobody named that are theirs. The rows stay, as opaque ids.

    Raises NotAllowed, BadErasure (no reason, somebody else's request), StillOpen.
    """
    if not can_answer_rights(by, resident.cpts_id):
        raise NotAllowed("Seul le délégué à la protection des données efface une personne.")
    if reason not in ErasureReason.values:
        raise BadErasure("Choisissez le motif de l'effacement.")
    resident = Resident.objects.select_for_update(of=("self",)).get(pk=resident.pk)
    if resident.erased_at is not None:
        return resident
    theirs = {each.pk for each in queries.same_number(resident)}
    if not {each.pk for each in also} <= theirs:
        raise BadErasure("Cette demande n'est pas à ce numéro, ou elle est encore ouverte.")
    still = queries.open_requests(resident)
    if still:
        numbers = ", ".join(f"n° {each.number}" for each in still)
        raise StillOpen(
            f"Une demande est encore ouverte ({numbers}) : terminez-la d'abord, le numéro à rappeler "
            "et le nom y servent encore."
        )
    found = queries.rows_about(Resident, [resident.pk])
    more = queries.rows_about(CareRequest, [each.pk for each in also])
    for model, pks in more.items():
        found.setdefault(model, set()).update(pks)
    now = timezone.now()
    notices = queries.notices_about(found)
    notices.filter(state=NoticeState.WAITING).update(state=NoticeState.FAILED)
    found[Notice] = set(notices.values_list("pk", flat=True))
    for model, pks in found.items():
        if queries.has_columns_to_empty(model):
            empty(model, sorted(pks), now=now)
    journal.record(
        "rights.erased",
        resident,
        by=by,
        cpts=resident.cpts_id,
        reason=reason,
        requests=len(found.get(CareRequest, ())),
        notices=len(found[Notice]),
    )
    pulse.bump(resident.cpts_id)
    resident.refresh_from_db()
    return resident
