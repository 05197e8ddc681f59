"""The look with made-up data: each page of `pages/` and the real board, drawn without a database."""

import datetime as dt
import math
import random
import shutil
from pathlib import Path
from types import SimpleNamespace as Row

from django.conf import settings
from django.template import engines
from django.template.backends.jinja2 import Template
from django.test import RequestFactory, override_settings
from django.urls import include, path
from django.utils import timezone
from jinja2 import ChoiceLoader, FileSystemLoader

from maillage.config import jinja

HERE = Path(__file__).parent


def served(request, **kwargs):
    raise NotImplementedError


def _names(app, **names):
    return path("", include(([path(at, served, name=name) for name, at in names.items()], app)))


app_name = None
urlpatterns = [
    _names("snp", board="c/<slug:cpts>/snp/", settings="c/<slug:cpts>/snp/reglages/"),
    _names("availability", mine="c/<slug:cpts>/moi/", week="c/<slug:cpts>/disponibilites/"),
    _names("directory", list="c/<slug:cpts>/annuaire/"),
    _names("residents", search="c/<slug:cpts>/habitants/"),
    _names("territory", page="c/<slug:cpts>/territoire/"),
    _names("accounts", seats="c/<slug:cpts>/roles/", shortcuts="raccourcis/"),
    _names("home", start="", seats="mes-roles/"),
    path("login/", served, name="account_login"),
    path("logout/", served, name="account_logout"),
    path("mot-de-passe/", served, name="account_change_password"),
]

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
    "Le Creusot", "Montceau-les-Mines", "Blanzy", "Saint-Vallier", "Torcy", "Montchanin", "Le Breuil",
    "Génelard", "Gourdon", "Sanvignes-les-Mines", "Ciry-le-Noble", "Montcenis", "Écuisses", "Perrecy",
    "Saint-Eusèbe", "Les Bizots", "Marmagne", "Pouilloux", "Saint-Sernin", "Charmoy", "Perreuil", "Essertenne",
    "Morey", "Marigny", "Mary", "Gourdon-Haut", "Collonge", "Saint-Bérain", "Saint-Julien", "Saint-Laurent",
    "Saint-Micaud", "Saint-Pierre", "Saint-Romain", "Saint-Firmin",
)  # fmt: skip


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
    return Row(width=1020, height=1020, areas=areas, is_approximate=True)


REQUESTS = (
    ("Fièvre", "39,5 depuis deux jours, pas de véhicule", "Nourrisson (moins de 2 ans)", 3, 47, "À traiter", "info"),
    ("Mal de dos", "bloqué depuis ce matin", "Adulte (16 à 69 ans)", 3, 38, "Proposée", "warn"),
    ("Plaie, pansement", "main, à suturer", "Adulte (16 à 69 ans)", 2, 31, "À traiter", "info"),
    ("Gêne urinaire", "", "Adulte (16 à 69 ans)", 2, 23, "À traiter", "info"),
    ("Chute, coup, entorse", "surveillance de plaie", "70 ans et plus", 2, 16, "Acceptée", "ok"),
    ("Oreille", "", "Enfant de 6 à 15 ans", 1, 12, "Proposée", "warn"),
    ("Traitement à renouveler", "dernier comprimé ce soir", "Adulte (16 à 69 ans)", 1, 7, "À traiter", "info"),
    ("Peau, bouton, piqûre", "", "Enfant de 2 à 5 ans", 1, 4, "Patient informé", "ok"),
    ("Toux, rhume, gorge", "", "Adulte (16 à 69 ans)", 1, 1, "À traiter", "info"),
    ("Mal-être", "rappeler après 17 h", "Adulte (16 à 69 ans)", 1, 1, "À traiter", "info"),
)  # fmt: skip
CHANNELS = ("15 / SAS", "Pharmacien", "Patient ou proche", "Professionnel")
PROS = (
    ("Dr Anaïs Fictive", "Médecine générale", 1, "env. 6 min", "cabinet, domicile", ("14 h 20", "14 h 40", "16 h 10")),
    ("Dr Paul Exemple", "Médecine générale", 1, "env. 6 min", "cabinet", ("14 h 40", "15 h")),
    ("Dr Inès Modèle", "Médecine générale", 0, "env. 14 min", "cabinet", ("14 h 30", "15 h 30", "15 h 45", "17 h")),
    ("Dr Yann Essai", "Médecine générale", 2, "env. 9 min", "cabinet, téléconsultation", ("15 h 20",)),
    ("Dr Claire Specimen", "Médecine générale", 1, "env. 6 min", "cabinet", ("16 h", "16 h 20")),
    ("Dr Luc Fantaisie", "Médecine générale", 9, "env. 16 min", "cabinet", ("16 h 30",)),
)  # fmt: skip


def _rows(now, area):
    rows = []
    for n, (reason, note, age, urgency, minutes, label, tone) in enumerate(REQUESTS):
        rows.append(
            {
                "id": n + 1, "number": 112 + n, "reason": reason, "reason_note": note, "age_band": age,
                "commune": area[(n * 5 + 1) % 14].name, "status": "new", "status_label": label,
                "status_tone": tone, "channel": CHANNELS[n % 4], "kind": "domicile" if n == 4 else "",
                "profession": "Infirmier" if n == 4 else "Médecin", "urgency": urgency, "late": urgency == 3,
                "received_at": now - dt.timedelta(minutes=minutes), "owner": "M. L." if n % 3 == 0 else "",
                "proposal": "Dr Essai, 15 h 20, répond avant 14 h 05" if label == "Proposée" else "",
                "alert": "sans réponse du Dr Modèle, à proposer de nouveau" if n == 2 else "",
                "selected": n == 0, "url": f"?demande={n + 1}",
            }
        )  # fmt: skip
    return rows


