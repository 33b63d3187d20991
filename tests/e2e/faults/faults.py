"""The faults, one class each: begin() inflicts it on a round's farm, end() takes it away. Either may be called when the
target is away; whatever is not possible then is passed over.
"""
import os
import pathlib
import shutil
import signal

import machine
import plan

MANGLED = 4


class OneFault:
    def __init__(self, round_, fault):
        self.round = round_
        self.farm = round_.farm
        self.fault = fault
        self.target = fault.target

    def begin(self):
        raise NotImplementedError

    def end(self):
        """After `lasts`."""

    def draw(self):
        return machine.random_of(self.round.plan.seed, self.fault)

    @property
    def proxy(self):
        return self.farm.proxies[self.target]


def parent_of(pid):
    """0: it has gone."""
    try:
        # Behind the name, which may have anything in it.
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


class Kill(OneFault):
    """SIGKILL, and started again after a while, as systemd does."""

    def begin(self):
        self.farm.kill(self.target)

    def end(self):
        self.farm.start(self.target)


class KillInside(Kill):
    """The process inside the worker's namespaces dies, and the one outside notices."""

    def begin(self):
        process = self.farm.process(self.target)
        # The one in the process namespace, whose parent is the outer one's child; by that, and not as the one that was made
        # last, since the numbers of processes begin again after 32,768.
        inner = [pid for pid in self.farm.processes_of(self.target) if process and parent_of(parent_of(pid)) == process.pid]
        if not inner:
            return
        self.farm.expect_death(self.target)
        os.kill(inner[0], signal.SIGKILL)
        process.wait(timeout=30)


class Stop(OneFault):
    """SIGSTOP: alive, and does nothing. Its connections stay, and its steps go on."""

    def begin(self):
        self.farm.freeze(self.target)

    def end(self):
        self.farm.thaw(self.target)


class FullDisk(OneFault):

    def begin(self):
        self.farm.fill(self.target, left=int(self.fault.amount * 3) * 16384)

    def end(self):
        self.farm.make_room(self.target)


class PowerCut(OneFault):
    """The coordinator dies while its disk is slow, and of what was not synced something is lost (machine.py)."""

    def begin(self):
        self.farm.machines[self.target].slow_syncs(0.002 + 0.03 * self.fault.amount)

    def end(self):
        self.farm.kill(self.target)
        lost = self.farm.machines[self.target].cut_power(self.farm.data, self.draw())
        self.round.note(f"the power cut changed {lost} bytes")
        self.farm.start(self.target)


class Damage(OneFault):
    """One bit of a blob in the store changes, as disks do it, once everything is written.

    Layers that a worker has unpacked are not damaged: they are the word of the worker's disk, which nothing compares
    (docs/security.md, "What remains trusted").
    """

    def begin(self):
        blobs = sorted(path for path in self.farm.blobs() if path.stat().st_size and path.name not in self.round.spared)
        if not blobs:
            return
        path = blobs[int(self.fault.amount * len(blobs))]
        with open(path, "r+b") as file:
            at = self.draw().randrange(path.stat().st_size)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes((byte ^ MANGLED,)))
        self.round.damaged.add(path.name.removesuffix(".parts"))
        self.round.note(f"damaged byte {at} of {path.name}")


class NewDisk(Kill):
    """The worker's machine comes back with nothing of what its disk held but its token."""

    def begin(self):
        super().begin()
        folder = self.farm.folder / self.target
        for path in folder.iterdir():
            if path.name in ("token", "filler"):
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


class Jump(OneFault):
    """The wall clock is set, forwards or backwards; nobody sets it back."""

    def begin(self):
        draw = self.draw()
        seconds = plan.JUMPS[int(self.fault.amount * len(plan.JUMPS))] * draw.choice((-1, 1))
        self.farm.machines[self.target].jump(seconds)
        self.round.note(f"the clock of {self.target} jumps by {seconds:+} s")


class Cut(OneFault):
    def begin(self):
        self.proxy.cut()


class Delay(OneFault):
    def begin(self):
        self.proxy.slow(0.01 + 0.2 * self.fault.amount)

    def end(self):
        self.proxy.slow(0.0)


class HalfOpen(OneFault):
    def begin(self):
        self.proxy.hold(True)

    def end(self):
        self.proxy.hold(False)


class Refuse(OneFault):
    """What is connected is cut, and nobody gets in for a while."""

    def begin(self):
        self.proxy.refuse(True)
        self.proxy.cut()

    def end(self):
        self.proxy.refuse(False)


CLASSES = {"kill": Kill, "kill-inside": KillInside, "stop": Stop, "silence": Stop, "full-disk": FullDisk,
           "power-cut": PowerCut, "damage": Damage, "new-disk": NewDisk, "jump": Jump, "cut": Cut, "delay": Delay,
           "half-open": HalfOpen, "refuse": Refuse}


def make(round_, fault):
    return CLASSES[fault.kind](round_, fault)


def needs_library(fault):
    return fault.kind in ("power-cut", "jump")
