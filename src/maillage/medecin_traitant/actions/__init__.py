"""The verbs of the search for a médecin traitant."""

from maillage.medecin_traitant.actions.attributions import (
    NotSuitable,
    Sent,
    accept_attribution,
    confirm_declaration,
    expire_attribution,
    propose_doctor,
    propose_pairs,
    refuse_attribution,
    take_back_attribution,
)
from maillage.medecin_traitant.actions.contact import record_call
from maillage.medecin_traitant.actions.cpam import CpamReport, NoBasis, load_cpam_list
from maillage.medecin_traitant.actions.doubles import merge, unmerge
from maillage.medecin_traitant.actions.households import join_household
from maillage.medecin_traitant.actions.intake import (
    AlreadyWaiting,
    FormUsed,
    Intake,
    ask_for_doctor,
    record_request,
)
from maillage.medecin_traitant.actions.life import (
    Incomplete,
    NoOwner,
    TooLate,
    close,
    correct,
    found_elsewhere,
    heal_owner,
    remind,
    withdraw,
)
from maillage.medecin_traitant.actions.numbers import TooSoon, publish_numbers
from maillage.medecin_traitant.actions.offers import (
    BadOffer,
    Offer,
    OfferOver,
    answer_by_link,
    ask_doctors,
    expire_offer,
    record_offer,
    remind_doctor,
    withdraw_offer,
)
from maillage.medecin_traitant.actions.plans import NothingToKeep, forget_plan, keep_plan
from maillage.medecin_traitant.actions.settings import (
    BadRules,
    BadSettings,
    Rule,
    set_rules,
    set_settings,
)
from maillage.medecin_traitant.actions.wishes import record_wish, remove_wish

__all__ = [
    "NotSuitable",
    "Sent",
    "accept_attribution",
    "confirm_declaration",
    "expire_attribution",
    "propose_doctor",
    "propose_pairs",
    "refuse_attribution",
    "take_back_attribution",
    "AlreadyWaiting",
    "BadOffer",
    "BadRules",
    "BadSettings",
    "CpamReport",
    "FormUsed",
    "Incomplete",
    "Intake",
    "NoBasis",
    "NoOwner",
    "NothingToKeep",
    "Offer",
    "OfferOver",
    "Rule",
    "TooLate",
    "TooSoon",
    "answer_by_link",
    "ask_for_doctor",
    "ask_doctors",
    "close",
    "correct",
    "expire_offer",
    "forget_plan",
    "found_elsewhere",
    "heal_owner",
    "join_household",
    "keep_plan",
    "load_cpam_list",
    "merge",
    "publish_numbers",
    "record_call",
    "record_offer",
    "record_request",
    "record_wish",
    "remind",
    "remind_doctor",
    "remove_wish",
    "set_rules",
    "set_settings",
    "unmerge",
    "withdraw",
    "withdraw_offer",
]
