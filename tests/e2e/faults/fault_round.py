"""One round: a farm of its own, the builds and faults of a plan at their times, everything healed, and then what must hold."""
import collections
import pathlib
import shutil
import tempfile
import time

import faults
import invariants
import recipes
from clients import Submission
from farm import tiny_archive
from faulty_farm import FaultyFarm
from record import Record

TICK = 0.02


class Round:
    # For builds and clients to end when all is healed: three tries of a worker that has to be found silent, on a machine
    # with other work.
    END_LIMIT = 150

    def __init__(self, plan, references, strict=False, trace=None):
        self.plan = plan
        self.references = references
        # An inconclusive verdict is a failure.
        self.strict = strict
        self.trace = trace or (lambda text: None)
        self.spares_base = True
        self.farm = FaultyFarm(plan)
        self.contexts = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-context-", dir="/var/tmp"))
        self.submissions = []
        self.damaged = set()
        # Blobs that are not damaged: a lost base makes all workers rest, as each of them fails tasks of several builds with it
        # (docs/faults.md), which takes longer than a round has.
        self.spared = set()
        self.counts = collections.Counter()
        self.views = {}
        self.record = None
        self.recipes_of = {}
        self.began = 0.0
        self.timeline = []

    # ---- what invariants ask ----

    def note(self, text):
        line = f"{time.monotonic() - self.began:7.3f} {text}"
        self.timeline.append(line)
        self.trace(line)

    def count(self, what):
        self.counts[what] += 1

    def built(self):
        """(submission, number, row) of every submission that has a build."""
        builds = self.record.builds()
        for each in self.submissions:
            for number in self.record.number_of(each.key):
                yield each, number, builds[number]

    def recipe_of(self, number):
        return self.recipes_of[number]

    # ---- the round ----

    def run(self, keep=None):
        """Sentences about what does not hold. Logs and record go to `keep` if there are any."""
        wrong = []
        try:
            try:
                with self.farm:
                    wrong = self._play()
                    if wrong and keep:
                        self._keep(keep, wrong)
            except Exception as error:  # pylint: disable=broad-except
                wrong.append(f"{type(error).__name__}: {error}")
                raise
        finally:
            for each in self.submissions:
                each.kill()
            shutil.rmtree(self.contexts, ignore_errors=True)
        return wrong

    def _keep(self, folder, wrong):
        (self.farm.folder / "timeline").write_text("\n".join([*self.timeline, "", *wrong, ""]))
        self.farm.keep(folder)

    def _play(self):
        self.began = time.monotonic()
        wrong = []
        try:
            self.farm.import_base("tiny", tiny_archive())
            if self.spares_base:
                self.spared = {path.name for path in self.farm.blobs()}
            self._inflict()
            self.note("healing")
            self.farm.heal()
            self.note("healed")
            self._settle()
            wrong += self._check(invariants.OF_RUNNING_FARM)
            self._build_again()
            self.record.close()
            self.note("stopping")
            wrong += self.farm.stop_in_order()
            self.record = Record(self.farm.data)
            wrong += self._check(invariants.OF_STOPPED_FARM)
            self.note("over")
        except AssertionError as error:
            # Of the driver's own waits: something did not come back.
            wrong.append(str(error))
        finally:
            if self.record is not None:
                self.record.close()
        return wrong

    def _check(self, checks):
        return [f"{check.__name__}: {sentence}" for check in checks for sentence in check(self)]

    def _inflict(self):
        """Everything of the plan at its time, one after the other."""
        waiting = []
        for build in self.plan.builds:
            submission = Submission(self, build)
            self.submissions.append(submission)
            waiting.append((build.at, 0, f"submit {submission.name}", submission.start))
        for number, fault in enumerate(self.plan.faults):
            one = faults.make(self, fault)
            said = f"{fault.kind} {fault.target}"
            waiting.append((fault.at, 1 + number, f"{said} begins", one.begin))
            waiting.append((fault.at + fault.lasts, 1 + number, f"{said} ends", one.end))
        waiting.sort(key=lambda each: each[:2])
        for at, _, said, action in waiting:
            while time.monotonic() - self.began < at:
                self._tick()
                time.sleep(TICK)
            self.note(said)
            action()

    def _tick(self):
        self.farm.supervise()
        for each in self.submissions:
            each.look()
            # Not while the coordinator cannot answer, as the other faults would wait for it.
            if each.wants_cancel() and not {"coordinator"} & (self.farm.frozen.keys() | self.farm.away):
                each.cancel()
                self.note(f"cancel {each.name}: {'acknowledged' if each.cancel_acknowledged else 'refused'}")

    def _wait_for_clients(self, submissions):
        end = time.monotonic() + self.END_LIMIT
        while time.monotonic() < end:
            self._tick()
            if not any(each.running() for each in submissions):
                return
            time.sleep(TICK)
        for each in submissions:
            each.stuck = each.running()
            each.kill()

    def _settle(self):
        """All clients come to an end; who could not submit does so again with its key; all builds come to an end."""
        for each in self.submissions:
            each.stuck = False
            each.new_builds = []
        self._wait_for_clients(self.submissions)
        self._tick()
        self.record = Record(self.farm.data)
        again = [each for each in self.submissions if not self.record.number_of(each.key)]
        for each in again:
            self.note(f"{each.name} is submitted again: it ended with {each.exits}")
            self.count("submitted again")
            each.start()
        self._wait_for_clients(again)
        end = time.monotonic() + self.END_LIMIT
        while time.monotonic() < end and any(row["status"] < 4 for row in self.record.builds().values()):
            self._tick()
            time.sleep(TICK)
        self._tick()
        self.note("settled")
        for each, number, _ in self.built():
            each.followed = not each.build.detached and not each.stuck
            self.recipes_of[number] = each.build.kind, each.build.salt
        self._fetch_views()

    def _fetch_views(self):
        for number, (kind, _) in self.recipes_of.items():
            if number not in self.views and recipes.end_of(kind) == recipes.SUCCEEDED:
                self.views[number] = self.farm.show(number)

    def _build_again(self):
        """Whatever is damaged or lost is found or made again: each recipe that should succeed and did not once, does now."""
        failed = {self.recipes_of[number]: each for each, number, row in self.built()
                  if row["status"] != 4 and recipes.end_of(each.build.kind) == recipes.SUCCEEDED}
        if failed and self.damaged:
            self.farm.import_base("tiny", tiny_archive())
        for each in failed.values():
            # The client takes what it sent before as known; a damaged blob of the context may be found while it builds.
            for attempt in range(3):
                each.start(key=f"{each.key}-again-{attempt}", detached=False)
                self._wait_for_clients([each])
                each.look()
                if each.exits[-1] == 0 or not self.damaged:
                    break
            number = (each.document() or {}).get("id")
            if each.exits[-1] != 0:
                raise AssertionError(f"{each.name} does not succeed on the healed farm either: {each.said()[-800:]}")
            found = [cell["image_digest"] for cell in each.document()["cells"]]
            if found != [self.references[each.build.kind, each.build.salt]]:
                raise AssertionError(f"{each.name} gave {found} when it was built again as {number}")
            self.count("built again")
