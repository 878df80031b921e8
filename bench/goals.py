"""What a goal is made of: calls that are timed together, and the limits that their times are held against.

Whatever is compared is timed in one run, turn by turn and batch by batch, the fastest of many batches
(`table.fastest`) of a warm loop, after the results were seen to agree. The goals themselves are in the files
``goals_*.py``, ``growth.py`` and ``step_profile.py``; ``report.py`` measures them.
"""

import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

import limits
import numpy as np

from fastlayers import functional
from fastlayers.command import cases
from fastlayers.command.agreement import several
from fastlayers.command.table import fastest
from fastlayers.command.terminal import human

OURS = "fastlayers"
AGAIN = 3  # so many of a sweep's lowest are timed again: the least of many ratios is the one that noise hit most
WARM_UP = 2e-3  # seconds

Calls = dict[str, Any]  # a contender's name -> what has a timer(); a peer that is not installed is not there
Times = dict[str, float]  # a contender's name -> seconds a call


class Source(NamedTuple):
    """Statements to time as they would stand in a user's loop, without a function around them."""

    source: str
    names: dict[str, Any]

    def timer(self) -> timeit.Timer:
        return timeit.Timer(self.source, globals=dict(self.names))


class Warm:
    """A call that runs for a while before each batch, untimed.

    A batch is short, and after another contender's turn the first calls find code and data out of the caches
    and threads asleep: for a large library that is most of a batch, while in a user's loop it is nothing.
    """

    def __init__(self, call: Any) -> None:
        self._timer = call.timer()

    def timer(self) -> Self:
        return self

    def timeit(self, number: int) -> float:
        spent = seconds = 0.0
        while spent < WARM_UP:
            seconds = self._timer.timeit(number)
            spent += seconds
        return seconds if seconds > WARM_UP else self._timer.timeit(number)


def timed(calls: Calls, seconds: float) -> Times:
    """Seconds a call of each, in a loop of its own: the fastest of many batches, turn by turn."""
    return fastest({name: Warm(call) for name, call in calls.items()}, seconds)


class Line(NamedTuple):
    """One line of the report. `met` is None where there is no goal, or nothing could be measured."""

    goal: int
    what: str
    figure: str
    peer: str
    peer_figure: str
    ratio: str
    limit: str = ""
    met: bool | None = None
    floor: float = 0.0  # seconds that the machine allows, and our time of which that is the share; 0: not asked
    share: float = 0.0


class Outcome(NamedTuple):
    """The lines of one measurement, and the times behind them: a group's name -> what the plots make of it."""

    lines: list[Line]
    times: dict[str, Any]


class Measurement(Protocol):
    """What the report runs. `pace` is 1, or less for a quick run."""

    goal: int
    what: str

    def measure(self, pace: float) -> Outcome: ...


@dataclass(frozen=True)
class Bound:
    """A limit on one ratio: `most` on our time over the peer's, or `least` on the peer's time over ours.

    With neither, the speed-up is told and nothing asked of it.
    """

    peer: str
    most: float | None = None
    least: float | None = None
    ours: str = OURS

    def ratio(self, times: Times) -> float:
        speed_up = times[self.peer] / times[self.ours]
        return speed_up if self.most is None else 1 / speed_up

    @property
    def limit(self) -> str:
        if self.most is None and self.least is None:
            return ""
        return f"≤ {self.most:g}" if self.least is None else f"≥ {self.least:g}"

    def holds(self, ratio: float) -> bool | None:
        if self.most is None and self.least is None:
            return None
        return ratio <= self.most if self.least is None else ratio >= self.least

    def line(self, goal: int, what: str, times: Times) -> Line:
        if self.ours != OURS:
            what = f"{self.ours}, {what}"
        if self.ours not in times or self.peer not in times:
            figure = human(times[self.ours]) if self.ours in times else ""
            return Line(goal, what, figure, self.peer, "", "not measured", self.limit)
        ratio = self.ratio(times)
        shown = digits(ratio, self.most if self.least is None else self.least)
        figures = human(times[self.ours]), self.peer, human(times[self.peer])
        return Line(goal, what, *figures, shown, self.limit, self.holds(ratio))

    def least_line(self, goal: int, what: str, races: dict[str, Times]) -> Line:
        """The line of the one with the least ratio."""
        least = self.least_of(races)
        return self.line(goal, f"{what}, {len(races)} sizes; the least, {least}", races[least])

    def least_of(self, races: dict[str, Times]) -> str:
        return min(races, key=lambda where: self.ratio(races[where]))


