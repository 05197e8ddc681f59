"""The public site of the main CPTS: the pages a coordinator would write first."""

from maillage.accounts.rules import SYSTEM
from maillage.directory.models import Professional
from maillage.public.actions import create_page, publish_page, refuse_listing, set_site
from maillage.territory.models import Cpts

PAGES = (
    (
        "who",
        "Qui sommes-nous",
        (
            ("heading", "Notre projet, en trois lignes"),
            (
                "list",
                "Trouver un médecin traitant à ceux qui n'en ont pas\n"
                "Soigner dans la journée ce qui ne peut pas attendre\n"
                "Préparer ensemble les retours d'hôpital",
            ),
            ("callout", "Texte de démonstration : la vraie CPTS écrit le sien."),
        ),
    ),
    (
        "join",
        "Nous rejoindre",
        (
            ("paragraph", "Une réunion d'accueil se tient chaque trimestre."),
            ("list", "Un annuaire partagé\nDes remplaçants\nDes soins non programmés organisés"),
        ),
    ),
    (
        "legal",
        "Mentions légales",
        (
            ("paragraph", "Éditeur : la CPTS. Directeur de la publication : nom fictif."),
            ("paragraph", "Hébergement : à compléter par la CPTS."),
        ),
    ),
    (
        "legal",
        "Accessibilité",
        (("paragraph", "Déclaration à compléter par la CPTS après un audit."),),
    ),
)


def public_site(cpts: Cpts) -> None:
    """Open the site of the CPTS, in its scope; one professional chose not to be shown."""
    host = f"{cpts.slug}.example"
    set_site(
        by=SYSTEM,
        cpts=cpts,
        version=1,
        is_open=True,
        lists_professionals=True,
        summary="Les professionnels de santé du territoire, ensemble pour mieux vous soigner.",
        email=f"contact@{host}",
        rights_contact="Délégué à la protection des données",
        rights_email=f"droits@{host}",
    )
    for kind, title, said in PAGES:
        blocks = [{"kind": block, "text": text} for block, text in said]
        page = create_page(by=SYSTEM, cpts=cpts, kind=kind, title=title, blocks=blocks)
        publish_page(by=SYSTEM, page=page, number=1)
    last = Professional.objects.filter(cpts_records__cpts=cpts).order_by("pk").last()
    refuse_listing(by=SYSTEM, cpts=cpts, professional=last)
