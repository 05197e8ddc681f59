"""What the coordinator types: the words of the site, pages as a list of blocks, pictures.

A page is written without a script: buttons of the form add, move and drop a block, and the page comes
back with what was typed.
"""

from dataclasses import dataclass
from uuid import uuid4

from django import forms

from maillage.directory.enums import Language
from maillage.kernel.errors import LostUpdate
from maillage.kernel.fields import DateField, PhoneField, VersionedForm
from maillage.kernel.identifiers import phone_digits
from maillage.kernel.pictures import BYTES_MAX
from maillage.medecin_traitant.enums import HOUSEHOLD_MAX, NO_LIMIT, TRIPS, Answer
from maillage.public.enums import BLOCKS_MAX, MINUTES, TEXT_MAX, URL_MAX, BlockKind, PageKind
from maillage.public.models import PublicPageVersion, PublicSite


class SiteForm(VersionedForm):
    is_open = forms.BooleanField(label="Le site est ouvert au public", required=False)
    lists_professionals = forms.BooleanField(
        label="Montrer l'annuaire",
        required=False,
        help_text="Nom, profession, lieu et téléphone du cabinet, sauf de ceux qui ont refusé.",
    )
    summary = forms.CharField(
        label="La CPTS en une phrase",
        required=False,
        max_length=160,
        help_text="Lue sous le nom du site dans les moteurs de recherche.",
    )
    address = forms.CharField(label="Adresse postale", required=False, max_length=200)
    phone = forms.CharField(
        label="Téléphone de la CPTS",
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"type": "tel"}),
        help_text="Celui du secrétariat, pas un numéro pour être soigné.",
    )
    email = forms.EmailField(label="Courriel de la CPTS", required=False, max_length=254)
    rights_contact = forms.CharField(
        label="À qui écrire pour ses droits",
        required=False,
        max_length=120,
        help_text="Par exemple « Délégué à la protection des données ».",
    )
    rights_email = forms.EmailField(
        label="Courriel pour exercer ses droits", required=False, max_length=254
    )

    def clean_phone(self):
        text = self.cleaned_data["phone"]
        if text and phone_digits(text) is None:
            raise forms.ValidationError("Ce n'est pas un numéro de téléphone français.")
        return phone_digits(text) if text else ""

    @classmethod
    def of(cls, site: PublicSite | None) -> "SiteForm":
        site = site or PublicSite()
        return cls(initial={name: getattr(site, name) for name in cls.base_fields})


class FindForm(forms.Form):
    """What a visitor looks for."""

    profession = forms.ChoiceField(label="Profession", required=False)
    commune = forms.ChoiceField(label="Près de", required=False)
    minutes = forms.TypedChoiceField(
        label="Au plus",
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "peu importe"), *MINUTES],
    )

    def __init__(self, data, *, professions, communes):
        super().__init__(data, auto_id="find-%s")
        self.fields["profession"].choices = [("", "toutes"), *professions]
        self.fields["commune"].choices = [
            ("", "toutes les communes"),
            *((each.pk, each.name) for each in communes),
        ]
        for field in self.fields.values():
            field.widget.attrs["data-asked"] = True


