"""The same numbers as a file: one line per unit, then their total, by stable codes."""

from collections.abc import Iterator

from maillage.snp.queries.numbers.measures import BY, MEASURES, Unit
from maillage.snp.queries.numbers.sample import Period
from maillage.snp.queries.numbers.screen import DELAYS, FILE, Numbers
from maillage.territory.models import Cpts

SECRET = "s"
HEAD = (
    ("cpts", "Adresse de la CPTS dans la plateforme."),
    ("from", "Premier jour de la période de réception (année-mois-jour)."),
    ("to", "Dernier jour, compris."),
    ("by", f"Découpage : {', '.join(BY)}."),
    ("unit", "Code de la ligne ; « total » pour l'ensemble."),
    ("label", "Ligne, en toutes lettres."),
    ("first_hours", "Premier délai en vigueur à la réception (heures)."),
    ("second_hours", "Second délai (heures)."),
)
UNITS = {
    Unit.REQUEST: "demandes",
    Unit.PROPOSAL: "propositions",
    Unit.REORIENTATION: "réorientations",
}


def file_of(numbers: Numbers, cpts: Cpts, period: Period) -> Iterator[list[str]]:
    """Rows of text, the names of the columns first. Empty: not published; `s`: hidden."""
    yield [*(code for code, _ in HEAD), *FILE]
    hours = [text.removesuffix(" h") for text in numbers.hours]
    about = [cpts.slug, period.first_on.isoformat(), period.last_on.isoformat(), numbers.by]
    told = {count.code: count for count in numbers.told}
    for line in (*numbers.lines, numbers.total):
        counts = (told if line is numbers.total else {}) | line.counts
        yield [*about, line.code, line.label, *hours, *(_cell(counts, code) for code in FILE)]


def _cell(counts: dict, code: str) -> str:
    if code not in counts:
        return ""
    return SECRET if counts[code].n is None else str(counts[code].n)


def dictionary() -> list[tuple[str, str, str, str]]:
    """(code, name, what it counts, what is counted and out of what) of each column and number."""
    heads = [(code, "", text, "") for code, text in HEAD]
    numbers = []
    for code in (*FILE, *DELAYS):
        measure = MEASURES[code]
        out_of = f" ; rapporté à {measure.of}" if measure.of else ""
        numbers.append((code, measure.label, measure.definition, UNITS[measure.unit] + out_of))
    return heads + numbers
