"""Looking back on a case, without identity: minute by minute, and why somebody was not asked."""

from django.utils import timezone

from maillage.directory import queries as directory
from maillage.directory.models import Professional
from maillage.kernel.pages import page, render_page
from maillage.kernel.permissions import Permission
from maillage.snp.models import CareRequest
from maillage.snp.queries.replay import replay_of, shortlist_lines
from maillage.snp.queries.replay import why as why_of
from maillage.snp.views.desk import facts, id_of

FOUND_SHOWN = 20


@page(Permission.SNP_DESK, Permission.SNP_COUNTS, of=CareRequest)
def replay(request, care_request):
    context = {
        "care_request": care_request,
        "facts": facts(care_request),
        "minutes": replay_of(care_request),
    }
    return render_page(request, "snp/replay.html", context)


@page(Permission.SNP_DESK, Permission.SNP_COUNTS, of=CareRequest)
def why(request, care_request):
    """`a`: the moment of a ranking; `pro`: one professional at every moment; `q`: a name typed."""
    asked = request.GET.get("q", "").strip()[:80]
    shortlists = list(care_request.shortlists.order_by("-at", "-pk"))
    moment = next(
        (each for each in shortlists if str(each.pk) == request.GET.get("a", "")),
        shortlists[0] if shortlists else None,
    )
    wanted = id_of(request.GET.get("pro", ""))
    professional = None
    if wanted is not None:
        professional = Professional.objects.visible_to(request.actor).filter(pk=wanted).first()
        asked_of = care_request.proposals.filter(professional=wanted).select_related("professional")
        professional = professional or next((each.professional for each in asked_of), None)
    found = directory.search(request.cpts, asked).professionals[:FOUND_SHOWN] if asked else []
    context = {
        "care_request": care_request,
        "facts": facts(care_request),
        "shortlists": shortlists,
        "moment": moment,
        "lines": shortlist_lines(moment) if moment and professional is None else [],
        "professional": professional,
        "said": why_of(care_request, professional, now=timezone.now()) if professional else [],
        "asked": asked,
        "found": found,
    }
    return render_page(request, "snp/why.html", context)
