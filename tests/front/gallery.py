"""The look with made-up data: the pages of `pages/` and the real board, without a database."""

import datetime as dt
import random
import shutil
from pathlib import Path
from types import SimpleNamespace as Row

from django import forms
from django.conf import settings
from django.template import engines
from django.template.backends.jinja2 import Template
from django.test import RequestFactory, override_settings
from django.utils import timezone
from jinja2 import ChoiceLoader, FileSystemLoader

from maillage.config import jinja
from maillage.directory.enums import CareKind, Profession
from maillage.residents.enums import AgreementGiver
from maillage.residents.models import Resident
from maillage.snp.enums import (
    AgeBand,
    CallResult,
    CallTo,
    CareRequestStatus,
    RefusalReason,
)
from maillage.snp.models import CareRequest, CareRequestEvent, DeskSettings
from maillage.snp.queries.board import Board
from maillage.snp.queries.queue import Queue
from maillage.snp.queries.queue import Row as BoardRow
from maillage.snp.queries.ranking import Candidate, Matching, OfferedSlot
from maillage.snp.views import board_page, desk
from maillage.territory.models import Commune

HERE = Path(__file__).parent


CPTS = Row(pk=1, slug="centre-saone-et-loire", name="CPTS Centre Saône-et-Loire")


NOBODY = Row(is_authenticated=False)


class Person:
    is_authenticated = True
    shortcuts = True

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return self.name


class Seated:
    kind = "seat"
    seat_id = user_id = cpts_id = 1
    label = "gallery"

    def __init__(self, role, *granted):
        self.seat = Row(get_role_display=lambda: role)
        self.granted = granted

    def may(self, permission, cpts):
        return permission in self.granted


DISPATCHER = Seated(
    "Opérateur SNP", "snp_desk", "resident_desk", "directory_view", "territory_view"
)
DOCTOR = Seated(
    "Professionnel de santé",
    "proposal_answer",
    "availability_edit",
    "directory_view",
    "territory_view",
)
COMMUNES = (
    (
        "Le Creusot, Montceau-les-Mines, Blanzy, Saint-Vallier, Torcy, Montchanin, Le Breuil, "
        "Génelard, Gourdon, Sanvignes-les-Mines, Ciry-le-Noble, Montcenis, Écuisses, Perrecy, "
        "Saint-Eusèbe, Les Bizots, Marmagne, Pouilloux, Saint-Sernin, Charmoy, Perreuil, "
        "Essertenne, Morey, Marigny, Mary, Gourdon-Haut, Collonge, Saint-Bérain, Saint-Julien, "
        "Saint-Laurent, Saint-Micaud, Saint-Pierre, Saint-Romain, Saint-Firmin "
    )
    .strip()
    .split(", ")
)


def made_up_map():
    """A jittered grid: shared corners, so neighbours touch as real communes do."""
    dice = random.Random(7)
    columns, rows, cell = 6, 6, 150
    at = {
        (i, j): (
            round(i * cell + dice.uniform(-38, 38)) + 60,
            round(j * cell + dice.uniform(-38, 38)) + 60,
        )
        for i in range(columns + 1)
        for j in range(rows + 1)
    }
    areas = []
    for index, name in enumerate(COMMUNES):
        i, j = index % columns, index // columns
        corners = [at[i, j], at[i + 1, j], at[i + 1, j + 1], at[i, j + 1]]
        path = "M" + "L".join(f"{x} {y}" for x, y in corners) + "Z"
        x, y = (sum(c[k] for c in corners) / 4 for k in (0, 1))
        areas.append(
            Row(insee=f"71{index:03}", name=name, d=path, label_x=round(x), label_y=round(y))
        )
    points = {area.insee: (area.label_x, area.label_y) for area in areas}
    return Row(width=1020, height=1020, areas=areas, points=points, is_approximate=True)


