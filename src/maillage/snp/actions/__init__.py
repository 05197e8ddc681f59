"""The verbs of unscheduled care, by moment: desk, intake, orientation, follow."""

from maillage.snp.actions.circles import (
    DeskCannotClose,
    close_desk,
    heal_owner,
    watch,
    widen,
)
from maillage.snp.actions.desk import BadSettings, set_desk, validate_red_flags
from maillage.snp.actions.follow import (
    ask_outcome,
    cancel,
    confirm_hand_over,
    flag_absence,
    hand_over,
    inform_patient,
    record_outcome,
)
from maillage.snp.actions.intake import (
    FormUsed,
    Intake,
    OutOfHours,
    SignsNotValidated,
    check_signs,
    create_care_request,
    name_resident,
    record_agreement,
    take_case,
)
from maillage.snp.actions.life import Incomplete, NoOwner, TooLate
from maillage.snp.actions.orientation import (
    EnoughProposals,
    NotSuitable,
    accept_proposal,
    expire_proposal,
    propose,
    refuse_proposal,
    reorient,
    withdraw_proposal,
)

__all__ = [
    "DeskCannotClose",
    "NoOwner",
    "close_desk",
    "flag_absence",
    "heal_owner",
    "watch",
    "widen",
    "BadSettings",
    "EnoughProposals",
    "Incomplete",
    "Intake",
    "NotSuitable",
    "FormUsed",
    "OutOfHours",
    "SignsNotValidated",
    "TooLate",
    "accept_proposal",
    "ask_outcome",
    "cancel",
    "check_signs",
    "confirm_hand_over",
    "create_care_request",
    "expire_proposal",
    "hand_over",
    "inform_patient",
    "name_resident",
    "propose",
    "record_agreement",
    "record_outcome",
    "refuse_proposal",
    "reorient",
    "set_desk",
    "take_case",
    "validate_red_flags",
    "withdraw_proposal",
]
