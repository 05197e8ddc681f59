"""Who keeps a professional's availability for them, and who answers for them meanwhile."""

from django.contrib import messages
from django.shortcuts import redirect

from maillage.directory import actions, queries, rules
from maillage.directory.forms import DelegationForm
from maillage.directory.models import Delegation
from maillage.kernel.errors import DomainError
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission


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
    context = {"own": own, "form": form, "delegations": queries.delegations_of(request.actor)}
    status = 422 if form is not None and form.is_bound else 200
    return render_page(request, "directory/delegations.html", context, status=status)


@page(Permission.AVAILABILITY_EDIT, of=Delegation, methods=("POST",))
def end_delegation(request, delegation):
    actions.end_delegation(by=request.actor, delegation=delegation)
    messages.success(request, "La délégation est terminée.")
    return redirect("directory:delegations", cpts=request.cpts.slug)