S = CareRequestStatus
REQUESTS = (
    ("Fièvre", "39,5 depuis deux jours, pas de véhicule", "0-1", 3, 47, S.NEW),
    ("Mal de dos", "bloqué depuis ce matin", "16-69", 3, 38, S.PROPOSED),
    ("Plaie, pansement", "main, à suturer", "16-69", 2, 31, S.NEW),
    ("Gêne urinaire", "", "16-69", 2, 23, S.NEW),
    ("Chute, coup, entorse", "surveillance de plaie", "70-130", 2, 16, S.ACCEPTED),
    ("Oreille", "", "6-15", 1, 12, S.PROPOSED),
    ("Traitement à renouveler", "dernier comprimé ce soir", "16-69", 1, 7, S.NEW),
    ("Peau, bouton, piqûre", "", "2-5", 1, 4, S.INFORMED),
    ("Toux, rhume, gorge", "", "16-69", 1, 1, S.NEW),
    ("Mal-être", "rappeler après 17 h", "16-69", 1, 1, S.NEW),
)
TONES = {S.NEW: "info", S.PROPOSED: "warn", S.ACCEPTED: "ok", S.INFORMED: ""}
CHANNELS = ("15 / SAS", "pharmacien", "patient ou proche", "professionnel")
DOCTORS = (
    ("Dr Anaïs Fictive", 1, "env. 6 min", ("14 h 20", "14 h 40", "16 h 10")),
    ("Dr Paul Exemple", 1, "env. 6 min", ("14 h 40", "15 h")),
    ("Dr Inès Modèle", 0, "env. 14 min", ("14 h 30", "15 h 30", "15 h 45", "17 h")),
    ("Dr Yann Essai", 2, "env. 9 min", ("demain 9 h 20",)),
    ("Dr Claire Specimen", 1, "env. 6 min", ("16 h", "16 h 20")),
    ("Dr Luc Fantaisie", 9, "env. 16 min", ("16 h 30",)),
)


def _rows(now, areas, count):
    rows = []
    for n in range(count):
        reason, note, age, urgency, minutes, status = REQUESTS[n % len(REQUESTS)]
        area = areas[(n * 5 + 1) % 14]
        rows.append(
            BoardRow(
                id=n + 1,
                number=112 + n,
                reason=reason,
                note=note,
                age_band=AgeBand(age).label,
                commune=area.name,
                insee=area.insee,
                status=status,
                status_label=status.label,
                status_tone=TONES[status],
                channel=CHANNELS[n % 4],
                profession="60" if n == 4 else "10",
                received_at=now - dt.timedelta(minutes=minutes),
                urgency=urgency,
                owner="Maud L" if n % 3 == 0 else "",
                proposal="Dr Essai, aujourd'hui, 15 h 20" if status == S.PROPOSED else "",
                alert="Sans réponse du Dr Modèle : à proposer de nouveau" if n == 2 else "",
                resident_id=None,
                circle="",
                deadline=None,
            )
        )
    return rows


def _ranked(areas):
    return tuple(
        Candidate(
            professional_id=40 + n,
            name=name,
            job="Médecine générale",
            commune=areas[place].name,
            insee=areas[place].insee,
            phone="0199000040",
            rank=n + 1,
            travel_text=travel,
            reasons=(f"premier créneau à {hours[0]}", "2 demandes acceptées en 30 jours")
            if n
            else ("premier créneau à 14 h 20 (dans 35 min)", "médecin traitant du patient"),
            after=f"vient après {DOCTORS[n - 1][0]} : créneau 20 min plus tard" if n else "",
            slots=tuple(
                OfferedSlot(
                    id=100 * n + i,
                    label=label,
                    mode="on_agreement" if (n + i) % 3 == 0 else "bookable",
                    kind="office",
                    places_left=1 + i,
                )
                for i, label in enumerate(hours)
            ),
        )
        for n, (name, place, travel, hours) in enumerate(DOCTORS)
    )


def _current(now):
    commune = Commune(insee="71001", name="Montceau-les-Mines")
    return CareRequest(
        pk=1,
        number=112,
        reason="fever",
        note=REQUESTS[0][1],
        age_band="0-1",
        commune=commune,
        phone="0199000012",
        caller_name="la mère",
        received_at=now - dt.timedelta(minutes=47),
        resident=Resident(pk=3, given_name="Lou", family_name="Démo", commune=commune),
    )


SETTINGS = DeskSettings(first_deadline_hours=24, second_deadline_hours=48)


