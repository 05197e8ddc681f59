"""What the resident accepts: the longest trip, the doctors wanted or not. Hard, explained, never why."""

import pytest
from test_mt_matching import who
from test_mt_pages import TYPED, at, text
from test_mt_requests import link_of

from factories import BLANZY, GENELARD, MONDAY, MONTCEAU, make_doctor
from maillage.accounts.enums import Role
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import Attribution, DoctorRequest, DoctorWish
from maillage.rights.actions.purge import empty
from maillage.rights.queries import held_on
from maillage.territory import queries as territory
from maillage.territory.models import Commune
from people import actor_as, sign_in

TODAY = MONDAY.date()


@pytest.fixture
def far_minutes():
    """From Génelard to the doctor of Montceau."""
    return territory.travel_minutes(GENELARD, [MONTCEAU])[MONTCEAU].minutes


@pytest.fixture
def from_far(take):
    def record(**said):
        return take(commune=Commune.objects.get(pk=GENELARD), **said)

    return record


def left_of(matching):
    _, left = queries.explained(matching)
    return {each.doctor_request: (text_of(each.why), text_of(each.would_do)) for each in left}


def text_of(sentence):
    return sentence.replace("\u00a0", " ")


def propose(coordinator, made, doctor):
    return actions.propose_doctor(by=coordinator, doctor_request=made, professional=doctor)


def wish(desk, made, doctor, kind="never"):
    return actions.record_wish(by=desk, doctor_request=made, professional=doctor, kind=kind)


# The longest trip


def test_a_trip_longer_than_they_accept_is_never_proposed(
    from_far, doctor, offers, run, coordinator, settings_mt, far_minutes
):
    offers(doctor, per_month=3)
    assert 15 < far_minutes < settings_mt.travel_minutes_max
    free, exact, short = (
        from_far(travel_minutes_max=limit) for limit in (None, int(far_minutes) + 1, 15)
    )
    found = run()
    assert who(found) == {free.pk: doctor, exact.pk: doctor}
    why, would_do = left_of(found)[short]
    assert why == "1 médecin offre des places : 1 trop loin pour cette personne."
    assert would_do == (
        f"Une offre plus proche, ou un trajet accepté de {-int(-far_minutes // 1)} min."
    )
    candidates = [queries.candidates_for(each, settings_mt, TODAY) for each in (exact, short)]
    assert [[each.professional for each in found] for found in candidates] == [[doctor], []]
    with pytest.raises(actions.NotSuitable, match="15 minutes de trajet au plus"):
        propose(coordinator, short, doctor)
    assert propose(coordinator, exact, doctor).state == "sent"


def test_the_limit_of_the_person_never_widens_that_of_the_doctor(
    from_far, doctor, offers, run, coordinator, far_minutes
):
    offers(doctor, travel_minutes=int(far_minutes) - 1)
    made = from_far(travel_minutes_max=240)
    why, would_do = left_of(run())[made]
    assert (why, would_do) == (
        "1 médecin offre des places : 1 trop loin.",
        "Une offre plus proche.",
    )
    with pytest.raises(actions.NotSuitable, match="sa limite ou celle de la CPTS"):
        propose(coordinator, made, doctor)


def test_without_a_free_place_a_longer_trip_would_not_do(
    from_far, take, doctor, offers, run, settings_mt
):
    """What would place them is true: the doctor beyond their limit is full."""
    offers(doctor, per_month=1)
    near = take()
    made = from_far(travel_minutes_max=15)
    found = run()
    assert who(found) == {near.pk: doctor}
    assert left_of(found)[made][1] == "Une offre plus proche."
    offers(doctor, per_month=2)
    assert "un trajet accepté" in left_of(run())[made][1]


def test_who_cannot_travel_has_no_longest_trip(from_far, doctor, offers, run, coordinator):
    offers(doctor, home_visits=True)
    made = from_far(can_travel=False, travel_minutes_max=15)
    assert who(run()) == {made.pk: doctor}
    assert propose(coordinator, made, doctor).state == "sent"