@dataclass(frozen=True)
class PerElement:
    """A limit on nanoseconds an element."""

    elements: int
    most: float
    ours: str

    def line(self, goal: int, what: str, times: Times) -> Line:
        value = times[self.ours] / self.elements * 1e9
        shown = f"{digits(value, self.most)} ns an element"
        limit = f"≤ {self.most:g} ns an element"
        return Line(goal, f"{self.ours}, {what}", human(times[self.ours]), "", "", shown, limit, value <= self.most)


@dataclass(frozen=True)
class Race:
    """Calls that are timed together, and a line for each bound."""

    goal: int
    what: str
    calls: Callable[[], Calls]
    bounds: tuple[Bound | PerElement, ...]
    seconds: float = 3.0
    nbytes: int = 0  # of the largest array
    work: Mapping[str, limits.Work] = field(default_factory=dict)  # what each of ours has to do

    def measure(self, pace: float) -> Outcome:
        calls = self.calls()
        times = timed(calls, self.seconds * pace) if calls else {}
        lines = [
            limits.beside(bound.line(self.goal, self.what, times), times.get(bound.ours), self.work.get(bound.ours))
            for bound in self.bounds
        ]
        return Outcome(lines, {self.what: times})


@dataclass(frozen=True)
class Sweep:
    """Many races under one bound: a line for the least of them, and where it is."""

    goal: int
    what: str
    calls: dict[str, Callable[[], Calls]]
    bound: Bound
    seconds: float = 0.5  # each
    work: Mapping[str, limits.Work] = field(default_factory=dict)  # what each has to do

    def measure(self, pace: float) -> Outcome:
        times = {where: timed(make(), self.seconds * pace) for where, make in self.calls.items()}
        for where in sorted(times, key=lambda where: self.bound.ratio(times[where]))[:AGAIN]:
            again = timed(self.calls[where](), 3 * self.seconds * pace)
            times[where] = {name: min(times[where][name], again[name]) for name in again}
        least = self.bound.least_of(times)
        line = self.bound.least_line(self.goal, self.what, times)
        return Outcome([limits.beside(line, times[least][self.bound.ours], self.work.get(least))], {self.what: times})


@dataclass(frozen=True)
class Probe:
    """A measurement that is no race: memory, processes, many sizes."""

    goal: int
    what: str
    run: Callable[[float], Outcome]

    def measure(self, pace: float) -> Outcome:
        return self.run(pace)


def digits(value: float, limit: float | None = None) -> str:
    """Three digits, or as many as it takes to tell a value from the limit that it misses or meets by a hair."""
    for n in range(3, 8):
        shown = f"{value:#.{n}g}".removesuffix(".") if abs(value) < 999.5 else f"{value:,.0f}"
        if limit is None or float(shown.replace(",", "")) != limit:
            break
    return shown


def case(name: str) -> cases.Case:
    """The registry's case of this name."""
    (found,) = [case for case in cases.CASES if case.name == name]
    return found


def checked(name: str, size: cases.Shape, dtype: str = "float32") -> cases.Call:
    """A kernel's call with its result's array given, after it was seen to agree with the reference."""
    return case(name).prepare(size, dtype)["cython out="]


def unchecked(name: str, size: cases.Shape, dtype: str = "float32") -> cases.Call:
    """The same for arrays so large that the reference would take minutes and gigabytes."""
    function, args = getattr(functional, case(name).function), case(name).arguments(cases.Draw(dtype), size)
    arrays = tuple(result for result in several(function(*args)) if isinstance(result, np.ndarray))
    return cases.Call(function, args, {"out": arrays if len(arrays) > 1 else arrays[0]})


def copy_of(x: cases.Array) -> cases.Call:
    """The yardstick of all that memory bounds: a copy into memory that is there already."""
    return cases.Call(np.copyto, (np.zeros_like(x), x), {})