class AskForm(forms.Form):
    """Somebody looks for a médecin traitant: what the CPTS asks, and no more."""

    form_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    family_name = forms.CharField(label="Nom", max_length=80)
    given_name = forms.CharField(label="Prénom", max_length=80)
    birth_date = DateField(label="Date de naissance")
    phone = PhoneField(label="Téléphone", help_text="La CPTS vous rappelle à ce numéro.")
    commune = forms.ChoiceField(
        label="Commune", error_messages={"required": "Choisissez la commune."}
    )
    household_size = forms.IntegerField(
        label="Combien de personnes du foyer n'ont pas de médecin traitant\N{NO-BREAK SPACE}?",
        min_value=1,
        max_value=HOUSEHOLD_MAX,
        initial=1,
    )
    can_travel = forms.TypedChoiceField(
        label="Pouvez-vous vous rendre au cabinet\N{NO-BREAK SPACE}?",
        choices=[("yes", "oui"), ("no", "non, il faut une visite à domicile")],
        coerce=lambda text: text == "yes",
        empty_value=True,
    )
    travel_minutes_max = forms.TypedChoiceField(
        label="Quel trajet acceptez-vous, au plus\N{NO-BREAK SPACE}?",
        required=False,
        choices=[("", NO_LIMIT), *TRIPS],
        coerce=int,
        empty_value=None,
        help_text="Un trajet plus court laisse moins de médecins possibles.",
    )
    ald = forms.ChoiceField(
        label="Êtes-vous en affection de longue durée (ALD)\N{NO-BREAK SPACE}?",
        required=False,
        choices=[("", "je préfère ne pas répondre"), *Answer.choices],
        help_text="Oui ou non, jamais laquelle. Sert seulement à l'ordre des demandes.",
    )
    c2s = forms.ChoiceField(
        label="Avez-vous la C2S ou l'AME\N{NO-BREAK SPACE}?",
        required=False,
        choices=[("", "je préfère ne pas répondre"), *Answer.choices],
        help_text="Complémentaire santé solidaire, aide médicale de l'État.",
    )
    language = forms.ChoiceField(
        label="Langue souhaitée", required=False, choices=[("", "français"), *Language.choices]
    )
    last_doctor = forms.CharField(label="Dernier médecin", required=False, max_length=120)
    email = forms.EmailField(
        label="Adresse électronique",
        required=False,
        max_length=254,
        help_text="La CPTS y écrit où en est votre demande, quand elle ne peut pas envoyer de SMS.",
    )
    sms_allowed = forms.BooleanField(label="J'accepte un SMS avec le lien de suivi", required=False)

    def __init__(self, data=None, *, communes, settings):
        super().__init__(data)
        self.fields["commune"].choices = [("", "Choisir…"), *communes]
        for name in ("ald", "c2s", "language", "last_doctor"):
            if not getattr(settings, f"asks_{name}"):
                del self.fields[name]


class ImageForm(forms.Form):
    name = forms.CharField(
        label="Nom de l'image", max_length=120, help_text="Pour la retrouver ; il n'est pas montré."
    )
    file = forms.FileField(
        label="Fichier",
        help_text=f"PNG ou JPEG, {BYTES_MAX // 1000} ko au plus. Le lieu, la date et l'appareil "
        "qu'elle contiendrait sont retirés.",
        widget=forms.ClearableFileInput(attrs={"accept": "image/png,image/jpeg"}),
    )


class KindForm(forms.Form):
    """A new page: what it is for."""

    kind = forms.ChoiceField(label="Sorte de page", choices=PageKind.choices)

    def __init__(self, data=None, *, taken):
        super().__init__(data)
        self.fields["kind"].choices = [pair for pair in PageKind.choices if pair[0] not in taken]


class HeadForm(VersionedForm):
    """Title and summary; `version` is the number of the version that was read."""

    title = forms.CharField(label="Titre de la page", max_length=120)
    summary = forms.CharField(
        label="Résumé en une phrase",
        required=False,
        max_length=160,
        help_text="Lu dans les moteurs de recherche.",
    )


WORDS = {
    BlockKind.LIST: ("Liste", "Une ligne par point."),
    BlockKind.LINK: ("Texte du lien", "Dit où il mène : « Prendre rendez-vous », pas « ici »."),
    BlockKind.IMAGE: (
        "Ce que montre l'image",
        "Lu à voix haute à qui ne la voit pas. Obligatoire.",
    ),
}
LONG = {BlockKind.PARAGRAPH, BlockKind.LIST, BlockKind.CALLOUT}