def test_an_unknown_trip_is_not_too_long(take, doctor, offers, run, coordinator):
    offers(doctor)
    nowhere = Commune.objects.get(pk=BLANZY)
    Commune.objects.filter(pk=BLANZY).update(longitude=None, latitude=None)
    territory.forget_centres()
    made = take(commune=nowhere, travel_minutes_max=15)
    assert who(run()) == {made.pk: doctor}
    assert propose(coordinator, made, doctor).state == "sent"


@pytest.mark.parametrize("minutes", [4, 241, 0, -5])
def test_a_trip_out_of_bounds_is_refused_with_a_sentence(take, minutes):
    with pytest.raises(actions.Incomplete, match="de 5 à 240 minutes"):
        take(travel_minutes_max=minutes)


def test_the_longest_trip_is_typed_again_by_the_link_and_by_the_desk(take, desk):
    made = take(travel_minutes_max=30)
    for minutes, held in ((45, 45), (None, 45), (0, None), (0, None)):
        said = {"travel_minutes_max": minutes, "household_size": 2}
        made = actions.correct(by=link_of(made), doctor_request=made, **said)
        assert made.travel_minutes_max == held
    with pytest.raises(actions.Incomplete):
        actions.correct(by=desk, doctor_request=made, travel_minutes_max=300)
    assert actions.correct(by=desk, doctor_request=made, travel_minutes_max=5)
    lines = JournalLine.objects.filter(action="mt.corrected").order_by("pk")
    assert [line.data["fields"] for line in lines] == [
        ["household_size", "travel_minutes_max"],
        ["travel_minutes_max"],
        ["travel_minutes_max"],
    ]


def test_the_longest_trip_on_the_pages(client, cpts, settings_mt, take):
    sign_in(client, cpts, Role.DISPATCHER)
    assert "pas de limite" in text(client.get(at("new", cpts)))
    client.post(at("new", cpts), TYPED | {"travel_minutes_max": "45"})
    made = DoctorRequest.objects.get()
    assert made.travel_minutes_max == 45
    assert "45 min de trajet au plus" in text(client.get(at("request", cpts, made.pk)))
    client.post(at("correct", cpts, made.pk), {"travel_minutes_max": "0"})
    made.refresh_from_db()
    assert made.travel_minutes_max is None
    answer = client.post(at("correct", cpts, made.pk), {"travel_minutes_max": "7"})
    assert answer.status_code == 422
    link = queries.link_to_request(made).split("/", 3)[3]
    client.logout()
    client.post(f"/{link}", {"act": "correct", "travel_minutes_max": "60"})
    made.refresh_from_db()
    assert made.travel_minutes_max == 60


def test_a_professional_says_it_too(client, cpts, settings_mt):
    actor_as(cpts, Role.COORDINATOR)
    sign_in(client, cpts, Role.PROFESSIONAL)
    client.post(at("signal", cpts), TYPED | {"travel_minutes_max": "15"})
    assert DoctorRequest.objects.get().travel_minutes_max == 15


# Wanted, not wanted


def test_a_doctor_not_wanted_is_never_proposed(
    cpts, take, doctor, offers, run, desk, coordinator, settings_mt
):
    other = make_doctor(cpts)
    offers(doctor)
    offers(other)
    made = take()
    wish(desk, made, doctor)
    assert who(run()) == {made.pk: other}
    placed, _ = queries.explained(run())
    assert placed[0].others == [] and "Aucun autre" in placed[0].why_not
    chosen = run(choices={made.pk: doctor.pk})
    assert who(chosen) == {made.pk: other}  # a choice by hand does not pass over it
    found = queries.candidates_for(made, settings_mt, TODAY)
    assert [each.professional for each in found] == [other]
    with pytest.raises(actions.NotSuitable, match="ne souhaite pas ce médecin"):
        propose(coordinator, made, doctor)
    wish(desk, made, other)
    why, would_do = left_of(run())[made]
    assert why == "2 médecins offrent des places : 2 non souhaités."
    assert would_do == (
        "Une offre d'un autre médecin, ou que cette personne accepte un médecin non souhaité."
    )
    actions.remove_wish(by=desk, doctor_request=made, professional=doctor)
    assert who(run()) == {made.pk: doctor}
    assert propose(coordinator, made, doctor).state == "sent"


