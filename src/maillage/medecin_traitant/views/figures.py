"""The waiting list in numbers: of today for who sees the requests, as published for the others."""

import datetime as dt

from django.http import Http404
from django.utils import timezone

from maillage.kernel.pages import page, render_page, render_table
from maillage.kernel.permissions import Permission
from maillage.medecin_traitant import queries
from maillage.medecin_traitant.rules import follows
from maillage.territory.queries import map_of


def _found(request) -> tuple[queries.WaitingNumbers, dt.date] | None:
    """The numbers this actor may read, and their day; `?publies`: those that may be given away."""
    if not follows(request.actor, request.cpts) or "publies" in request.GET:
        last = queries.last_published(request.cpts)
        if last is None:
            return None
        return queries.numbers_in(last.figures), timezone.localdate(last.taken_at)
    now, settings = timezone.now(), queries.last_settings(request.cpts)
    if settings is None:
        return None
    rules = queries.rules_of(request.cpts)
    found = queries.numbers_of(request.cpts, settings, rules, now=now)
    return found, timezone.localdate(now)


@page(Permission.MT_NUMBERS)
def numbers(request):
    found = _found(request)
    sees_requests = follows(request.actor, request.cpts)
    if found is None and sees_requests and "publies" not in request.GET:
        return render_page(request, "medecin_traitant/not_set.html")
    context = {
        "found": found and found[0],
        "on": found and found[1],
        "map": map_of(request.cpts, timezone.localdate()),
        "sees_requests": sees_requests,
        "is_published": not sees_requests or "publies" in request.GET,
    }
    if found is not None:
        context["by_commune"] = {insee: n for insee, _, n in found[0].communes}
        context["most"] = max((n or 0 for _, _, n in found[0].communes), default=0)
    return render_page(request, "medecin_traitant/numbers.html", context)


@page(Permission.MT_NUMBERS)
def numbers_file(request):
    """The same as a table, one number a line."""
    found = _found(request)
    if found is None:
        raise Http404
    numbers, on = found
    return render_table(
        f"medecin-traitant-{request.cpts.slug}-{on}",
        queries.file_of(numbers, request.cpts, on),
    )
