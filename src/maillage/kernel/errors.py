"""Expected refusals. Anything that is not a DomainError is a bug and is not caught."""


class DomainError(Exception):
    """An expected refusal; its message is a French sentence fit for the person who asked."""


class NotAllowed(DomainError):
    """The person may see the object but may not do this to it (answered 403)."""


class InvalidTransition(DomainError):
    """The object is not in a state from which this can be done."""
