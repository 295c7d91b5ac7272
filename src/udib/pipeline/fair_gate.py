"""Who is let in next: the rules of a gate, as functions of what its book says.

The bound: a tenant that holds no place is let in before any other tenant is let in twice. So a single request waits for
a place to become free, and then for one unit of work of each other tenant that waits, whatever their backlogs.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from udib.core.gates import Limit, Look


@dataclass(frozen=True, slots=True)
class Ticket:
    """Somebody who waits, or is in. `number` says when it came, `process` who has to live for it to count."""

    id: str
    tenant: str
    priority: int
    process: str
    number: int = 0

    @property
    def rank(self) -> tuple[int, int]:
        """Its place among those of its tenant; the smaller goes first."""
        return -self.priority, self.number


@dataclass(frozen=True, slots=True)
class GateState:
    """What a book says of a gate.

    Attributes:
        count: Numbers that were given, to who came and to who was let in.
        waiting: Who waits.
        inside: Who is in.
        turns: The number under which a tenant was last let in, as long as that can decide anything.
        full_s: When the rate is used up to no part again, by the book's time.
    """

    count: int = 0
    waiting: tuple[Ticket, ...] = ()
    inside: tuple[Ticket, ...] = ()
    turns: Mapping[str, int] = field(default_factory=dict)
    full_s: float = 0.0

    @classmethod
    def read(cls, data: bytes) -> "GateState":
        """The state that was written. What cannot be read counts as nothing: who waits comes again."""
        try:
            return msgspec.json.decode(data, type=cls) if data else cls()
        except msgspec.DecodeError:
            return cls()

    def written(self) -> bytes:
        """The state as bytes."""
        return msgspec.json.encode(self)


def looked_after(state: GateState, limit: Limit, look: Look, change: Callable[[GateState], GateState]) -> GateState:
    """The state after a change, without the dead, and with everybody in whose turn it is."""
    processes = {each.process for each in (*state.waiting, *state.inside)}
    alive = {process for process in processes if look.is_alive(process)}
    living = replace(
        state,
        waiting=tuple(each for each in state.waiting if each.process in alive),
        inside=tuple(each for each in state.inside if each.process in alive),
        # What lies further ahead was written before the clock was set back.
        full_s=min(state.full_s, look.now_s + limit.at_once * _interval_s(limit)),
    )
    return _without_old_turns(_let_in(change(living), limit, look.now_s))


def come(state: GateState, ticket: Ticket) -> GateState:
    """Somebody comes, and waits; who is there already stays where it is."""
    if any(each.id == ticket.id for each in (*state.waiting, *state.inside)):
        return state
    ticket = replace(ticket, number=state.count + 1)
    return replace(state, count=ticket.number, waiting=(*state.waiting, ticket))


def leave(state: GateState, tickets: Iterable[str]) -> GateState:
    """Some go, whether they waited or were in."""
    gone = frozenset(tickets)
    return replace(
        state,
        waiting=tuple(each for each in state.waiting if each.id not in gone),
        inside=tuple(each for each in state.inside if each.id not in gone),
    )


def give_way(state: GateState, ticket: str) -> GateState:
    """One who is in waits as it did before, if somebody else is next by rights; to be let in again is a start again."""
    found = next((each for each in state.inside if each.id == ticket), None)
    if found is None or not state.waiting:
        return state
    back = leave(state, [ticket])
    back = replace(back, waiting=(*back.waiting, found))
    return state if _next(back) == found else back


def before(state: GateState, ticket: str) -> int:
    """How many of those who wait now are let in before one of them, if every work takes the same time."""
    mine = next((each for each in state.waiting if each.id == ticket), None)
    if mine is None:
        return 0
    ahead = sum(each.tenant == mine.tenant and each.rank < mine.rank for each in state.waiting)
    turns = _turns(state)
    others = Counter(each.tenant for each in state.waiting if each.tenant != mine.tenant)
    goes_first = {tenant for tenant, turn in turns.items() if turn < turns[mine.tenant]}
    return ahead + sum(min(count, ahead + (tenant in goes_first)) for tenant, count in others.items())


def _turns(state: GateState) -> dict[str, tuple[int, int, int]]:
    """What decides between the tenants that wait; the smallest goes first."""
    inside = Counter(each.tenant for each in state.inside)
    came: dict[str, int] = {}
    for each in state.waiting:
        came[each.tenant] = min(each.number, came.get(each.tenant, each.number))
    return {tenant: (inside[tenant], state.turns.get(tenant, 0), number) for tenant, number in came.items()}


def _next(state: GateState) -> Ticket | None:
    """Whose turn it is."""
    turns = _turns(state)
    tenant = min(turns, key=lambda each: turns[each], default=None)
    return min((each for each in state.waiting if each.tenant == tenant), key=lambda each: each.rank, default=None)


def _let_in(state: GateState, limit: Limit, now_s: float) -> GateState:
    while len(state.inside) < limit.at_once and _may_begin(state, limit, now_s):
        ticket = _next(state)
        if ticket is None:
            break
        number = state.count + 1
        state = replace(
            leave(state, [ticket.id]),
            count=number,
            inside=(*state.inside, ticket),
            turns={**state.turns, ticket.tenant: number},
            full_s=max(state.full_s, now_s) + _interval_s(limit),
        )
    return state


def _interval_s(limit: Limit) -> float:
    return 0.0 if limit.per_minute is None else 60.0 / limit.per_minute


def _may_begin(state: GateState, limit: Limit, now_s: float) -> bool:
    """Whether the rate lets one begin. A hair of tolerance, since sums of intervals are rounded.

    Source: the generic cell rate algorithm, ITU-T I.371.
    """
    return state.full_s - now_s <= (limit.at_once - 1) * _interval_s(limit) + 1e-6


def _without_old_turns(state: GateState) -> GateState:
    """Forget when tenants were let in that have nothing here any more, unless somebody has waited since before that."""
    here = {each.tenant for each in (*state.waiting, *state.inside)}
    oldest = min((each.number for each in state.waiting), default=state.count)
    kept = {tenant: turn for tenant, turn in state.turns.items() if tenant in here or turn > oldest}
    return replace(state, turns=kept)
