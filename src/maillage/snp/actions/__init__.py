"""The verbs of unscheduled care, by moment: desk, intake, orientation, follow."""

from maillage.snp.actions.absence import reorient_absent
from maillage.snp.actions.agreements import (
    BadAgreement,
    propose_agreement,
    sign_agreement,
    withdraw_agreement,
)
from maillage.snp.actions.circles import (
    DeskCannotClose,
    close_desk,
    heal_owner,
    watch,
    widen,
)
from maillage.snp.actions.counter import (
    BadHour,
    counter_offer,
    decline_counter,
    expire_counter,
    take_counter,
)
from maillage.snp.actions.desk import BadSettings, set_desk, validate_red_flags
from maillage.snp.actions.fees import BadFee, record_fee
from maillage.snp.actions.follow import (
    ask_outcome,
    cancel,
    confirm_hand_over,
    flag_absence,
    hand_over,
    inform_patient,
    record_outcome,
)
from maillage.snp.actions.glass import GlassRefused, break_glass, review_glass
from maillage.snp.actions.intake import (
    FormUsed,
    Intake,
    OutOfHours,
    SameCall,
    SignsNotValidated,
    check_signs,
    create_care_request,
    name_resident,
    take_case,
)
from maillage.snp.actions.life import Incomplete, NoAgreement, NoOwner, TooLate
from maillage.snp.actions.merge import merge, unmerge
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
from maillage.snp.actions.rings import (
    BadRing,
    add_to_ring,
    close_ring,
    create_ring,
    end_ring_member,
    rename_ring,
)
from maillage.snp.actions.roster import BadOnCall, end_on_call, set_on_call
from maillage.snp.actions.sharing import (
    record_agreement,
    record_information,
    withdraw_sharing,
)
from maillage.snp.actions.work import hand_over_shift, note_call, send_day_summary

__all__ = [
    "GlassRefused",
    "break_glass",
    "review_glass",
    "BadAgreement",
    "BadOnCall",
    "end_on_call",
    "propose_agreement",
    "set_on_call",
    "sign_agreement",
    "withdraw_agreement",
    "BadFee",
    "BadRing",
    "add_to_ring",
    "close_ring",
    "create_ring",
    "end_ring_member",
    "record_fee",
    "rename_ring",
    "BadHour",
    "SameCall",
    "counter_offer",
    "decline_counter",
    "expire_counter",
    "hand_over_shift",
    "merge",
    "note_call",
    "reorient_absent",
    "send_day_summary",
    "take_counter",
    "unmerge",
    "DeskCannotClose",
    "NoAgreement",
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
    "record_information",
    "withdraw_sharing",
    "record_outcome",
    "refuse_proposal",
    "reorient",
    "set_desk",
    "take_case",
    "validate_red_flags",
    "withdraw_proposal",
]
