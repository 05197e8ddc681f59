"""What goes out, to whom, in which words; what the journal keeps."""

import datetime as dt
import json

import pytest

from factories import MONDAY, make_case, make_offer, make_request, professional_actor, set_desk
from maillage.accounts.models import Notice
from maillage.kernel.models import JournalLine
from maillage.snp import actions, queries
from maillage.snp.models import CareRequest, Proposal

SECRETS = ("canarinom", "canariprenom", "canariappelant", "canarinote", "0639980001", "06 39 98")


@pytest.fixture(autouse=True)
def _site(settings):
    settings.SITE_URL = "https://essai.example"


def said(**more):
    return {
        "family_name": "Canarinom",
        "given_name": "Canariprenom",
        "caller_name": "Canariappelant",
        "note": "canarinote",
        "sms_allowed": True,
        "agreement_from": "patient",
    } | more


def leads_to(link):
    """What a link opens; two links to the same proposal differ by the second of their signature."""
    assert link.startswith("https://essai.example/r/")
    return queries.read_token(link.rstrip("/").rsplit("/", 1)[1])[:2]


def test_the_professional_reads_that_a_request_waits_and_the_link(desk, cpts):
    case = make_case(desk, "proposed", **said())
    notice = Notice.objects.get()
    assert (notice.channel, notice.recipient, notice.cpts_id) == ("sms", case.doctor.phone, cpts.pk)
    text, link = notice.body.split("\n")
    assert text == "CPTS Vallee : une demande vous attend."
    assert leads_to(link) == (cpts.pk, case.proposal.pk)
    assert queries.read_token("autre:chose") is None


def test_without_a_mobile_it_goes_by_mail_and_without_either_nowhere(desk, cpts):
    _, slot = make_offer(cpts, phone="0353010000", email="dr@cabinet.example")
    actions.propose(by=desk, care_request=make_request(desk), slot=slot)
    notice = Notice.objects.get()
    assert (notice.channel, notice.recipient) == ("mail", "dr@cabinet.example")
    assert notice.subject == "Une demande vous attend"
    _, slot = make_offer(cpts, phone="0353010000")
    actions.propose(by=desk, care_request=make_request(desk), slot=slot)
    assert Notice.objects.count() == 1


def test_a_booked_professional_is_told(desk, cpts):
    doctor, slot = make_offer(cpts, slot_mode="bookable")
    proposal = actions.propose(by=desk, care_request=make_request(desk), slot=slot)
    notice = Notice.objects.get()
    assert notice.recipient == doctor.phone
    text, link = notice.body.split("\n")
    assert text == "CPTS Vallee : un créneau que vous avez ouvert vient d'être réservé."
    assert leads_to(link) == (cpts.pk, proposal.pk)


@pytest.mark.parametrize("verb", ["withdraw", "cancel", "reorient", "hand_over"])
@pytest.mark.parametrize("moment", ["proposed", "accepted", "informed"])
def test_whoever_loses_a_request_is_told(desk, verb, moment):
    if verb == "withdraw" and moment != "proposed":
        pytest.skip("only what waits is withdrawn")
    case = make_case(desk, moment)
    Notice.objects.all().delete()
    if verb == "withdraw":
        actions.withdraw_proposal(by=desk, proposal=case.proposal)
    else:
        more = {"cancelled_by": "patient"} if verb == "cancel" else {}
        getattr(actions, verb)(by=desk, care_request=case.care_request, **more)
    notice = Notice.objects.get()
    assert notice.recipient == case.doctor.phone
    assert "a été retirée. Votre créneau est libre." in notice.body


def test_those_not_chosen_are_told(desk, cpts):
    set_desk(cpts, valid_from=MONDAY - dt.timedelta(days=1), live_proposals_max=2)
    care_request = make_request(desk)
    (first, slot), (second, other) = make_offer(cpts), make_offer(cpts)
    chosen = actions.propose(by=desk, care_request=care_request, slot=slot)
    actions.propose(by=desk, care_request=care_request, slot=other)
    Notice.objects.all().delete()
    actions.accept_proposal(by=desk, proposal=chosen)
    assert [notice.recipient for notice in Notice.objects.all()] == [second.phone]
    assert first.phone != second.phone


