"""Pages of the search for a médecin traitant: the desk's, the doctor's, the resident's, the settings."""

from maillage.medecin_traitant.views.attributions import (
    answer,
    attribution,
    attribution_link,
    declared,
    propose,
    voice,
)
from maillage.medecin_traitant.views.desk import (
    call,
    correct,
    found,
    household,
    merge,
    new,
    request,
    unmerge,
    waiting,
    wish,
    wish_remove,
    withdraw,
)
from maillage.medecin_traitant.views.figures import numbers, numbers_file
from maillage.medecin_traitant.views.links import follow, follow_link, offer_link
from maillage.medecin_traitant.views.matching import forget_plan, keep_plan, matching, send
from maillage.medecin_traitant.views.offers import (
    ask,
    offer,
    offer_end,
    offer_for,
    offers,
    signal,
)
from maillage.medecin_traitant.views.settings import cpam, rules, settings

__all__ = [
    "matching",
    "numbers",
    "numbers_file",
    "send",
    "forget_plan",
    "keep_plan",
    "answer",
    "attribution",
    "attribution_link",
    "declared",
    "propose",
    "voice",
    "ask",
    "call",
    "correct",
    "cpam",
    "follow",
    "follow_link",
    "found",
    "household",
    "merge",
    "new",
    "offer",
    "offer_end",
    "offer_for",
    "offer_link",
    "offers",
    "request",
    "rules",
    "settings",
    "signal",
    "unmerge",
    "waiting",
    "wish",
    "wish_remove",
    "withdraw",
]
