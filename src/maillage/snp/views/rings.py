"""Rings, made by the coordinator and left by whoever wants; the national rule of the fee."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.utils import timezone

from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.pages import Access, page, render_page
from maillage.kernel.permissions import Permission
from maillage.snp import actions, queries
from maillage.snp.forms import FeeForm, RingForm, RingMemberForm, RingNameForm
from maillage.snp.models import Ring, RingMember
from maillage.snp.rules import can_record_fee

SET = Permission.SNP_SETTINGS


def _tried(form, call) -> bool:
    """Whether the form was right and its act done; an expected refusal is said in the form."""
    if not form.is_valid():
        return False
    try:
        call(**form.cleaned_data)
    except NotAllowed:
        raise
    except DomainError as error:
        form.add_error(None, str(error))
        return False
    return True


@page(SET, methods=("GET", "POST"))
def rings(request):
    """Every ring of the CPTS; a new one."""
    form = RingForm(request.POST if request.method == "POST" else None)

    def create(**values):
        return actions.create_ring(by=request.actor, cpts=request.cpts, **values)

    if request.method == "POST" and _tried(form, create):
        messages.success(request, "Cercle créé. Ajoutez-y des professionnels.")
        return redirect("snp:rings", cpts=request.cpts.slug)
    found = queries.rings_of(request.cpts, timezone.localdate())
    context = {"form": form, "rings": found}
    return render_page(request, "snp/rings.html", context, status=422 if form.is_bound else 200)


def _show_ring(request, ring, *, form=None, name_form=None):
    today = timezone.localdate()
    candidates = queries.ring_candidates(ring, today)
    context = {
        "ring": ring,
        "form": form or RingMemberForm(professionals=candidates),
        "name_form": name_form or RingNameForm(initial={"name": ring.name}, auto_id="name-%s"),
        "members": queries.members_of(ring),
        "today": today,
    }
    status = 422 if form is not None or name_form is not None else 200
    return render_page(request, "snp/ring.html", context, status=status)


@page(SET, of=Ring, methods=("GET", "POST"))
def ring(request, ring):
    """Who is in a ring, from when to when; somebody more."""
    if request.method != "POST":
        return _show_ring(request, ring)
    candidates = queries.ring_candidates(ring, timezone.localdate())
    form = RingMemberForm(request.POST, professionals=candidates)

    def add(**values):
        return actions.add_to_ring(by=request.actor, ring=ring, **values)

    if not _tried(form, add):
        return _show_ring(request, ring, form=form)
    messages.success(request, "Ajouté au cercle.")
    return redirect("snp:ring", cpts=request.cpts.slug, pk=ring.pk)


@page(SET, of=Ring, methods=("POST",))
def ring_rename(request, ring):
    form = RingNameForm(request.POST, auto_id="name-%s")

    def rename(name):
        return actions.rename_ring(by=request.actor, ring=ring, name=name)

    if not _tried(form, rename):
        return _show_ring(request, ring, name_form=form)
    messages.success(request, "Cercle renommé.")
    return redirect("snp:ring", cpts=request.cpts.slug, pk=ring.pk)


@page(SET, of=Ring, methods=("POST",))
def ring_close(request, ring):
    actions.close_ring(by=request.actor, ring=ring)
    messages.success(request, "Cercle fermé : il n'est plus proposé aux appels.")
    return redirect("snp:rings", cpts=request.cpts.slug)


@page(SET, Permission.PROPOSAL_ANSWER, of=RingMember, methods=("POST",))
def ring_member_end(request, member):
    """Taken out by the coordinator, or left by the professional."""
    actions.end_ring_member(by=request.actor, member=member)
    if request.actor.may(SET, request.cpts):
        messages.success(request, "Sorti du cercle.")
        return redirect("snp:ring", cpts=request.cpts.slug, pk=member.ring_id)
    messages.success(request, "Vous n'êtes plus dans ce cercle.")
    return redirect("snp:preferences", cpts=request.cpts.slug)


@page(Access.TECHNICAL, methods=("GET", "POST"))
def fees(request):
    """The national rule of the SNP fee, dated: the technical operator adds a row."""
    if not can_record_fee(request.actor):
        raise Http404
    form = FeeForm(request.POST if request.method == "POST" else None)

    def record(**values):
        return actions.record_fee(by=request.actor, **values)

    if request.method == "POST" and _tried(form, record):
        messages.success(request, "Règle enregistrée ; les anciennes restent consultables.")
        return redirect("snp:fees")
    context = {"form": form, "fees": queries.fees()}
    return render_page(request, "snp/fees.html", context, status=422 if form.is_bound else 200)