def _ranked():
    return [
        {
            "rank": n + 1, "professional_id": 40 + n, "name": name, "job": job, "commune": COMMUNES[place],
            "travel_text": travel, "kinds": kinds, "phone": "0199000040" if n == 0 else "",
            "reasons": [f"premier créneau à {slots[0]}", "2 demandes acceptées en 30 jours"]
            if n else ["premier créneau à 14 h 20 (dans 35 min)", "médecin traitant du patient"],
            "after": f"vient après {PROS[n - 1][0]} : créneau 20 min plus tard" if n else "", "load": "",
            "slots": [
                {"id": 100 * n + i, "label": label, "mode": "bookable" if (n + i) % 3 else "on_agreement",
                 "places_left": 1 + i, "kind_label": "cabinet" if i == 0 else ""}
                for i, label in enumerate(slots)
            ],
        }
        for n, (name, job, place, travel, kinds, slots) in enumerate(PROS)
    ]  # fmt: skip


def board(*, now=None, selected=True):
    now = now or timezone.now()
    drawing = made_up_map()
    rows = _rows(now, drawing.areas)
    by_name = {area.name: area for area in drawing.areas}
    pins = [
        {"x": area.label_x, "y": area.label_y, "insee": area.insee, "kind": "request", "rank": 0,
         "tone": row["urgency"], "selected": row["selected"], "url": row["url"], "label": row["reason"]}
        for row in rows for area in [by_name[row["commune"]]]
    ]  # fmt: skip
    pins += [
        {"x": area.label_x, "y": area.label_y, "insee": area.insee, "kind": "professional", "url": "",
         "tone": 0, "selected": False, "rank": p["rank"], "label": f"{p['rank']}. {p['name']}"}
        for p in _ranked() for area in [by_name[p["commune"]]]
    ]  # fmt: skip
    first = by_name[rows[0]["commune"]]
    lines = [
        {"x1": first.label_x, "y1": first.label_y, "x2": pin["x"], "y2": pin["y"]}
        for pin in pins
        if pin["kind"] == "professional" and pin["rank"] <= 3 and pin["insee"] != first.insee
    ]
    can = dict.fromkeys(("take", "edit", "agreement", "cancel", "handover"), True)
    current = {
        "id": 1, "number": 112, "reason": "Fièvre", "note": "39,5 depuis deux jours, pas de véhicule",
        "age_band": "Nourrisson (moins de 2 ans)", "commune": rows[0]["commune"], "phone": "0199000012",
        "caller": "la mère", "resident": {"id": 3, "name": "Lou Démo", "url": "#"}, "version": 3, "alert": "",
        "usual_doctor": "Dr Anaïs Fictive", "agreement": "oral, recueilli par M. L. à 13 h 41", "status": "new",
        "status_label": "À traiter", "status_tone": "info", "can": can, "received_at": rows[0]["received_at"],
        "history": [(now - dt.timedelta(minutes=47), "reçue du 15"), (now, "prise en charge par M. L.")],
    }  # fmt: skip
    return {
        "counts": [("Ouvertes", 10, ""), ("En retard", 2, "bad"), ("Proposées", 2, "warn"), ("Créneaux libres", 21, "")],
        "rows": rows, "current": current if selected else None, "ranked": _ranked() if selected else [],
        "left_out": [("Dr Zoé Factice", "Pédiatrie", "ne reçoit pas à cet âge"), ("Dr Max Bidon", "Médecine générale", "absent aujourd'hui")] if selected else [],
        "map": drawing, "pins": pins, "lines": lines, "board_version": 12, "new_url": "#",
        "forms": dict.fromkeys((*can, "propose"), "#"), "inform_attempts": [], "proposals": [],
    }  # fmt: skip


def draw(template, context, *, actor=DISPATCHER, user="Maud Démo", fragment=False, at="/"):
    headers = {"HX-Request": "true"} if fragment else {}
    request = RequestFactory().get(at, headers=headers)
    request.user, request.actor, request.cpts = Person(user), actor, CPTS
    if user is None:
        request.user, request.actor, request.cpts = NOBODY, Seated(""), None
    backend = engines["jinja2"]
    loader = ChoiceLoader([FileSystemLoader(HERE / "pages"), backend.env.loader])
    page = backend.env.overlay(loader=loader).get_template(template)
    return Template(page, backend).render(context, request)


PLAIN_STATIC = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}


def pages() -> dict[str, str]:
    """Name of each page of the gallery and its HTML."""
    jinja._mark["demo"] = True
    with override_settings(ROOT_URLCONF="tests.front.gallery", STORAGES=PLAIN_STATIC):
        drawn = {"board": draw("snp/board.html", board(), at=f"/c/{CPTS.slug}/snp/")}
        for each in sorted((HERE / "pages").glob("[a-z]*.html")):
            drawn[each.stem] = draw(each.name, context_of(each.stem), **who_sees(each.stem))
    return drawn


def who_sees(name):
    if name in {"phone", "week"}:
        return {"actor": DOCTOR, "user": "Dr Anaïs Fictive", "at": f"/c/{CPTS.slug}/moi/"}
    if name == "login":
        return {"user": None}
    return {}


def context_of(name):
    return {"areas": made_up_map(), "pi": math.pi}


def write(folder: Path):
    shutil.copytree(Path(settings.PACKAGE) / "kernel/static", folder / "static", dirs_exist_ok=True)
    for name, html in pages().items():
        (folder / f"{name}.html").write_text(html)