def test_only_the_doctors_wanted_are_proposed(cpts, take, doctor, offers, run, desk, coordinator):
    other, third = make_doctor(cpts), make_doctor(cpts)
    offers(doctor)
    offers(other)
    made, anybody = take(), take()
    wish(desk, made, third, "only")  # who offers nothing
    why, would_do = left_of(run())[made]
    assert why == "2 médecins offrent des places : 2 non souhaités."
    assert would_do.startswith("Une offre d'un médecin souhaité, ou que")
    assert set(who(run())) == {anybody.pk}
    with pytest.raises(actions.NotSuitable):
        propose(coordinator, made, doctor)
    wish(desk, made, other, "only")
    assert who(run())[made.pk] == other
    assert propose(coordinator, made, other).state == "sent"


def test_a_wish_moves_nobody_else(cpts, take, doctor, offers, run, desk):
    """As many are placed when somebody else can take the place."""
    other = make_doctor(cpts)
    offers(doctor, per_month=1)
    offers(other, per_month=1)
    first, second = take(), take()
    for made in (first, second):
        wish(desk, made, doctor)
        assert len(who(run())) == (2 if made == first else 1)
    assert len(left_of(run())) == 1


def test_one_kind_of_wish_only_doctors_and_only_while_open(cpts, take, doctor, desk, coordinator):
    made = take()
    with pytest.raises(actions.Incomplete, match="souhaité"):
        wish(desk, made, doctor, "maybe")
    wish(desk, made, doctor, "only")
    wish(desk, made, doctor, "only")
    assert DoctorWish.objects.count() == 1
    for other in (doctor, make_doctor(cpts)):
        with pytest.raises(actions.Incomplete, match="jamais les deux"):
            wish(desk, made, other, "never")
    nurse = make_doctor(cpts, profession="60", speciality="")
    with pytest.raises(actions.Incomplete, match="annuaire"):
        wish(desk, made, nurse, "only")
    for by in (coordinator, link_of(made), actor_as(cpts, Role.PROFESSIONAL)):
        with pytest.raises(NotAllowed):
            wish(by, made, doctor, "only")
        with pytest.raises(NotAllowed):
            actions.remove_wish(by=by, doctor_request=made, professional=doctor)
    actions.withdraw(by=desk, doctor_request=made)
    for act in (
        lambda: wish(desk, made, make_doctor(cpts), "only"),
        lambda: actions.remove_wish(by=desk, doctor_request=made, professional=doctor),
    ):
        with pytest.raises(actions.TooLate):
            act()


def test_a_wish_is_told_in_the_history_and_never_why(take, doctor, desk):
    made = take()
    wish(desk, made, doctor)
    actions.remove_wish(by=desk, doctor_request=made, professional=doctor)
    actions.remove_wish(by=desk, doctor_request=made, professional=doctor)
    told = [each.text for each in made.events.all()][-2:]
    assert told == [f"Médecin non souhaité : {doctor}.", f"Souhait retiré : {doctor}."]
    lines = JournalLine.objects.filter(action__startswith="mt.wish").order_by("pk")
    assert [line.action for line in lines] == ["mt.wish_recorded", "mt.wish_removed"]
    assert not any(line.data for line in lines)  # the journal outlives the request
    columns = {each.name for each in DoctorWish._meta.concrete_fields}
    assert columns == {"id", "cpts", "doctor_request", "professional", "kind", "merged_from"}


def test_not_wanting_the_doctor_already_asked_is_seen_until_they_are_taken_back(
    take, doctor, offers, desk, coordinator, run
):
    offers(doctor)
    made = take()
    sent = propose(coordinator, made, doctor)
    made = wish(desk, made, doctor)
    assert "retire cette proposition" in made.alert
    actions.accept_attribution(by=coordinator, attribution=sent)
    made.refresh_from_db()
    assert "retire cette proposition" in made.alert
    removed = actions.remove_wish(by=desk, doctor_request=made, professional=doctor)
    assert removed.alert == ""
    wish(desk, made, doctor)
    actions.take_back_attribution(by=coordinator, attribution=Attribution.objects.get())
    assert who(run()) == {}


