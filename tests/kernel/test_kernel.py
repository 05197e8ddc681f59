"""Properties of identifiers, transitions, pulse, what a database is, the key that holds a tenant."""

import pytest
from django.db import IntegrityError, models, transaction
from hypothesis import given
from hypothesis import strategies as st

from maillage.kernel import instance, pulse
from maillage.kernel.constraints import TenantForeignKey
from maillage.kernel.errors import DomainError, InvalidTransition
from maillage.kernel.identifiers import (
    fold,
    format_phone,
    is_mobile,
    is_rpps,
    is_rpps_shaped,
    luhn_is_valid,
    phone_digits,
)
from maillage.kernel.models import Beat, Instance, Pulse
from maillage.kernel.transitions import check_transition
from people import fake_rpps, make_cpts

# Identifiers


@given(st.from_regex(r"0[1-9][0-9]{8}", fullmatch=True))
def test_a_french_number_survives_its_own_format(digits):
    assert phone_digits(digits) == digits
    assert phone_digits(format_phone(digits)) == digits


@given(st.text(max_size=40))
def test_any_text_gives_a_number_or_nothing(text):
    digits = phone_digits(text)
    assert digits is None or digits.lstrip("+").isdigit()


@given(st.text(max_size=40))
def test_a_search_key_is_its_own_key(text):
    key = fold(text)
    assert fold(key) == key and key == key.strip() and key.isascii() and key == key.lower()


def test_mobiles():
    assert is_mobile("0639980001") and is_mobile("0700000000")
    assert not is_mobile("0353010000") and not is_mobile("+33639980001")


@given(st.integers(0, 10**9))
def test_one_digit_in_ten_makes_a_key_right(number):
    assert sum(luhn_is_valid(f"{number}{digit}") for digit in range(10)) == 1


@given(st.integers(0, 999_999))
def test_the_fictitious_numbers_are_nobodys(number):
    rpps = fake_rpps(number)
    assert rpps.startswith("9999") and is_rpps_shaped(rpps) and not is_rpps(rpps)


# Transitions


def test_a_move_the_table_forbids_is_refused_with_its_sentence():
    table = {"a": {"b"}, "b": set()}
    check_transition(table, "a", "b", sentence="Non.")
    with pytest.raises(InvalidTransition, match="Pas d'ici"):
        check_transition(table, "b", "a", sentence="Pas d'ici.")


# Pulse


@pytest.mark.django_db
def test_a_pulse_moves_once_for_each_cpts():
    one, two = make_cpts("une"), make_cpts("deux")
    assert pulse.version(one.pk) == 0
    pulse.bump(one.pk, two.pk, one.pk)
    first = pulse.version(one.pk)
    pulse.bump(one.pk)
    assert (pulse.version(one.pk), pulse.version(two.pk)) == (first + 1, first)
    assert Pulse.objects.count() == 2


@pytest.mark.django_db
def test_a_beat_is_the_last_sign_of_life():
    pulse.beat("clock")
    first = Beat.objects.get(name="clock").at
    pulse.beat("clock")
    assert Beat.objects.get().at >= first


# What a database is


@pytest.mark.django_db
def test_a_database_is_a_demonstration_or_real_once_and_for_all():
    assert instance.current() is None and not instance.is_demo()
    instance.declare(is_demo=True)
    assert instance.declare(is_demo=True).is_demo and instance.is_demo()
    with pytest.raises(DomainError, match="déjà une démonstration"):
        instance.declare(is_demo=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        Instance.objects.create(pk=2, is_demo=False)


# The key that holds a tenant


def test_a_tenant_key_survives_a_migration():
    key = TenantForeignKey(field="seat", name="x_same_cpts")
    path, args, kwargs = key.deconstruct()
    again = TenantForeignKey(*args, **kwargs)
    assert path.endswith(".TenantForeignKey") and again == key and hash(again) == hash(key)
    assert again != TenantForeignKey(field="other", name="x_same_cpts")
    assert key != models.UniqueConstraint(fields=["seat"], name="x_same_cpts")
