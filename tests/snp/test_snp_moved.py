"""A board that follows is given the lines that moved: put in place, they make the board drawn whole,
whichever worker answers."""

import datetime as dt
import random
import re
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope

from factories import make_offer, make_request, set_desk
from maillage.accounts.rules import SYSTEM
from maillage.availability import actions as availability
from maillage.kernel.errors import DomainError
from maillage.snp import actions, queries
from maillage.snp.models import CareRequest, Proposal
from maillage.snp.queries import queue as queues
from people import actor_as
from trusted import size

LINE = re.compile(r'<li id="line-(\d+)">.*?</li>', re.S)
TOLD = re.compile(r"(<time [^>]*>)[^<]*(</time>)")  # the page tells the time itself
LENGTH = re.compile(r'id="board-length" role="status">([^<]*)')


class Worker:
    """A process that serves: what it keeps is its own."""

    def __init__(self):
        self.kept = {}

    @contextmanager
    def serving(self, between=None):
        """`between`: what another does between the reading of the counters and that of the rows."""
        mine, order = queues._queues, queues._order

        def later(cpts):
            nonlocal between
            act, between = between, None
            if act is not None:
                act()
            return order(cpts)

        queues._queues, queues._order = self.kept, later
        try:
            yield
        finally:
            queues._queues, queues._order = mine, order


def shown_in(html):
    """What a page shows of the queue: its lines in order, how many, the counts."""
    lines = {int(found[1]): TOLD.sub(r"\1\2", found[0]) for found in LINE.finditer(html)}
    return (
        lines,
        LENGTH.search(html)[1],
        html[html.index('<div class="counts"') :].split("</dl>")[0],
    )


class Page:
    """A board open in a browser, which does in Python what `live.js` does."""

    def __init__(self, cpts, actor, selected):
        self.client, self.url = Client(), reverse("snp:board", args=[cpts.slug])
        self.client.force_login(actor.seat.user)
        self.selected, self.version, self.mark = selected, "", ""
        self.lines, self.shown, self.kinds = {}, None, []

    def ask(self, worker, between=None, **told):
        told = {"demande": self.selected} | {key: text for key, text in told.items() if text}
        with worker.serving(between):
            return self.client.get(self.url, told, headers={"HX-Request": "true"})

    def follow(self, worker, between=None):
        """Ask what changed; whether anything was said."""
        answer = self.ask(worker, between, since=self.version, shown=self.mark)
        if answer.status_code == 204:
            return False
        lines, *self.shown = shown_in(answer.text)
        order = re.search(r'id="board-moved" data-order="([^"]*)"', answer.text)
        self.kinds.append(len(lines) if order else "whole")
        if order:
            lines = self.lines | lines
            lines = {number: lines[number] for number in map(int, order[1].split())}
        self.lines = lines
        self.version = answer.headers["X-Board-Version"]
        mark = re.search(r'name="shown" value="([^"]*)"', answer.text)
        self.mark = mark[1] if mark else ""
        return True

    def check(self, worker):
        """It shows what this worker, which has just answered, would draw whole."""
        lines, *shown = shown_in(self.ask(worker).text)
        assert list(self.lines.items()) == list(lines.items())
        assert self.shown == shown


