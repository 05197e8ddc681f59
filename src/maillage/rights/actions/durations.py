"""The durations of a CPTS: a change is a new row, signed."""

import datetime as dt

from django.db import transaction

from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.kernel.retention import RetentionClass
from maillage.rights.enums import DONE, CountedFrom, Step
from maillage.rights.models import RetentionRule
from maillage.rights.rules import can_set_durations
from maillage.territory.models import Cpts


class BadDuration(DomainError):
    """A duration that cannot be recorded."""


@transaction.atomic
def set_duration(
    *,
    by: Actor,
    cpts: Cpts | None,
    kind: str,
    step: str,
    days: int,
    valid_from: dt.date,
    source: str,
    decided_by: str,
    contract_ends_on: dt.date | None = None,
) -> RetentionRule:
    """Keep a class for so many days before a step, from a day on. Without a CPTS: the common rule.

    Raises NotAllowed, BadDuration (unknown class or step, unsigned, a day that already has a rule).
    """
    if not can_set_durations(by, cpts):
        raise NotAllowed("Les durées sont décidées par le délégué ou l'administrateur de la CPTS.")
    if (kind, step) not in DONE:
        raise BadDuration("Cette classe ne connaît pas cette étape.")
    if contract_ends_on and (kind, step) != (RetentionClass.CARE_REQUEST, Step.DELETE):
        raise BadDuration("Seule la suppression d'une demande se compte depuis un contrat.")
    if days < 1:
        raise BadDuration("Une durée compte au moins un jour.")
    if not source.strip() or not decided_by.strip():
        raise BadDuration("Dites d'où vient cette durée et qui l'a décidée.")
    if cpts is not None:
        Cpts.objects.select_for_update(of=("self",), no_key=True).get(pk=cpts.pk)
    same = RetentionRule.objects.filter(cpts=cpts, kind=kind, step=step, valid_from=valid_from)
    if same.exists():
        raise BadDuration("Une durée commence déjà ce jour-là pour cette classe.")
    rule = RetentionRule(
        cpts=cpts,
        kind=kind,
        step=step,
        days=days,
        counted_from=CountedFrom.CONTRACT if contract_ends_on else CountedFrom.END,
        contract_ends_on=contract_ends_on,
        valid_from=valid_from,
        source=source.strip(),
        decided_by=decided_by.strip(),
        set_by=by.seat_id,
    )
    rule.save()
    journal.record("rights.duration_set", rule, by=by, cpts=cpts, of=kind, step=step, days=days)
    return rule
