"""The outside world of the territory: files and servers, read into frozen rows.

Never touches the database. Each reader answers `(rows, refused)` or a `Reference` that holds both:
nothing is dropped in silence. What cannot be read at all raises UnreadableFile or NoAnswer.
"""

from maillage.territory.gateway.files import (
    COMMUNES,
    EPCIS,
    OFFERS,
    OUTLINES,
    OfferKind,
    UnreadableFile,
    read_communes,
    read_epcis,
    read_extract,
    read_former_codes,
    read_offers,
    read_outlines,
    read_reference,
    read_territories,
)
from maillage.territory.gateway.geography import fetch_reference
from maillage.territory.gateway.http import NoAnswer, host_of
from maillage.territory.gateway.travel import fetch_travel, read_travel

__all__ = [
    "COMMUNES",
    "EPCIS",
    "NoAnswer",
    "OFFERS",
    "OUTLINES",
    "OfferKind",
    "UnreadableFile",
    "fetch_reference",
    "fetch_travel",
    "host_of",
    "read_communes",
    "read_epcis",
    "read_extract",
    "read_former_codes",
    "read_offers",
    "read_outlines",
    "read_reference",
    "read_territories",
    "read_travel",
]