class Life:
    """Random acts on a board of a dozen requests, and time that passes."""

    def __init__(self, seed, cpts, desk, clock):
        self.draw, self.cpts, self.desk, self.clock = random.Random(seed), cpts, desk, clock
        self.doctors = [make_offer(cpts, 60 + n, slot_capacity=20)[0] for n in range(3)]
        self.absences = []
        self.kept = make_request(desk)  # in hand on a page, and left alone
        for _ in range(8):
            self.create()

    def one(self, found):
        return self.draw.choice(rows) if (rows := list(found)) else None

    def request(self):
        found = CareRequest.objects.filter(cpts=self.cpts, closed_at=None).exclude(pk=self.kept.pk)
        return self.one(found.order_by("pk"))

    def create(self):
        make_request(self.desk, phone=f"06 39 98 {self.draw.randrange(100):02} 05")

    def propose(self):
        slots = self.draw.choice(self.doctors).slots.filter(closed_at=None)
        if slot := self.one(slots.select_related("place__commune").order_by("pk")):
            self.ask(slot)

    def ask(self, slot):
        actions.propose(by=self.desk, care_request=self.request(), slot=slot)

    def answer(self):
        proposal = self.one(Proposal.objects.filter(state="sent").order_by("pk"))
        if proposal and self.draw.random() < 0.6:
            actions.accept_proposal(by=self.desk, proposal=proposal)
        elif proposal:
            actions.refuse_proposal(by=self.desk, proposal=proposal, reason="no_time")

    def fall_ill(self):
        if self.absences:
            availability.end_absence(by=SYSTEM, absence=self.absences.pop())
            return
        now = timezone.now()
        span = {"starts_at": now, "ends_at": now + dt.timedelta(hours=9)}
        doctor = self.draw.choice(self.doctors)
        self.absences.append(availability.add_absence(by=SYSTEM, professional=doctor, **span))

    def act(self):
        acts = {
            self.create: 2,
            self.propose: 4,
            self.answer: 4,
            self.fall_ill: 0.4,  # then the whole board is drawn again
            lambda: actions.take_case(by=self.desk, care_request=self.request()): 2,
            lambda: actions.widen(by=self.desk, care_request=self.request()): 1,
            lambda: actions.note_call(
                by=self.desk, care_request=self.request(), to="patient", result="no_answer"
            ): 1,
            lambda: actions.cancel(
                by=self.desk, care_request=self.request(), cancelled_by="patient"
            ): 1,
        }
        (chosen,) = self.draw.choices(list(acts), weights=list(acts.values()))
        try:
            chosen()
        except DomainError:
            return

    def wait(self):
        self.clock.move(seconds=self.draw.choice([0, 0, 1, 1, 2, 3, 7]))


@pytest.mark.parametrize("seed", range(size(3, 200)))
def test_the_lines_that_moved_make_the_whole(seed, cpts, desk, clock):
    set_desk(cpts, valid_from=clock.now, soon_minutes=1, late_minutes=2)
    clock.move(seconds=17)
    life = Life(seed, cpts, desk, clock)
    workers = [Worker(), Worker()]
    pages = [Page(cpts, desk, life.kept.pk) for _ in range(2)]
    for _ in range(30):
        for _ in range(life.draw.randrange(3)):
            life.act()
        life.wait()
        for page in pages:
            worker = life.draw.choice(workers)
            if life.draw.random() < 0.7 and page.follow(
                worker, life.act if life.draw.random() < 0.2 else None
            ):
                page.check(worker)
    kinds = [kind for page in pages for kind in page.kinds]
    assert sum(kind != "whole" for kind in kinds) > len(kinds) / 4


@pytest.mark.parametrize("seed", range(size(2, 100)))
def test_what_is_kept_while_time_passes_is_what_would_be_read(seed, cpts, desk, clock):
    """Lines, order, counts, absences: nothing of the database's is missed when it is not read."""
    set_desk(cpts, valid_from=clock.now, soon_minutes=1, late_minutes=2)
    life, compared = Life(seed, cpts, desk, clock), 0
    for _ in range(80):
        life.act()
        life.wait()
        now, settings = timezone.now(), queries.settings_of(cpts)
        kept = queues.queue_kept(cpts, settings, now)
        if kept.at != now or kept.read_at == now:
            continue
        fresh = queues.queue_now(cpts, settings, now)
        assert (kept.rows, kept.counts) == (fresh.rows, fresh.counts)
        told = [
            [(p.pk, p.state, p.is_away) for p in each.proposals[row.id]]
            for each in (kept, fresh)
            for row in fresh.rows
        ]
        half = len(told) // 2
        assert told[:half] == told[half:]
        compared += 1
    assert compared > 10


