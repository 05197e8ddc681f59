"""Dated settings, written rules of priority, lists of the CPAM."""

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone

from maillage.directory.models import Professional
from maillage.kernel.errors import DomainError, NotAllowed, Unchanged
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.medecin_traitant import actions, gateway, queries
from maillage.medecin_traitant.enums import NEEDS
from maillage.medecin_traitant.forms import CpamForm, RulesForm, SettingsForm
from maillage.medecin_traitant.models import MtSettings, PriorityRule

HISTORY = 20


def _settings_form(request, data=None) -> SettingsForm:
    current = queries.last_settings(request.cpts)
    initial = gateway.proposed_settings().values
    if current is not None:
        initial = {name: getattr(current, name) for name in SettingsForm.Meta.fields}
    professionals = Professional.objects.in_cpts(request.cpts, timezone.localdate())
    return SettingsForm(data, initial=initial | {"source": ""}, professionals=professionals)


def _rules_form(request, data=None) -> RulesForm | None:
    settings = queries.last_settings(request.cpts)
    if settings is None:
        return None
    initial = {}
    for rule in queries.rules_of(request.cpts):
        initial[f"rank_{rule.criterion}"] = str(rule.rank)
        initial[f"threshold_{rule.criterion}"] = rule.threshold or None
    return RulesForm(data, settings=settings, initial=initial, needs=NEEDS)


def _show(request, form, rules_form, status=200):
    context = {
        "form": form,
        "rules_form": rules_form,
        "proposed": gateway.proposed_settings(),
        "rules": queries.rules_of(request.cpts),
        "history": MtSettings.objects.filter(cpts=request.cpts).select_related(
            "set_by__user", "responsible"
        )[:HISTORY],
        "rules_history": PriorityRule.objects.filter(cpts=request.cpts)[:HISTORY],
    }
    return render_page(request, "medecin_traitant/settings.html", context, status=status)


@page(Permission.MT_SETTINGS, methods=("GET", "POST"))
def settings(request):
    form = _settings_form(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = {name: said for name, said in form.cleaned_data.items() if name != "source"}
        if _kept(
            request,
            form,
            lambda: actions.set_settings(
                by=request.actor,
                cpts=request.cpts,
                values=values,
                source=form.cleaned_data["source"],
            ),
            "Réglages enregistrés ; les anciens restent lisibles.",
        ):
            return redirect("medecin_traitant:settings", cpts=request.cpts.slug)
    return _show(request, form, _rules_form(request), 422 if request.method == "POST" else 200)


@page(Permission.MT_SETTINGS, methods=("POST",))
def rules(request):
    form = _rules_form(request, request.POST)
    if form is None:
        messages.error(request, "Enregistrez d'abord les réglages.")
        return redirect("medecin_traitant:settings", cpts=request.cpts.slug)
    if form.is_valid():
        given = [
            actions.Rule(criterion=criterion, rank=rank, threshold=threshold)
            for criterion, rank, threshold in form.rules()
        ]
        if _kept(
            request,
            form,
            lambda: actions.set_rules(
                by=request.actor,
                cpts=request.cpts,
                rules=given,
                source=form.cleaned_data["source"],
            ),
            "Règles enregistrées : elles servent dès maintenant.",
        ):
            return redirect("medecin_traitant:settings", cpts=request.cpts.slug)
    return _show(request, _settings_form(request), form, 422)


def _kept(request, form, call, thanks: str) -> bool:
    try:
        call()
    except NotAllowed:
        raise
    except Unchanged as same:
        messages.info(request, str(same))
    except DomainError as error:
        form.add_error(None, str(error))
        return False
    else:
        messages.success(request, thanks)
    return True


@page(Permission.MT_DESK, methods=("GET", "POST"))
def cpam(request):
    """A list of the CPAM: seen first, then loaded; the file is read, never kept."""
    form, report = CpamForm(request.POST or None, request.FILES or None), None
    if form.is_valid():
        try:
            given = gateway.read_cpam_list(form.cleaned_data["file"].read(gateway.SIZE_MAX + 1))
            report = actions.load_cpam_list(
                by=request.actor,
                cpts=request.cpts,
                given=given,
                dry_run=form.cleaned_data["mode"] == "try",
            )
        except NotAllowed:
            raise
        except DomainError as error:
            form.add_error(None, str(error))
    current = queries.last_settings(request.cpts)
    context = {"form": form, "report": report, "basis": current.cpam_basis if current else ""}
    status = 422 if form.is_bound and report is None else 200
    return render_page(request, "medecin_traitant/cpam.html", context, status=status)
