"""Pages of unscheduled care: the desk's, the professional's, the coordinator's."""

from maillage.snp.views.answering import answer, link, proposal, voice
from maillage.snp.views.desk import board, propose, story, take, widen, withdraw
from maillage.snp.views.following import (
    agreement,
    by_phone,
    cancel,
    confirm,
    inform,
    name_patient,
    outcome,
    reorient,
    signs,
)
from maillage.snp.views.intake import new
from maillage.snp.views.steering import follow, settings, signs_settings

__all__ = [
    "agreement",
    "answer",
    "board",
    "by_phone",
    "cancel",
    "confirm",
    "follow",
    "inform",
    "link",
    "name_patient",
    "new",
    "outcome",
    "proposal",
    "propose",
    "reorient",
    "settings",
    "signs",
    "signs_settings",
    "story",
    "take",
    "voice",
    "widen",
    "withdraw",
]