def take(desk, care_request):
    return lambda: actions.take_case(by=desk, care_request=care_request)


def in_hand(desk, clock):
    """A request whose own minute does not end while the tests below look at it: it is drawn again
    at another second than the others."""
    while True:
        with transaction.atomic():
            mine = make_request(desk, phone="06 39 98 00 00")
            if 5 <= (int(clock.now.timestamp()) + mine.pk) % 60 <= 50:
                return mine
            transaction.set_rollback(True)


@pytest.fixture
def three(cpts, desk, clock):
    """Two pages, the request they have in hand and two others, received at the tenth second."""
    set_desk(cpts, valid_from=clock.now, soon_minutes=1)
    clock.move(seconds=10)
    mine = in_hand(desk, clock)
    first, second = (make_request(desk, phone=f"06 39 98 00 0{n}") for n in (1, 2))
    return [Page(cpts, desk, mine.pk) for _ in range(2)], first, second


def test_a_line_that_holds_a_newer_act_than_its_queue_is_given_to_who_does_not_show_it(
    cpts, three, clock
):
    (page, other), first, second = three
    one, two = Worker(), Worker()
    page.follow(one)
    other.follow(two)
    take(actor_as(cpts, "dispatcher"), first)()
    page.follow(one)
    # The other worker reads the counter before this second act, and the rows after.
    other.follow(two, between=take(actor_as(cpts, "dispatcher"), second))
    assert page.follow(two)
    page.check(two)
    assert page.kinds == ["whole", 1, 2]  # the first again: nobody knows who showed it


def test_what_waiting_changed_is_given_to_a_page_drawn_by_a_worker_that_read_before(
    cpts, three, clock
):
    (page, other), first, second = three
    late, early = Worker(), Worker()
    clock.move(seconds=57)
    other.follow(early)
    clock.move(seconds=1.5)
    page.follow(late)
    clock.move(seconds=4.5)  # in between all have waited a minute
    take(actor_as(cpts, "dispatcher"), first)()
    other.follow(early)
    assert other.kinds == ["whole", 3] and 'class="req u2"' in other.lines[first.number]
    page.follow(late)
    assert page.kinds == ["whole", 1] and 'class="req u1"' in page.lines[second.number]
    take(actor_as(cpts, "dispatcher"), second)()
    page.follow(early)
    page.check(early)
    assert page.kinds == ["whole", 1, 3]


@pytest.mark.parametrize("since", ["999999.0", "0.0", "1", "-1.5", "x.y", "1.2.3", "9" * 5000])
def test_a_moment_nobody_followed_gets_all_the_lines(since, cpts, three):
    (page, _), first, second = three
    worker = Worker()
    page.follow(worker)
    answer = page.ask(worker, since=since, shown=page.mark)
    assert answer.status_code == 200 and "board-moved" not in answer.text
    assert len(shown_in(answer.text)[0]) == 3


def test_the_lines_given_are_those_of_one_cpts(cpts, three, neighbour):
    (page, _), first, second = three
    worker = Worker()
    page.follow(worker)
    with scope(cpts=neighbour):
        desk = actor_as(neighbour, "dispatcher")
        there = Page(neighbour, desk, make_request(desk, phone="06 39 98 00 08").pk)
        there.follow(worker)
        make_request(desk, phone="06 39 98 00 09")
    take(actor_as(cpts, "dispatcher"), first)()
    assert page.follow(worker) and there.follow(worker)
    assert (page.kinds, len(page.lines)) == (["whole", 1], 3)
    assert (there.kinds, len(there.lines)) == (["whole", 1], 2)
    lines, *_ = shown_in(there.ask(worker, since=page.version, shown=page.mark).text)
    assert lines.keys() == there.lines.keys()
