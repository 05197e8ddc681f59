"""The verbs of the rights of persons: durations, the purge, the erasure of one person."""

from maillage.rights.actions.durations import BadDuration, set_duration
from maillage.rights.actions.erase import BadErasure, StillOpen, erase_resident
from maillage.rights.actions.purge import BATCH, purge

__all__ = [
    "BATCH",
    "BadDuration",
    "BadErasure",
    "StillOpen",
    "erase_resident",
    "purge",
    "set_duration",
]
