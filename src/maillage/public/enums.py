"""Words of the public site: kinds of pages, kinds of blocks, what a visitor may ask of the list."""

from django.db import models


class PageKind(models.TextChoices):
    """What a page of the site is for; the visitor finds each kind at its own place."""

    URGENT = "urgent", "Soins qui ne peuvent pas attendre (première page)"
    WHO = "who", "Qui sommes-nous"
    FIND = "find", "Trouver un professionnel"
    JOIN = "join", "Nous rejoindre"
    RIGHTS = "rights", "Vos droits"
    LEGAL = "legal", "Page légale"
    FREE = "free", "Page libre"


# One page of each at most: it completes a page that exists anyway. The others have their own address.
COMPLETES = (PageKind.URGENT, PageKind.WHO, PageKind.FIND, PageKind.JOIN, PageKind.RIGHTS)


class BlockKind(models.TextChoices):
    """What a page is made of, one under the other."""

    HEADING = "heading", "Titre"
    PARAGRAPH = "paragraph", "Paragraphe"
    LIST = "list", "Liste"
    LINK = "link", "Lien"
    IMAGE = "image", "Image"
    CALLOUT = "callout", "Encadré"


# Characters of each text; an empty one is refused.
TEXT_MAX = {
    BlockKind.HEADING: 120,
    BlockKind.PARAGRAPH: 3000,
    BlockKind.LIST: 3000,
    BlockKind.LINK: 160,
    BlockKind.IMAGE: 250,
    BlockKind.CALLOUT: 1000,
}
BLOCKS_MAX = 60
URL_MAX = 500
SCHEMES = ("http", "https", "mailto", "tel")

# How far, by road, from the commune chosen.
MINUTES = ((0, "dans la commune"), (15, "à 15 minutes"), (30, "à 30 minutes"), (45, "à 45 minutes"))
