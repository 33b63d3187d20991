"""What happens in one round, drawn from its seed and nothing else: builds, cancels and faults, each with its time.

Pure: plan_test.py looks at it without a farm. What a fault then hits (which step, which blob is there) depends on what the
machine does meanwhile; the seed repeats the attempt, not the outcome.
"""
import dataclasses
import random

# Seconds in which builds and faults begin.
SPAN = 4.5
SALTS = 2

# Kind of build: how often it is drawn. recipes.py has each.
BUILDS = {"stages": 3, "chain": 4, "secret": 3, "verify": 3, "twins": 3, "cancelled": 2, "failing": 2, "context": 2,
          "archive": 1, "long": 2}

COORDINATOR = "coordinator"
CLIENT = "client"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of fault: how often, on whom, how long at least and at most."""
    weight: int
    targets: tuple
    shortest: float
    longest: float


WORKER = "worker"
FAULTS = {
    "kill": Kind(6, (COORDINATOR, WORKER), 0.0, 1.2),
    "kill-inside": Kind(2, (WORKER,), 0.0, 1.0),
    "stop": Kind(4, (COORDINATOR, WORKER), 0.2, 2.5),
    "silence": Kind(1, (WORKER,), 9.0, 11.0),
    "full-disk": Kind(3, (COORDINATOR, WORKER), 0.3, 2.0),
    "power-cut": Kind(4, (COORDINATOR,), 0.05, 0.6),
    "damage": Kind(2, (COORDINATOR,), 0.0, 0.0),
    "new-disk": Kind(1, (WORKER,), 0.0, 0.5),
    "jump": Kind(3, (COORDINATOR, WORKER), 0.0, 0.0),
    "cut": Kind(4, (WORKER, CLIENT), 0.0, 0.0),
    "delay": Kind(2, (WORKER, CLIENT), 0.5, 2.0),
    "half-open": Kind(2, (WORKER, CLIENT), 0.5, 3.0),
    "refuse": Kind(1, (WORKER, CLIENT), 0.3, 2.0),
}
# A clock jumps by one of these, either way.
JUMPS = (2.0, 45.0, 3600.0, 200_000.0)


@dataclasses.dataclass(frozen=True)
class Build:
    number: int
    kind: str
    salt: int
    at: float
    # It goes over the network with a token, instead of the unix socket.
    remote: bool
    # Only told its number; the others are followed.
    detached: bool
    # After the number is known.
    cancel_after: float = 0.0


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    target: str
    at: float
    lasts: float
    # Between 0 and 1: how much, which one.
    amount: float


@dataclasses.dataclass(frozen=True)
class Plan:
    seed: int
    workers: int
    slots: int
    # This worker has a network namespace of its own, and so no local door.
    apart: str
    builds: tuple
    faults: tuple

    def worker_names(self):
        return [f"w{number}" for number in range(1, self.workers + 1)]


def make_plan(seed, builds=0, faults=0, allowed=()):
    """`builds`, `faults`: how many, 0: drawn. `allowed`: kinds of faults, none: all."""
    draw = random.Random(f"crossmill-faults:{seed}")
    workers = draw.choice((2, 3))
    plan = Plan(seed, workers, draw.choice((1, 2)), draw.choice(("", "w2")), (), ())
    planned = make_builds(draw, builds or draw.randint(5, 8))
    return dataclasses.replace(plan, builds=planned, faults=make_faults(draw, plan, faults or draw.randint(3, 6), allowed))


def make_builds(draw, count):
    kinds = draw.choices(list(BUILDS), weights=list(BUILDS.values()), k=count)
    found = []
    for kind in kinds:
        salt = draw.randrange(SALTS)
        at = round(draw.uniform(0.0, SPAN * 0.6), 3)
        remote, detached = draw.random() < 0.4, draw.random() < 0.25
        cancel_after = round(draw.uniform(0.05, 1.5), 3)
        twins = 2 if kind == "twins" else 1
        for _ in range(twins):
            found.append(Build(
                number=len(found), kind=kind, salt=salt, at=at, remote=remote,
                # Values of secrets are not kept over a restart: such a build's client has to stay.
                detached=detached and kind != "secret", cancel_after=cancel_after if kind == "cancelled" else 0.0))
            # The second comes while the first runs.
            at = round(at + draw.uniform(0.0, 0.4), 3)
    return tuple(sorted(found, key=lambda build: (build.at, build.number)))


def make_faults(draw, plan, count, allowed=()):
    kinds = {name: kind for name, kind in FAULTS.items() if not allowed or name in allowed}
    busy_until = {}
    found = []
    for _ in range(count):
        name = draw.choices(list(kinds), weights=[kind.weight for kind in kinds.values()])[0]
        kind = kinds[name]
        target = draw.choice(kind.targets)
        if target == WORKER:
            target = draw.choice(plan.worker_names())
        at = draw.uniform(0.1, SPAN)
        lasts = draw.uniform(kind.shortest, kind.longest)
        amount = draw.random()
        # One at a time on one target; later is as good.
        at = max(at, busy_until.get(target, 0.0))
        busy_until[target] = at + lasts + 0.3
        found.append(Fault(name, target, round(at, 3), round(lasts, 3), round(amount, 6)))
    return tuple(sorted(found, key=lambda fault: (fault.at, fault.target)))
