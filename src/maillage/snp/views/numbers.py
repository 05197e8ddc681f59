"""The numbers: everything with its rows for the desk and the coordination, whole quarters with small
cells hidden for the others. No identity anywhere."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django import forms
from django.core.paginator import Paginator
from django.http import Http404
from django.utils import timezone
from django.utils.http import urlencode

from maillage.kernel.pages import page, render_page, render_table
from maillage.kernel.permissions import Permission
from maillage.snp.forms.numbers import PeriodForm, QuartersForm
from maillage.snp.queries import numbers as queries
from maillage.snp.queries import settings_of
from maillage.snp.rules import can_see_rows

ROWS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked; `numbers` is None when the period was not understood."""

    form: forms.Form
    period: queries.Period | None = None
    sample: queries.Sample | None = None
    numbers: queries.Numbers | None = None

    @property
    def query(self) -> str:
        return urlencode({name: self.form.data[name] for name in ("du", "au", "par")})


def _given(request, usual: dict[str, str]) -> dict[str, str]:
    return usual | {name: request.GET[name] for name in usual if request.GET.get(name)}


def _with_rows(request) -> Asked:
    now = timezone.now()
    form = PeriodForm(_given(request, PeriodForm.usual(timezone.localdate(now))))
    if not form.is_valid():
        return Asked(form)
    data = form.cleaned_data
    period = queries.Period(data["du"], data["au"], ZoneInfo(request.cpts.zone))
    sample = queries.sample_of(request.cpts, period, now)
    return Asked(form, period, sample, queries.numbers_of(sample, data["par"]))


def _published(request) -> Asked:
    now = timezone.now()
    minimum = settings_of(request.cpts, now).small_cell_min
    quarters = queries.published_quarters(request.cpts, now)
    form = QuartersForm(_given(request, QuartersForm.usual(quarters)), quarters=quarters)
    if not form.is_valid():
        return Asked(form)
    chosen, by = form.chosen, form.cleaned_data["par"]
    period = queries.Period(chosen[0][0], chosen[-1][1], ZoneInfo(request.cpts.zone))
    sample = queries.sample_of(request.cpts, period, now)
    return Asked(form, period, None, queries.published_numbers(sample, chosen, by, minimum))


def _asked(request) -> Asked:
    return (_with_rows if can_see_rows(request.actor, request.cpts) else _published)(request)


@page(Permission.SNP_NUMBERS)
def numbers(request):
    asked = _asked(request)
    with_rows = asked.sample is not None
    context = {
        "form": asked.form,
        "numbers": asked.numbers,
        "query": asked.query if asked.numbers else "",
        "with_rows": with_rows,
        "grid": queries.holes_of(asked.sample) if with_rows else None,
        "coming": queries.coming_of(request.cpts, timezone.now()) if with_rows else [],
        "dictionary": queries.dictionary(),
    }
    return render_page(request, "snp/numbers.html", context, status=200 if asked.numbers else 422)


@page(Permission.SNP_NUMBERS)
def numbers_file(request):
    """The same numbers as a table: one line per unit, then their total."""
    asked = _asked(request)
    if asked.numbers is None:
        raise Http404
    days = f"{asked.period.first_on}-{asked.period.last_on}"
    return render_table(
        f"snp-{request.cpts.slug}-{days}-{asked.numbers.by}",
        queries.file_of(asked.numbers, request.cpts, asked.period),
    )


@page(Permission.SNP_DESK, Permission.SNP_COUNTS)
def numbers_rows(request):
    """The rows of one number: `mesure` its code, `valeur` the unit, "total" for the period."""
    asked = _with_rows(request)
    code, unit = request.GET.get("mesure", "received"), request.GET.get("valeur", "total")
    by = "heure" if "heures" in request.GET else request.GET.get("par", "canal")
    if asked.sample is None:
        raise Http404
    try:
        ids = queries.rows_behind(asked.sample, code, by, unit)
    except KeyError:
        raise Http404 from None
    pages = Paginator(ids.tolist(), ROWS_SHOWN).get_page(request.GET.get("page"))
    hours = {"heures": "1"} if by == "heure" else {}
    context = {
        "measure": queries.MEASURES[code],
        "unit_label": queries.label_of(asked.sample, by, unit),
        "period": asked.period,
        "pages": pages,
        "rows": queries.rows_of(code, pages.object_list),
        "query": asked.query,
        "again": f"{asked.query}&{urlencode({'mesure': code, 'valeur': unit} | hours)}&",
    }
    return render_page(request, "snp/numbers_rows.html", context)
