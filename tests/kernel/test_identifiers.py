"""Identifiers, numbers and search keys: hand-made cases."""

import pytest

from maillage.kernel.identifiers import (
    fold,
    format_phone,
    is_finess,
    is_insee,
    is_mobile,
    is_rpps,
    is_rpps_shaped,
    luhn_is_valid,
    phone_digits,
)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("03 53 01 00 00", "0353010000"),
        ("03.53.01.00.00", "0353010000"),
        ("+33 3 53 01 00 00", "0353010000"),
        ("+33 (0)3 53 01 00 00", "0353010000"),
        ("0033353010000", "0353010000"),
        ("+262 692 00 00 00", "0692000000"),
        ("+262 262 00 00 00", "0262000000"),
        ("+590 690 00 00 00", "0690000000"),
        ("06\u00a039\u202f98 00 00", "0639980000"),
        ("+32 2 555 12 12", "+3225551212"),
        ("353010000", None),
        ("0353", None),
        ("00 00 00 00 00", None),
        ("rappeler", None),
        ("", None),
    ],
)
def test_a_number_is_read_however_it_is_written(text, digits):
    assert phone_digits(text) == digits


def test_a_number_is_told_by_pairs():
    assert format_phone("0353010203") == "03\u00a053\u00a001\u00a002\u00a003"
    assert format_phone("+3225551212") == "+3225551212"
    assert is_mobile("0639980000")
    assert not is_mobile("0353010000")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Écuisses", "ecuisses"),
        ("L'Île-d'Yeu", "l ile d yeu"),
        ("  Saint–Vallier ", "saint vallier"),
        ("L\u2019Îsle", "l isle"),
        ("ŒUVRE", "oeuvre"),
        ("e\u0301te\u0301", "ete"),
        ("—", ""),
    ],
)
def test_a_key_forgets_accents_case_and_signs(text, key):
    assert fold(text) == key
    assert fold(fold(text)) == key


def test_luhn_by_hand():
    assert luhn_is_valid("79927398713")
    assert not any(luhn_is_valid(f"7992739871{n}") for n in range(10) if n != 3)


def test_a_key_of_an_rpps_is_more_than_its_shape():
    assert is_rpps_shaped("99990000001")
    assert not is_rpps_shaped("9999000001")
    assert is_rpps("79927398713")
    assert not is_rpps("79927398714")


def test_corsica_keeps_its_letters():
    assert is_insee("2A004")
    assert not is_insee("2a004")
    assert not is_insee("7130")
    assert is_finess("2A0000014")
    assert not is_finess("71000001")
