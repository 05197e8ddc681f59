"""How large the checks of tests/trust are, and what they showed.

`make test` runs them small; `make trust` sets MAILLAGE_TRUST=full and gathers what they say in
docs/security/evidence.md.
"""

import json
import os
from pathlib import Path

from django.db import connection

FULL = os.environ.get("MAILLAGE_TRUST") == "full"


def size(fast: int, full: int) -> int:
    """How many cases this run tries."""
    return full if FULL else fast


def evidence(goal: str, what: str, figure: object) -> None:
    """Say what a check showed, once it has passed: the line of its goal ("G14", "tamperings", 1200)."""
    told = os.environ.get("MAILLAGE_TRUST_LINES")
    if told:
        line = {"goal": goal, "what": what, "figure": str(figure), "engine": connection.vendor}
        with Path(told).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
