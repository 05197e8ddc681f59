"""The coordinator's side: counts without identity, and the dated settings."""

import datetime as dt

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone

from maillage.kernel.errors import DomainError, NotAllowed, Unchanged
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.snp import actions, queries
from maillage.snp.enums import HoursKind
from maillage.snp.forms import DeskForm, RedFlagForm, write_hours
from maillage.snp.gateway import proposed_settings
from maillage.snp.models import DeskSettings, RedFlagList


@page(Permission.SNP_COUNTS)
def follow(request):
    return render_page(
        request, "snp/follow.html", queries.follow_up(request.cpts, now=timezone.now())
    )


def _desk_initial(cpts) -> dict:
    current = DeskSettings.objects.filter(cpts=cpts).in_force(timezone.now()).first()
    if current is None:
        proposed = proposed_settings()
        return proposed.values | {
            "hours": proposed.hours,
            "pdsa_hours": proposed.pdsa_hours,
            "summary_minute": _at(proposed.values["summary_minute"]),
            "source": "",
        }
    hours = list(current.hours.all())
    return {name: getattr(current, name) for name in DeskForm.Meta.fields} | {
        "hours": write_hours(each for each in hours if each.kind == HoursKind.DESK),
        "pdsa_hours": write_hours(each for each in hours if each.kind == HoursKind.PDSA),
        "summary_minute": _at(current.summary_minute),
        "source": "",
    }


def _at(minute: int) -> dt.time:
    return dt.time(minute // 60, minute % 60)


def _page(request, desk_form, flag_form, status=200):
    context = {
        "desk_form": desk_form,
        "flag_form": flag_form,
        "proposed": proposed_settings(),
        "settings_history": DeskSettings.objects.filter(cpts=request.cpts).select_related(
            "set_by__user"
        )[:20],
        "flag_history": RedFlagList.objects.filter(cpts=request.cpts).prefetch_related("flags")[
            :20
        ],
        "flags": queries.red_flags(request.cpts),
    }
    return render_page(request, "snp/settings.html", context, status=status)


def _flag_form(request, data=None):
    flags = queries.red_flags(request.cpts)
    labels = "\n".join(flag.label for flag in flags.flags.all()) if flags else ""
    return RedFlagForm(data, initial={"labels": labels, "validated_on": timezone.localdate()})


@page(Permission.SNP_SETTINGS, methods=("GET", "POST"))
def settings(request):
    form = DeskForm(request.POST or None, initial=_desk_initial(request.cpts))
    if request.method == "POST" and form.is_valid():
        apart = {"hours", "pdsa_hours", "source"}
        values = {k: v for k, v in form.cleaned_data.items() if k not in apart}
        try:
            actions.set_desk(
                by=request.actor,
                cpts=request.cpts,
                values=values,
                hours=form.cleaned_data["hours"],
                pdsa_hours=form.cleaned_data["pdsa_hours"],
                source=form.cleaned_data["source"],
            )
        except NotAllowed:
            raise
        except Unchanged as same:
            messages.info(request, str(same))
            return redirect("snp:settings", cpts=request.cpts.slug)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Réglages enregistrés ; les anciens restent consultables.")
            return redirect("snp:settings", cpts=request.cpts.slug)
    return _page(request, form, _flag_form(request), 422 if request.method == "POST" else 200)


@page(Permission.SNP_SETTINGS, methods=("POST",))
def signs_settings(request):
    form = _flag_form(request, request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            actions.validate_red_flags(
                by=request.actor,
                cpts=request.cpts,
                labels=data["labels"].splitlines(),
                validated_by=data["validated_by"],
                validated_on=data["validated_on"],
            )
        except NotAllowed:
            raise
        except Unchanged as same:
            messages.info(request, str(same))
            return redirect("snp:settings", cpts=request.cpts.slug)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Liste enregistrée. Elle sert dès le prochain appel.")
            return redirect("snp:settings", cpts=request.cpts.slug)
    return _page(request, DeskForm(initial=_desk_initial(request.cpts)), form, 422)
