"""Expected refusals. Anything that is not a DomainError is a bug and is not caught."""


class DomainError(Exception):
    """An expected refusal; its message is a French sentence fit for the person who asked."""


class NotAllowed(DomainError):
    """The person may see the object but may not do this to it (answered 403)."""


class Unchanged(DomainError):
    """What is asked stands already, word for word: nothing is written a second time."""


class LostUpdate(DomainError):
    """A colleague changed the record in the meantime. `differences`: (field, theirs, yours)."""

    def __init__(self, version: int, differences: list[tuple[str, str, str]]) -> None:
        self.version, self.differences = version, differences
        told = " ; ".join(
            f"{label} : enregistré « {theirs} », vous avez saisi « {yours} »"
            for label, theirs, yours in differences
        )
        super().__init__(
            f"Cette fiche a été modifiée pendant que vous l'écriviez, rien n'est perdu. {told}."
        )


class InvalidTransition(DomainError):
    """The object is not in a state from which this can be done."""
