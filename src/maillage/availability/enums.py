"""Words of availability."""

from django.db import models


class BookingMode(models.TextChoices):
    BOOKABLE = "bookable", "réservable"  # the dispatcher books, the professional is told
    ON_AGREEMENT = "on_agreement", "sur accord"  # the professional is asked


class Audience(models.TextChoices):
    """Who may see a slot: a set of these (codes of TRE_R314-TypeCreneau, ANS)."""

    PUBLIC = "PUBLIC", "tout public"
    PRO = "PRO", "professionnels"
    SNP = "SNP", "soins non programmés"
    CPTS = "CPTS", "membres de la CPTS"


class Weekday(models.IntegerChoices):
    MONDAY = 0, "lundi"
    TUESDAY = 1, "mardi"
    WEDNESDAY = 2, "mercredi"
    THURSDAY = 3, "jeudi"
    FRIDAY = 4, "vendredi"
    SATURDAY = 5, "samedi"
    SUNDAY = 6, "dimanche"


class AbsenceReason(models.TextChoices):
    """Never health: what a colleague may know."""

    AWAY = "away", "absence"
    LEAVE = "leave", "congé"
    TRAINING = "training", "formation"
    FULL_DAY = "full_day", "journée complète"


class BookingState(models.TextChoices):
    HELD = "held", "retenue"
    TAKEN = "taken", "prise"
    RELEASED = "released", "libérée"


LIVE = (BookingState.HELD, BookingState.TAKEN)

BOOKING_TRANSITIONS: dict[str, frozenset[str]] = {
    BookingState.HELD: frozenset({BookingState.TAKEN, BookingState.RELEASED}),
    BookingState.TAKEN: frozenset({BookingState.RELEASED}),
    BookingState.RELEASED: frozenset(),
}

HORIZON_DAYS = 14
CAPACITY_MAX = 50
SLOT_MINUTES_MIN, SLOT_MINUTES_MAX = 5, 480


class QuickAnswer(models.TextChoices):
    """What a professional says in two taps from a phone."""

    HOUR = "hour", "Dans l'heure"
    AFTERNOON = "afternoon", "Cet après-midi"
    EVENING = "evening", "Ce soir"
    TWO_MORE = "two_more", "Deux de plus aujourd'hui"
    NOT_TODAY = "not_today", "Pas aujourd'hui"


# Wall-clock bounds (minutes) and places of each quick answer; HOUR is counted from now.
QUICK_WINDOWS = {
    QuickAnswer.AFTERNOON: (13 * 60, 18 * 60, 1),
    QuickAnswer.EVENING: (18 * 60, 20 * 60, 1),
    QuickAnswer.TWO_MORE: (0, 20 * 60, 2),
}


class PauseUntil(models.TextChoices):
    """How long a professional asks for nothing more to come."""

    EVENING = "evening", "Jusqu'à ce soir"
    MONDAY = "monday", "Jusqu'à lundi"
    DAY = "day", "Jusqu'à une date"
    RESUMED = "resumed", "Jusqu'à ce que je reprenne"
