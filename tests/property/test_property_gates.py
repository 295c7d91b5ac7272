"""Gates: whoever comes, goes and gives way in whatever order, the limits hold and nobody waits longer than is said."""

from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from udib.core.gates import Limit, Look
from udib.pipeline.fair_gate import GateState, Ticket, before, come, give_way, leave, looked_after

TENANTS = "abcd"
Event = tuple[str, int, int, float]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["come", "come", "come", "go", "way", "cancel", "die"]),
        st.integers(0, 1000),
        st.integers(-1, 1),
        st.floats(-30, 30),
    ),
    max_size=120,
)


@dataclass
class Passage:
    """A gate through which events go, and who was let in before each that waits since its tenant had nothing inside."""

    limit: Limit
    state: GateState = field(default_factory=GateState)
    now_s: float = 1000.0
    count: int = 0
    dead: set[str] = field(default_factory=set)
    ahead: dict[str, Counter[str]] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)

    def do(self, event: Event) -> None:
        kind, which, priority, seconds = event
        tenant = TENANTS[which % len(TENANTS)]
        inside, waiting = self.state.inside, self.state.waiting
        self.now_s += abs(seconds)
        match kind:
            case "come":
                self.count += 1
                ticket = Ticket(str(self.count), tenant, priority, f"p{which % 7}")
                self.dead.discard(ticket.process)
                self.change(lambda state: come(state, ticket))
            case "go" if inside:
                self.change(lambda state: leave(state, [inside[which % len(inside)].id]))
            case "cancel" if waiting:
                self.change(lambda state: leave(state, [waiting[which % len(waiting)].id]))
            case "way" if inside:
                self.change(lambda state: give_way(state, inside[which % len(inside)].id))
            case "die":
                self.dead.add(f"p{which % 7}")
                self.change(lambda state: state)
            case _:
                self.change(lambda state: state)

    def change(self, change: object) -> None:
        old = self.state
        look = Look(self.now_s, lambda process: process not in self.dead)
        self.state = GateState.read(looked_after(old, self.limit, look, change).written())  # type: ignore[arg-type]
        was_in = {each.id for each in old.inside}
        for ticket in self.state.inside:
            if ticket.id not in was_in:
                self.let_in(ticket)
        holds = {each.tenant for each in self.state.inside}
        self.ahead = {
            each.id: self.ahead.get(each.id, Counter()) for each in self.state.waiting if each.tenant not in holds
        }

    def let_in(self, ticket: Ticket) -> None:
        self.starts.append(self.now_s)
        for waiting, ahead in self.ahead.items():
            if waiting != ticket.id:
                ahead[ticket.tenant] += 1


@given(EVENTS, st.integers(1, 4))
def test_a_tenant_without_a_place_is_let_in_before_another_is_let_in_twice(events: list[Event], at_once: int) -> None:
    gate = Passage(Limit(at_once))
    for event in events:
        gate.do(event)
        mine = {each.id: each.tenant for each in gate.state.waiting}
        for ticket, ahead in gate.ahead.items():
            assert all(count <= 1 for tenant, count in ahead.items() if tenant != mine[ticket])


@given(EVENTS, st.integers(1, 4))
def test_places_are_neither_overbooked_nor_left_empty(events: list[Event], at_once: int) -> None:
    gate = Passage(Limit(at_once))
    for event in events:
        gate.do(event)
        assert len(gate.state.inside) <= at_once
        assert len(gate.state.inside) == at_once or not gate.state.waiting
        ids = [each.id for each in (*gate.state.inside, *gate.state.waiting)]
        assert len(ids) == len(set(ids))
        assert not {each.process for each in (*gate.state.inside, *gate.state.waiting)} & gate.dead


@given(EVENTS)
def test_of_one_tenant_the_urgent_go_first_and_then_who_came_first(events: list[Event]) -> None:
    gate = Passage(Limit(1))
    for event in events:
        old = gate.state
        gate.do(event)
        for ticket in {each for each in gate.state.inside if each in old.waiting}:
            rivals = [each for each in gate.state.waiting if each.tenant == ticket.tenant and each in old.waiting]
            assert all(ticket.rank < rival.rank for rival in rivals)


@given(EVENTS, st.integers(1, 3), st.sampled_from([1.0, 7.0, 60.0]))
def test_a_rate_holds_in_every_stretch_of_time(events: list[Event], at_once: int, per_minute: float) -> None:
    gate = Passage(Limit(at_once, per_minute))
    for event in events:
        gate.do(event)
        for number, first in enumerate(gate.starts):
            begun = len(gate.starts) - number
            assert begun <= at_once + (gate.now_s - first) * per_minute / 60 + 1e-6


@given(st.floats(-1e9, 1e9), st.integers(1, 4), st.sampled_from([1.0, 60.0]))
def test_a_clock_that_is_set_back_holds_nobody_longer_than_one_interval(
    shift_s: float, at_once: int, per_minute: float
) -> None:
    gate = Passage(Limit(at_once, per_minute))
    for _ in range(at_once):
        gate.do(("come", 0, 0, 0.0))
    gate.now_s -= abs(shift_s)
    gate.change(lambda state: leave(state, [each.id for each in state.inside]))
    gate.do(("come", 1, 0, 0.0))
    gate.now_s += 60 / per_minute
    gate.change(lambda state: state)
    assert not gate.state.waiting


@given(EVENTS, st.integers(1, 4))
def test_who_waits_is_told_a_number_that_can_be(events: list[Event], at_once: int) -> None:
    gate = Passage(Limit(at_once))
    for event in events:
        gate.do(event)
    told = sorted(before(gate.state, each.id) for each in gate.state.waiting)
    assert all(0 <= count < len(told) for count in told)
    assert not told or told[0] == 0


@given(st.lists(st.sampled_from(TENANTS), max_size=30))
def test_where_all_take_as_long_the_number_is_true(tenants: list[str]) -> None:
    state = GateState()
    everybody = Look(0.0, lambda _: True)
    closed, limit = Limit(0), Limit(1)
    for number, tenant in enumerate(tenants):
        ticket = Ticket(str(number), tenant, 0, "p")
        state = looked_after(state, closed, everybody, lambda state, ticket=ticket: come(state, ticket))  # type: ignore[misc]
    told = {each.id: before(state, each.id) for each in state.waiting}
    for place in range(len(tenants)):
        state = looked_after(state, limit, everybody, lambda state: state)
        [served] = state.inside
        assert told[served.id] == place
        state = looked_after(state, closed, everybody, lambda state: leave(state, [each.id for each in state.inside]))


def test_what_is_remembered_of_tenants_that_are_gone_does_not_grow() -> None:
    state, everybody = GateState(), Look(0.0, lambda _: True)
    for number in range(1000):
        ticket = Ticket(str(number), f"tenant {number}", 0, "p")
        state = looked_after(state, Limit(1), everybody, lambda state, ticket=ticket: come(state, ticket))  # type: ignore[misc]
        state = looked_after(state, Limit(1), everybody, lambda state: leave(state, [each.id for each in state.inside]))
    assert len(state.turns) <= 1


def test_a_broken_book_counts_as_an_empty_one() -> None:
    written = replace(GateState(), count=7).written()
    assert GateState.read(written).count == 7
    assert GateState.read(written[:5]) == GateState()
    assert GateState.read(b"[1]") == GateState()
