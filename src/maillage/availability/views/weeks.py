"""The weeks of many professionals on one page: type, read what was understood, confirm once."""

import hashlib
from dataclasses import dataclass, field

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse

from maillage.availability import actions, queries
from maillage.availability.forms import WeeksForm, format_week, next_monday, tell_week
from maillage.availability.queries import WeekLine, WeekPlan
from maillage.kernel.errors import DomainError
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.kernel.words import plural


@dataclass(slots=True)
class Row:
    """A line of the page: the week in force, what was typed, what it was taken to mean."""

    line: WeekLine
    bound: object
    plan: WeekPlan | None = None
    told: list[str] = field(default_factory=list)

    @property
    def now(self) -> str:
        return format_week(self.line.said)


def _rows(form, from_on) -> list[Row]:
    """The lines of the form; a week that cannot be given is refused beside its line."""
    rows = []
    for line in queries.week_lines(form.people, from_on):
        pk = line.professional.pk
        row = Row(line, form[form.names[pk]])
        if pk in form.said:
            plan = queries.week_plan(line, form.said[pk])
            if plan.refusal:
                form.add_error(form.names[pk], plan.refusal)
            else:
                row.plan, row.told = plan, tell_week([*plan.kept, *plan.added])
        rows.append(row)
    return rows


def _seal(from_on, plans) -> str:
    """What was shown is what is written: another plan gives another seal."""
    shown = [from_on.isoformat(), *((pk, plan.signature) for pk, plan in plans.items())]
    return hashlib.sha256(repr(shown).encode()).hexdigest()


def _counted(plans) -> str:
    """As « 38 plages pour 12 professionnels, 3 arrêtées »."""
    added = sum(len(plan.added) for plan in plans)
    gone = sum(len(plan.replaced) for plan in plans)
    changed = sum(plan.is_change for plan in plans)
    said = f"{plural(added, 'plage')} pour {plural(changed, 'professionnel')}"
    return said + (f", {plural(gone, 'arrêtée')}" if gone else "")


def _show(request, form, from_on, rows, *, status=200, plans=None):
    wrong = [row for row in rows if row.bound.errors]
    context = {
        "form": form,
        "rows": rows,
        "from_on": from_on,
        "wrong": wrong,
        "plans": plans,
        "counted": _counted(plans.values()) if plans else "",
        "is_change": any(plan.is_change for plan in (plans or {}).values()),
        "unchanged": sum(not plan.is_change for plan in (plans or {}).values()),
        "taken": queries.places_under(plans.values(), from_on) if plans else 0,
        "seal": _seal(from_on, plans) if plans else "",
        "first": (wrong or rows)[0],
    }
    return render_page(request, "availability/weeks.html", context, status=status)


def _save(request, form, from_on, plans):
    """One act, one transaction for each professional; what is refused meanwhile is told beside it."""
    done, refused = {}, {}
    for each in form.people:
        if each.pk in plans:
            try:
                done[each.pk] = actions.set_week(
                    by=request.actor, professional=each, from_on=from_on, said=form.said[each.pk]
                )
            except DomainError as error:
                refused[each.pk] = str(error)
    if any(plan.is_change for plan in done.values()):
        messages.success(request, f"Enregistré : {_counted(done.values())}.")
    elif done:
        messages.info(request, "Rien à changer : ces semaines sont déjà celles en place.")
    # Only what went in leaves the page; « = » becomes what it said, its model may be gone.
    left = form.without(done)
    if not left.typed:
        url = reverse("availability:weeks", kwargs={"cpts": request.cpts.slug})
        return redirect(f"{url}?from_on={from_on.isoformat()}")
    left.is_valid()
    rows = _rows(left, from_on)
    for pk, sentence in refused.items():
        if left.names[pk] not in left.errors:
            left.add_error(left.names[pk], sentence)
    return _show(request, left, from_on, rows, status=422)


@page(Permission.AVAILABILITY_EDIT, methods=("GET", "POST"))
def weeks(request):
    """A short text for each professional; nothing is written before it was shown."""
    people = list(queries.editable_professionals(request.actor.user_id))
    if not people:
        return render_page(request, "availability/nobody.html")
    if request.method == "GET":
        form = WeeksForm(request.GET if "from_on" in request.GET else None, people=people)
        from_on = form.day() or next_monday()
        form = WeeksForm(people=people, initial={"from_on": from_on})
        return _show(request, form, from_on, _rows(form, from_on))
    form = WeeksForm(request.POST, people=people)
    form.is_valid()
    from_on = form.day()
    if from_on is None:
        day = next_monday()
        return _show(request, form, day, _rows(form, day), status=422)
    if form.strangers:
        messages.warning(request, "Un agenda ne vous est plus confié : sa ligne n'est plus là.")
    rows = _rows(form, from_on)
    plans = {row.line.professional.pk: row.plan for row in rows if row.plan}
    if plans and request.POST.get("act") == "save":
        if request.POST.get("seal") == _seal(from_on, plans):
            return _save(request, form, from_on, plans)
        messages.warning(request, "Une ligne a changé depuis la vérification : relisez.")
    status = 422 if form.errors else 200
    return _show(request, form, from_on, rows, status=status, plans=plans)
