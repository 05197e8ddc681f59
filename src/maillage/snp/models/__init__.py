"""State of unscheduled care: the desk, who may be asked, requests and proposals, what follows."""

from maillage.snp.models.desk import (
    DeskHours,
    DeskSettings,
    RedFlag,
    RedFlagList,
)
from maillage.snp.models.follow import (
    Call,
    CareRequestEvent,
    HandOver,
    InformAttempt,
    Shortlist,
)
from maillage.snp.models.glass import BreakGlass
from maillage.snp.models.ladder import (
    Agreement,
    AgreementHours,
    AgreementProfession,
    DeskClosing,
    OnCall,
    Ring,
    RingMember,
    ShiftHandOver,
    SnpFee,
)
from maillage.snp.models.proposal import Proposal
from maillage.snp.models.request import CareRequest, CareRequestNumber

__all__ = [
    "BreakGlass",
    "Agreement",
    "AgreementHours",
    "AgreementProfession",
    "Call",
    "CareRequest",
    "CareRequestEvent",
    "CareRequestNumber",
    "DeskClosing",
    "DeskHours",
    "DeskSettings",
    "HandOver",
    "InformAttempt",
    "OnCall",
    "Proposal",
    "RedFlag",
    "RedFlagList",
    "Ring",
    "RingMember",
    "ShiftHandOver",
    "Shortlist",
    "SnpFee",
]