def sent_to_patient(desk, **more):
    case = make_case(desk, "accepted", **said(**more))
    Notice.objects.all().delete()
    actions.inform_patient(by=desk, care_request=case.care_request, means="sms", result="sent")
    return case, Notice.objects.get()


def test_the_patient_reads_day_hour_and_street_address(desk):
    case, notice = sent_to_patient(desk)
    assert (notice.channel, notice.recipient) == ("sms", "0639980001")
    assert notice.body.replace("\u00a0", " ") == (
        "Rendez-vous lun. 23 nov., 10 h, 3 rue de l'Essai, Montceau-les-Mines."
    )
    text = notice.body.lower()
    for never in ("canari", "dr ", "médecin", "fièvre", "cabinet", "cpts", "fictif"):
        assert never not in text
    assert case.doctor.family_name.lower() not in text
    case.care_request.refresh_from_db()
    assert (case.care_request.status, case.care_request.inform_state) == ("accepted", "attempted")


def test_a_second_sms_is_a_second_notice(desk, clock):
    case, _ = sent_to_patient(desk)
    clock.move(minutes=1)
    actions.inform_patient(by=desk, care_request=case.care_request, means="sms", result="sent")
    assert Notice.objects.count() == 2


def test_nothing_goes_to_a_patient_without_their_number_or_the_callers_agreement(desk):
    case = make_case(desk, "accepted")
    Notice.objects.all().delete()
    with pytest.raises(actions.Incomplete):
        actions.inform_patient(by=desk, care_request=case.care_request, means="sms", result="sent")
    assert not Notice.objects.exists()


def test_the_journal_holds_ids_and_codes_never_a_person(desk, cpts, clock):
    case = make_case(desk, "proposed", **said())
    mine = professional_actor(cpts, case.doctor)
    actions.take_case(by=desk, care_request=case.care_request)
    actions.refuse_proposal(by=mine, proposal=case.proposal, reason="away")
    _, slot = make_offer(cpts, slot_mode="bookable")
    actions.propose(by=desk, care_request=case.care_request, slot=slot)
    actions.inform_patient(by=desk, care_request=case.care_request, means="sms", result="sent")
    actions.reorient(by=desk, care_request=case.care_request, why="canarinote")
    actions.hand_over(by=desk, care_request=case.care_request)
    actions.confirm_hand_over(
        by=desk, care_request=case.care_request, taken_over_by="Canariappelant"
    )
    names = (case.doctor.family_name.lower(), str(desk.seat.user).lower(), case.doctor.phone)
    acts = set()
    for line in JournalLine.objects.all():
        text = json.dumps([line.data, line.target, line.action, line.purpose]).lower()
        assert not [each for each in (*SECRETS, *names) if each in text], line.action
        acts.add(line.action)
    assert {
        *("snp.created", "snp.proposed", "snp.refused", "snp.booked", "snp.informed"),
        *("snp.reoriented", "snp.handed_over", "snp.taken_over", "resident.recorded"),
    } <= acts


def test_the_history_of_a_request_never_names_the_patient(desk, cpts):
    case = make_case(desk, "informed", **said())
    actions.record_outcome(by=desk, care_request=case.care_request, honoured=True)
    texts = " ".join(event.text for event in case.care_request.events.all()).lower()
    assert "canari" not in texts and "0639980001" not in texts


def test_a_refused_act_leaves_nothing(desk, cpts):
    _, slot = make_offer(cpts, profession="60", speciality="")
    care_request = make_request(desk)
    lines, version = JournalLine.objects.count(), CareRequest.objects.get().version
    with pytest.raises(actions.NotSuitable):
        actions.propose(by=desk, care_request=care_request, slot=slot)
    assert JournalLine.objects.count() == lines and not Notice.objects.exists()
    assert CareRequest.objects.get().version == version and not Proposal.objects.exists()