def test_wishes_follow_a_merge_and_its_undo(cpts, take, doctor, offers, run, desk):
    other, third = make_doctor(cpts), make_doctor(cpts)
    offers(doctor)
    double, kept, last = take(), take(), take()
    wish(desk, double, doctor)
    wish(desk, double, other)
    wish(desk, kept, other)
    actions.merge(by=desk, doctor_request=double, into=kept)
    assert queries.wishes_of(kept).never == {doctor.pk, other.pk}
    assert kept.pk not in who(run())
    actions.merge(by=desk, doctor_request=kept, into=last)  # a double of a double
    assert queries.wishes_of(last).never == {doctor.pk, other.pk}
    kept.refresh_from_db()
    actions.unmerge(by=desk, doctor_request=kept)
    assert queries.wishes_of(last).never == set()
    wish(desk, kept, third)
    double.refresh_from_db()
    actions.unmerge(by=desk, doctor_request=double)
    assert queries.wishes_of(double).never == {doctor.pk, other.pk}
    assert queries.wishes_of(kept).never == {other.pk, third.pk}  # what was said there stays


def test_wishes_that_contradict_each_other_are_not_merged(take, doctor, desk):
    first, second = take(), take()
    wish(desk, first, doctor, "only")
    wish(desk, second, doctor, "never")
    with pytest.raises(actions.Incomplete, match="retirez les souhaits"):
        actions.merge(by=desk, doctor_request=first, into=second)
    first.refresh_from_db()
    assert first.state == "waiting"
    actions.remove_wish(by=desk, doctor_request=second, professional=doctor)
    actions.merge(by=desk, doctor_request=first, into=second)
    assert queries.wishes_of(second).only == {doctor.pk}


def test_wishes_are_told_to_who_asks_and_erased_with_the_request(take, doctor, desk, clock):
    made = take()
    wish(desk, made, doctor)
    told = {each.title: each.rows for each in held_on(made.resident)}
    assert ("médecin", str(doctor)) in told["Médecins souhaités ou non"][0]
    empty(DoctorRequest, [made.pk], now=clock.now)
    assert not DoctorWish.objects.exists()


def test_wishes_on_the_pages(client, cpts, take, doctor, settings_mt, coordinator):
    other = make_doctor(cpts)
    made = take()
    sign_in(client, cpts, Role.DISPATCHER)
    page = at("request", cpts, made.pk)
    assert "Noter ce souhait" in text(client.get(page))
    said = {"professional": doctor.pk, "kind": "never"}
    assert "Le souhait est noté" in text(client.post(at("wish", cpts, made.pk), said, follow=True))
    answer = client.post(
        at("wish", cpts, made.pk), {"professional": other.pk, "kind": "only"}, follow=True
    )
    assert "jamais les deux" in text(answer)
    assert client.post(at("wish", cpts, made.pk), {"kind": "never"}).status_code == 422
    assert f"Médecin non souhaité</dt><dd>{doctor}" in text(client.get(page))
    held = DoctorWish.objects.get()
    remove = at("wish_remove", cpts, made.pk)
    assert "n'est plus là" in text(client.post(remove, {"wish": "12"}, follow=True))
    client.logout()
    link = queries.link_to_request(made).split("/", 3)[3]
    shown = text(client.get(f"/{link}"))
    assert "souhait" not in shown and str(doctor) not in shown  # the state only
    sign_in(client, cpts, Role.COORDINATOR)
    shown = text(client.get(page))
    assert "Médecin non souhaité" in shown and "Noter ce souhait" not in shown
    sign_in(client, cpts, Role.DISPATCHER)
    assert "est retiré" in text(client.post(remove, {"wish": held.pk}, follow=True))
    assert not DoctorWish.objects.exists()


def test_the_coordinator_reads_how_many_are_not_wanted(client, cpts, take, doctor, offers, desk):
    offers(doctor)
    wish(desk, take(), doctor)
    sign_in(client, cpts, Role.COORDINATOR)
    shown = text(client.get(at("matching", cpts)))
    assert "1 médecin offre des places : 1 non souhaité." in shown
    assert "que cette personne accepte un médecin non souhaité" in shown
