"""What this database is: nothing yet, a demonstration, or real. Said once, never changed."""

from maillage.kernel.errors import DomainError
from maillage.kernel.models import Instance


def current() -> Instance | None:
    """The row of this database, None as long as nobody said what it is."""
    return Instance.objects.first()


def is_demo() -> bool:
    return Instance.objects.filter(is_demo=True).exists()


def declare(*, is_demo: bool) -> Instance:
    """Say what this database is. Raises DomainError when it was already said to be the other."""
    instance, _ = Instance.objects.get_or_create(pk=1, defaults={"is_demo": is_demo})
    if instance.is_demo != is_demo:
        kind = "une démonstration" if instance.is_demo else "une base réelle"
        raise DomainError(f"Cette base est déjà {kind} : choisissez un autre dossier avec VAR=.")
    return instance
