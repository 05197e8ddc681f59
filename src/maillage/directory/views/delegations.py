"""Who keeps a professional's availability for them, and who answers for them meanwhile."""

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from maillage.directory import actions, queries, rules
from maillage.directory.forms import DelegationForm, LocumForm
from maillage.directory.models import Delegation, Locum, Professional
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission


def _back(request, professional):
    """The page one comes from: the coordinator's is the record, the others' is the delegations."""
    if request.actor.may(Permission.AVAILABILITY_EDIT, request.cpts):
        return "Délégations", reverse("directory:delegations", kwargs={"cpts": request.cpts.slug})
    kwargs = {"cpts": request.cpts.slug, "pk": professional.pk}
    return str(professional), reverse("directory:detail", kwargs=kwargs)


@page(Permission.AVAILABILITY_EDIT, methods=("GET", "POST"))
def delegations(request):
    """Whom a professional lets keep their availability; what a secretary received."""
    own = queries.own_records(request.actor.user_id).first()
    may_delegate = own is not None and rules.can_delegate(request.actor, own)
    form = None
    if may_delegate:
        secretaries = queries.secretaries_of(request.cpts)
        form = DelegationForm(request.POST or None, secretaries=secretaries)
        if form.is_valid():
            try:
                actions.delegate(by=request.actor, professional=own, **form.cleaned_data)
            except DomainError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, "La délégation est enregistrée.")
                return redirect("directory:delegations", cpts=request.cpts.slug)
    given = list(queries.delegations_of(request.actor))
    context = {
        "own": own,
        "form": form,
        "delegations": given,
        "replacements": queries.replacements_seen(request.actor),
        "replaceable": queries.replaceable_by(request.actor),
    }
    status = 422 if form is not None and form.is_bound else 200
    return render_page(request, "directory/delegations.html", context, status=status)


@page(Permission.AVAILABILITY_EDIT, of=Delegation, methods=("POST",))
def end_delegation(request, delegation):
    actions.end_delegation(by=request.actor, delegation=delegation)
    messages.success(request, "La délégation est terminée.")
    return redirect("directory:delegations", cpts=request.cpts.slug)


@page(
    Permission.AVAILABILITY_EDIT,
    Permission.DIRECTORY_EDIT,
    of=Professional,
    methods=("GET", "POST"),
)
def name_locum(request, professional):
    """Who answers for this professional while they are away, and who did before."""
    if not rules.can_name_locum(request.actor, professional):
        raise NotAllowed("Le professionnel, sa secrétaire ou un coordinateur nomme son remplaçant.")
    choices = queries.locum_choices(request.cpts, professional)
    form = LocumForm(request.POST or None, professionals=choices)
    if request.method == "POST" and not form.is_bound:
        form = LocumForm({}, professionals=choices)
    if form.is_valid():
        try:
            actions.name_locum(by=request.actor, professional=professional, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Le remplacement est enregistré.")
            for person in (professional, form.cleaned_data["locum"]):
                if queries.contact_of(person, request.cpts) is None:
                    messages.warning(request, f"Prévenez {person} : ni courriel ni mobile connu.")
            return redirect(_back(request, professional)[1])
    context = {
        "professional": professional,
        "form": form,
        "back": _back(request, professional),
        "locums": queries.locums_of(professional),
        "today": timezone.localdate(),
    }
    return render_page(
        request, "directory/locum.html", context, status=422 if form.is_bound else 200
    )


@page(Permission.AVAILABILITY_EDIT, Permission.DIRECTORY_EDIT, of=Locum, methods=("POST",))
def end_locum(request, locum):
    locum = actions.end_locum(by=request.actor, locum=locum)
    messages.success(request, "Le remplacement est arrêté.")
    return redirect(_back(request, locum.replaced)[1])
