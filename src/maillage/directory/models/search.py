"""What the national search looks in: written with each record, never by hand."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from maillage.directory.models.professionals import Professional
from maillage.kernel.models import NATIONAL
from maillage.kernel.retention import Retention, RetentionClass, nobody


class ProfessionalWord(models.Model):
    """A word a professional is found by: of the name, folded, or a telephone number."""

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(
        kind=RetentionClass.DIRECTORY, part_of="professional"
    )

    professional = models.ForeignKey(Professional, on_delete=models.CASCADE, related_name="words")
    word = models.CharField("mot", max_length=80)

    class Meta:
        constraints = [
            # In this order: the unique key is also how a word finds its people.
            models.UniqueConstraint(fields=["word", "professional"], name="professional_word_once"),
            models.CheckConstraint(condition=~Q(word=""), name="professional_word_is_one"),
        ]

    def __str__(self):
        return f"{self.word}: {self.professional_id}"


class WordKey(models.Model):
    """A key under which a word of some name is filed, so that a misspelt one meets it.

    The keys of a word depend on nothing else (`compute.spelling.keys`); those of a word that nobody
    bears any more may stay: they lead to nobody.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = nobody("mots de l'annuaire, sans lien avec une personne")

    key = models.CharField("clé", max_length=81)
    word = models.CharField("mot", max_length=80)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "word"], name="word_key_once"),
            models.CheckConstraint(condition=~Q(key="") & ~Q(word=""), name="word_key_is_whole"),
        ]

    def __str__(self):
        return f"{self.key}: {self.word}"