class BlockForm(forms.Form):
    """One block; its kind says which fields it has."""

    kind = forms.ChoiceField(choices=BlockKind.choices, widget=forms.HiddenInput)
    text = forms.CharField()
    url = forms.CharField(label="Adresse du lien", max_length=URL_MAX, help_text="https://…")
    image = forms.TypedChoiceField(label="Image", coerce=int)

    def __init__(self, data=None, *, kind, images, **kwargs):
        super().__init__(data, **kwargs)
        self.kind = kind
        label, hint = WORDS.get(kind, (BlockKind(kind).label, ""))
        text = self.fields["text"]
        text.label, text.help_text, text.max_length = label, hint, TEXT_MAX[kind]
        text.widget = forms.Textarea(attrs={"rows": 4}) if kind in LONG else forms.TextInput()
        self.fields["image"].choices = [("", "choisir"), *((each.pk, each.name) for each in images)]
        if kind != BlockKind.LINK:
            del self.fields["url"]
        if kind != BlockKind.IMAGE:
            del self.fields["image"]

    def block(self) -> dict:
        given = self.cleaned_data
        return {"kind": self.kind, "text": given["text"]} | {
            name: given[name] for name in ("url", "image") if name in given
        }


@dataclass
class PageDraft:
    """A page being written: its title, its blocks in order, and what the buttons ask."""

    head: HeadForm
    blocks: list[BlockForm]

    @classmethod
    def of(cls, version: PublicPageVersion | None, images) -> "PageDraft":
        if version is None:
            return cls(HeadForm(initial={"version": 0}), [])
        head = HeadForm(
            initial={
                "title": version.title,
                "summary": version.summary,
                "version": version.number,
            }
        )
        return cls(head, [_block(n, each, images) for n, each in enumerate(version.blocks)])

    @classmethod
    def typed(cls, data, images) -> "PageDraft":
        """What was posted; the blocks are those whose kind is known."""
        blocks, kinds = [], set(BlockKind.values)
        for n in range(BLOCKS_MAX + 1):
            kind = data.get(f"b{n}-kind")
            if kind is None:
                break
            if kind in kinds:
                blocks.append(BlockForm(data, kind=kind, images=images, prefix=f"b{n}"))
        return cls(HeadForm(data), blocks)

    def is_valid(self) -> bool:
        return all([self.head.is_valid(), *(each.is_valid() for each in self.blocks)])

    def words(self) -> dict:
        given = self.head.cleaned_data
        return {
            "title": given["title"],
            "summary": given["summary"],
            "blocks": [each.block() for each in self.blocks],
        }

    @property
    def number(self) -> int:
        return self.head.cleaned_data["version"]

    def changed(self, asked: str, images) -> "PageDraft":
        """The same words after a button: "add:list", "up:3", "down:0", "drop:2"."""
        verb, _, what = asked.partition(":")
        said = [
            {name: each.data.get(f"{each.prefix}-{name}", "") for name in ("text", "url", "image")}
            | {"kind": each.kind}
            for each in self.blocks
        ]
        at = int(what) if what.isascii() and what.isdigit() and len(what) < 4 else -1
        if verb == "add" and what in BlockKind.values and len(said) < BLOCKS_MAX:
            said.append({"kind": what})
        elif verb == "drop" and 0 <= at < len(said):
            said.pop(at)
        elif verb in {"up", "down"} and 0 <= at < len(said):
            to = max(0, min(len(said) - 1, at + (1 if verb == "down" else -1)))
            said.insert(to, said.pop(at))
        head = HeadForm(initial={name: self.head.data.get(name, "") for name in self.head.fields})
        return PageDraft(head, [_block(n, each, images) for n, each in enumerate(said)])

    def keep(self, conflict: LostUpdate) -> None:
        self.head.keep(conflict)


def _block(n: int, said: dict, images) -> BlockForm:
    return BlockForm(kind=said["kind"], images=images, prefix=f"b{n}", initial=said)
