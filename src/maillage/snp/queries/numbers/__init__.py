"""The numbers of unscheduled care: what each counts, for whom, and the rows behind it."""

from maillage.snp.queries.numbers.file import dictionary, file_of
from maillage.snp.queries.numbers.holes import Coming, HourGrid, coming_of, holes_of
from maillage.snp.queries.numbers.measures import BY, MEASURES, Measure, Unit
from maillage.snp.queries.numbers.published import (
    published_numbers,
    published_quarters,
    quarter_of,
    quarter_text,
)
from maillage.snp.queries.numbers.rows import rows_of
from maillage.snp.queries.numbers.sample import Period, Sample, sample_of
from maillage.snp.queries.numbers.screen import (
    Count,
    Line,
    Numbers,
    label_of,
    numbers_of,
    rows_behind,
)

__all__ = [
    "BY",
    "MEASURES",
    "Coming",
    "Count",
    "HourGrid",
    "Line",
    "Measure",
    "Numbers",
    "Period",
    "Sample",
    "Unit",
    "coming_of",
    "dictionary",
    "file_of",
    "holes_of",
    "label_of",
    "numbers_of",
    "published_numbers",
    "published_quarters",
    "quarter_of",
    "quarter_text",
    "rows_behind",
    "rows_of",
    "sample_of",
]
