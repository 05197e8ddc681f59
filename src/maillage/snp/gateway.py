"""The starting settings proposed with the package, for the coordinator to review."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class ProposedSettings:
    """A dated proposal: columns of DeskSettings, both kinds of hours as text, an example list of signs."""

    proposed_on: str
    source: str
    values: dict[str, Any]
    hours: str
    pdsa_hours: str
    example_signs: tuple[str, ...]


@cache
def proposed_settings() -> ProposedSettings:
    text = (
        resources.files("maillage.snp").joinpath("data/proposed_settings.json").read_text("utf-8")
    )
    read = json.loads(text)
    return ProposedSettings(**(read | {"example_signs": tuple(read["example_signs"])}))
