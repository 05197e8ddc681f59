"""National identifiers, telephone numbers and search keys. Pure checks, no lookup.

Formats: RPPS 11 digits, FINESS 9 characters, INSEE commune code 5 characters (2A/2B for Corsica),
all kept as text. Source: interoperability framework of the Agence du numérique en santé.
"""

import re
import unicodedata


def luhn_is_valid(digits: str) -> bool:
    total = 0
    for position, char in enumerate(reversed(digits)):
        n = int(char) * (1 + position % 2)
        total += n - 9 if n > 9 else n
    return total % 10 == 0


def is_rpps_shaped(value: str) -> bool:
    """Eleven digits. The key is only a warning: official examples of the ANS fail it."""
    return re.fullmatch(r"[0-9]{11}", value) is not None


def is_rpps(value: str) -> bool:
    return is_rpps_shaped(value) and luhn_is_valid(value)


def is_finess(value: str) -> bool:
    return re.fullmatch(r"[0-9][0-9AB][0-9]{7}", value) is not None


def is_finess_key_right(value: str) -> bool:
    """The last digit is a Luhn key; 2A and 2B (Corsica) count as 21 and 22.

    Holds for each of the 95 333 numbers of the national file of January 2021. Only a warning.
    """
    return is_finess(value) and luhn_is_valid(value.replace("A", "1").replace("B", "2"))


def is_insee(value: str) -> bool:
    return re.fullmatch(r"[0-9][0-9AB][0-9]{3}", value) is not None


def fold(text: str) -> str:
    """Search key of a text: no accent, lower case, words of letters and digits joined by spaces.

    >>> fold("L'Île-d'Yeu  ŒUVRE")
    'l ile d yeu oeuvre'
    """
    text = text.lower().replace("œ", "oe").replace("æ", "ae")
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(re.findall(r"[a-z0-9]+", plain))


def phone_digits(text: str) -> str | None:
    """French number as its ten digits ("0385000000"), an international one as "+…", else None.

    The codes of the overseas départements (262, 590, 594, 596) come back to their ten digits too.
    """
    digits = re.sub(r"[\s.\-()/\u00a0\u202f]", "", text)
    french = re.fullmatch(r"(?:\+|00)(?:33|262|590|594|596)0?([1-9][0-9]{8})", digits)
    if french:
        return "0" + french[1]
    if re.fullmatch(r"0[1-9][0-9]{8}", digits):
        return digits
    if re.fullmatch(r"(\+|00)[1-9][0-9]{6,14}", digits):
        return "+" + digits.removeprefix("00").lstrip("+")
    return None


def format_phone(digits: str) -> str:
    """ "03 85 00 00 00" for ten digits; anything else unchanged."""
    if re.fullmatch(r"0[0-9]{9}", digits):
        return "\u00a0".join(digits[i : i + 2] for i in range(0, 10, 2))
    return digits


def is_mobile(digits: str) -> bool:
    return digits[:2] in {"06", "07"}
