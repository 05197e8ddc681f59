"""Two requests for one call."""

from maillage.kernel.pages import page
from maillage.kernel.permissions import Permission
from maillage.snp import actions, queries
from maillage.snp.forms import MergeForm
from maillage.snp.models import CareRequest
from maillage.snp.views.desk import act
from maillage.snp.views.following import small_form


@page(Permission.SNP_DESK, of=CareRequest, methods=("GET", "POST"))
def merge(request, care_request):
    found = queries.merge_choices(request.actor, care_request)

    def call(form):
        into = next(each for each in found if str(each.pk) == form.cleaned_data["into"])
        actions.merge(by=request.actor, care_request=care_request, into=into)

    return small_form(
        request,
        care_request,
        MergeForm(request.POST or None, found=found),
        title="Fusionner avec une autre demande",
        note="Celle-ci se termine : ses propositions sont retirées, ses places rendues. L'autre "
        "continue, et ses délais partent de la première des deux réceptions.",
        button="Fusionner",
        said="Demandes fusionnées.",
        call=call,
        danger=True,
    )


@page(Permission.SNP_DESK, of=CareRequest, methods=("POST",))
def unmerge(request, care_request):
    return act(
        request,
        care_request,
        lambda: actions.unmerge(by=request.actor, care_request=care_request),
        said="Demande séparée : elle est de nouveau à traiter.",
    )
