"""Pages of unscheduled care: the desk's, the professional's, the coordinator's."""

from maillage.snp.views.answering import answer, link, proposal, voice
from maillage.snp.views.board_page import board
from maillage.snp.views.breaking import glass, glass_ask, glass_review, glass_reviews
from maillage.snp.views.countering import counter, counter_decline, counter_take
from maillage.snp.views.desk import propose, story, take, widen, withdraw
from maillage.snp.views.following import (
    agreement,
    by_phone,
    cancel,
    confirm,
    inform,
    information,
    name_patient,
    outcome,
    reorient,
    sharing_withdraw,
    signs,
)
from maillage.snp.views.intake import new
from maillage.snp.views.looking import replay, why
from maillage.snp.views.merging import merge, unmerge
from maillage.snp.views.numbers import numbers, numbers_file, numbers_rows
from maillage.snp.views.professional import asked, fairness, pause, preferences
from maillage.snp.views.rings import (
    fees,
    ring,
    ring_close,
    ring_member_end,
    ring_rename,
    rings,
)
from maillage.snp.views.roster import (
    agreement_sign,
    agreement_withdraw,
    agreements,
    close_desk,
    roster,
    roster_end,
)
from maillage.snp.views.steering import follow, settings, signs_settings
from maillage.snp.views.work import absences, call, day, reorient_all, reorient_one, shift

__all__ = [
    "glass",
    "glass_ask",
    "glass_review",
    "glass_reviews",
    "agreement_sign",
    "agreement_withdraw",
    "agreements",
    "close_desk",
    "roster",
    "roster_end",
    "asked",
    "fairness",
    "fees",
    "pause",
    "preferences",
    "ring",
    "ring_close",
    "ring_member_end",
    "ring_rename",
    "rings",
    "absences",
    "call",
    "counter",
    "counter_decline",
    "counter_take",
    "day",
    "merge",
    "reorient_all",
    "reorient_one",
    "replay",
    "shift",
    "unmerge",
    "why",
    "agreement",
    "answer",
    "board",
    "by_phone",
    "cancel",
    "confirm",
    "follow",
    "inform",
    "information",
    "sharing_withdraw",
    "link",
    "name_patient",
    "new",
    "numbers",
    "numbers_file",
    "numbers_rows",
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