def board(*, now=None, count=10, selected=True, awaited=0):
    """What the board's view gives its template, of `count` requests."""
    now = now or timezone.now()
    drawing = made_up_map()
    rows = _rows(now, drawing.areas, count)
    queue = Queue(rows, [], {}, {}, SETTINGS, now, {}, now)
    found = Board(queue=queue, current=_current(now) if selected else None)
    ranked = _ranked(drawing.areas) if selected else ()
    left_out = Candidate(
        *(91, "Dr Zoé Factice", "Pédiatrie", "Torcy", "71004", ""),
        left_out="ne reçoit pas à cet âge",
    )
    matching = Matching(ranked, (left_out,)) if selected else None
    event = CareRequestEvent(at=now, kind="created", text="reçue du 15")
    return {
        "counts": [("À traiter", 6, ""), ("En attente de réponse", 2, ""), ("En alerte", 2, "bad")],
        "rows": rows,
        "queue": board_page.queue_of(queue, f"/c/{CPTS.slug}/snp/", 1 if selected else None),
        "mark": "",
        "board_url": f"/c/{CPTS.slug}/snp/",
        "new_url": f"/c/{CPTS.slug}/snp/nouvelle/",
        "current": found.current,
        "current_id": 1 if selected else None,
        "facts": desk.facts(found.current) if selected else {},
        "where": board_page.where(found.current, SETTINGS) if selected else {},
        "countered": [],
        "calls_to": CallTo.choices,
        "call_results": CallResult.choices,
        "fee_notes": {},
        "can": board_page.allowed(found.current) if selected else {},
        "proposals": [],
        "history": [event],
        "matching": matching,
        "awaited": awaited,
        "ranked": ranked,
        "ranked_list": board_page._ranked(ranked, bool(awaited), ()) if ranked else "",
        "givers": AgreementGiver.choices,
        "refusals": RefusalReason.choices,
        "left_out": matching.left_out_groups if matching else (),
        "kinds": dict(CareKind.choices),
        "professions": dict(Profession.choices),
        "map": drawing,
        "pins": board_page.pins(rows, found.current, ranked, drawing, "/"),
        "lines": board_page.lines(found.current, ranked, drawing),
        "board_version": 12,
    }


def draw(
    template, context, *, actor=DISPATCHER, user="Maud Démo", fragment=False, at="/", is_demo=True
):
    jinja._mark["demo"] = is_demo
    headers = {"HX-Request": "true"} if fragment else {}
    request = RequestFactory().get(at, headers=headers)
    request.user, request.actor, request.cpts = Person(user), actor, CPTS
    if user is None:
        request.user, request.actor, request.cpts = NOBODY, Seated(""), None
    backend = engines["jinja2"]
    loader = ChoiceLoader([FileSystemLoader(HERE / "pages"), backend.env.loader])
    page = backend.env.overlay(loader=loader).get_template(template)
    try:
        return Template(page, backend).render(context, request)
    finally:
        jinja.forget_mark()


PLAIN_STATIC = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


def pages() -> dict[str, str]:
    """Name of each page of the gallery and its HTML."""
    with override_settings(STORAGES=PLAIN_STATIC):
        drawn = {"board": draw("snp/board.html", board(), at=f"/c/{CPTS.slug}/snp/")}
        for each in sorted((HERE / "pages").glob("[a-z]*.html")):
            drawn[each.stem] = draw(each.name, context_of(each.stem), **who_sees(each.stem))
    return drawn


def fragment(*, count, **changes) -> str:
    """What the board answers to one that asks "anything since?"."""
    with override_settings(STORAGES=PLAIN_STATIC):
        return draw("snp/_board.html", board(count=count) | changes, fragment=True)


def who_sees(name):
    if name in {"phone", "week"}:
        return {"actor": DOCTOR, "user": "Dr Anaïs Fictive", "at": f"/c/{CPTS.slug}/moi/"}
    if name in {"login", "proposal"}:
        return {"user": None}
    return {}


class Flags(forms.Form):
    flags = forms.ChoiceField(
        label="Signes constatés",
        choices=[("1", "Douleur dans la poitrine"), ("2", "Gêne à respirer"), ("0", "Aucun")],
        widget=forms.RadioSelect,
    )


class Wanted(forms.Form):
    profession = forms.ChoiceField(
        label="Profession demandée", choices=[("10", "Médecin"), ("60", "Infirmier")]
    )
    age = forms.ChoiceField(
        label="Âge",
        choices=[("a", "Nourrisson"), ("b", "Enfant"), ("c", "Adulte"), ("d", "70 ans et plus")],
        widget=forms.RadioSelect(attrs={"data-cards": True}),
    )
    note = forms.CharField(label="Précision", required=False, widget=forms.Textarea, max_length=200)
    can_travel = forms.BooleanField(label="Peut se déplacer", required=False)


class Called(forms.Form):
    phone = forms.CharField(label="Numéro à rappeler", help_text="Dix chiffres.", min_length=10)
    born = forms.DateField(
        label="Date de naissance", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


def context_of(name):
    asked = {
        "form": Flags(),
        "form2": Wanted({"profession": "10"}),
        "form3": Called({"phone": "123"}),
    }
    return {"areas": made_up_map()} | asked


def write(folder: Path):
    shutil.copytree(Path(settings.PACKAGE) / "kernel/static", folder / "static", dirs_exist_ok=True)
    for name, html in pages().items():
        (folder / f"{name}.html").write_text(html)
