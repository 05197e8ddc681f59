"""Which durations are in force."""

import datetime as dt

from django.db.models import Q

from maillage.rights.models import RetentionRule
from maillage.territory.models import Cpts

Rules = dict[tuple[str, str], RetentionRule]


def rules_in_force(cpts: Cpts | None, today: dt.date) -> Rules:
    """By class and step, the last rule whose day has come: the CPTS's own, else the common one."""
    dated = RetentionRule.objects.filter(Q(cpts=None) | Q(cpts=cpts), valid_from__lte=today)
    found: Rules = {}
    for rule in dated.order_by("valid_from", "pk"):
        known = found.get((rule.kind, rule.step))
        if known is None or known.cpts_id is None or rule.cpts_id is not None:
            found[rule.kind, rule.step] = rule
    return found


def history_of(cpts: Cpts) -> list[RetentionRule]:
    """Every rule this CPTS lives or lived by, the newest first in each class."""
    return list(RetentionRule.objects.filter(Q(cpts=None) | Q(cpts=cpts)))
