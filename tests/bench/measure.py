"""Timing in alternation, and what is printed of it.

Times of different moments cannot be compared on a machine that others use too. So every round runs every
side once, in an order that rotates, ratios are taken within a round, and their median counts.
"""
import dataclasses
import statistics
import time


def seconds(action):
    began = time.monotonic()
    action()
    return time.monotonic() - began


def alternate(rounds, sides):
    """`sides`: {name: callable that returns seconds}. Returns {name: [seconds per round]}."""
    times = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        for name in names[number % len(names):] + names[:number % len(names)]:
            times[name].append(sides[name]())
    return times


def ratio(ours, theirs):
    return statistics.median(our / their for our, their in zip(ours, theirs) if their > 0)


def span(times):
    unit, factor = ("ms", 1000) if statistics.median(times) < 1 else ("s", 1)
    digits = 0 if unit == "ms" and statistics.median(times) > 0.02 else 1 if unit == "ms" else 2
    return (f"{statistics.median(times) * factor:.{digits}f} {unit} "
            f"({min(times) * factor:.{digits}f}-{max(times) * factor:.{digits}f})")


@dataclasses.dataclass
class Row:
    case: str
    what: str
    ours: str
    theirs: str
    ratio: float | None
    target: float | None

    def text(self):
        verdict = ""
        if self.target is not None and self.ratio is not None:
            verdict = "ok" if self.ratio <= self.target else "MISS"
        shown = "-" if self.ratio is None else f"{self.ratio:.2f}"
        target = "-" if self.target is None else f"{self.target:.2f}"
        return f"{self.case:<10}{self.what:<38}{self.ours:<22}{self.theirs:<22}{shown:>7}{target:>8}  {verdict}".rstrip()


HEADER = f"{'case':<10}{'what':<38}{'ours':<22}{'theirs':<22}{'ratio':>7}{'target':>8}"


def compare(case, what, times, peer, target):
    """A row of ours against one peer; without times of the peer there is no row."""
    if peer not in times:
        return []
    return [Row(case, f"{what}: {peer}", span(times["crossmill"]), span(times[peer]),
                ratio(times["crossmill"], times[peer]), target)]
