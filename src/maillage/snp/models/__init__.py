"""State of unscheduled care: the desk's settings, requests and proposals, what follows."""

from maillage.snp.models.desk import (
    DeskHours,
    DeskSettings,
    RedFlag,
    RedFlagList,
)
from maillage.snp.models.follow import CareRequestEvent, HandOver, InformAttempt
from maillage.snp.models.request import CareRequest, CareRequestNumber, Proposal

__all__ = [
    "CareRequest",
    "CareRequestEvent",
    "CareRequestNumber",
    "DeskHours",
    "DeskSettings",
    "HandOver",
    "InformAttempt",
    "Proposal",
    "RedFlag",
    "RedFlagList",
]
