"""Backups of a farm that works: taken under load, killed, damaged, restored elsewhere; what check finds and mends."""
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import farm as farms  # noqa: E402

DAMAGED = 7
GRACE = 5


def admin(farm, *words, data=None):
    return farm.cli("admin", *words, *(("--data", data) if data else ()))


def document(result):
    assert result.returncode in (0, DAMAGED), result.stdout + result.stderr
    return json.loads(result.stdout)


def images(farm):
    result = farm.cli("image", "ls", "--json")
    assert result.returncode == 0, result.stderr
    return {image["name"]: image["digest"] for image in json.loads(result.stdout)}


class RestoredFarm:
    """A farm whose data folder is what a backup gave."""

    def __init__(self, backup, workers=1):
        self.farm = farms.Farm(workers=workers)
        self.farm.data.rmdir()
        self.restored = document(subprocess.run(
            [farms.BIN / "crossmill", "admin", "restore", backup, "--json", "--data", self.farm.data],
            capture_output=True, text=True))

    def __enter__(self):
        return self.farm.__enter__()

    def __exit__(self, *_):
        self.farm.close()


class BackupTest(farms.FarmTestCase):
    farm_options = {"workers": 1, "slots": 3}

    def setUp(self):
        super().setUp()
        self.backups = self.context.parent / (self.context.name + "-backups")
        self.addCleanup(shutil.rmtree, self.backups, True)

    def back_up(self, *words, rate="0"):
        result = admin(self.farm, "backup", self.backups, "--json", "--rate", rate, *words)
        self.assert_exit(result, 0)
        return json.loads(result.stdout)

    def recipe(self, name):
        self.write(f"{name}.bin", name.encode() * 200_000)
        self.dockerfile(f"""
            FROM tiny
            COPY {name}.bin /
            RUN echo {name} > /made && cat /{name}.bin /{name}.bin > /twice
            """)

    def test_a_backup_under_load_gives_the_same_farm_elsewhere(self):
        self.recipe("loaded")
        before = self.build_json("-t", "loaded:1", "--platform", "linux/amd64")
        running = self.context / "running"
        running.mkdir()
        (running / "Dockerfile").write_text("FROM tiny\nRUN sleep 6; echo slept > /slept\n")
        load = [self.farm.start_build(running)]
        for number in range(4):
            folder = self.context / f"load{number}"
            folder.mkdir()
            (folder / "Dockerfile").write_text(
                f"FROM tiny\nRUN echo {time.monotonic_ns()} > /a\nRUN cp /a /b\nRUN cp /b /c\n")
            load.append(self.farm.start_build(folder, "-t", f"load:{number}"))
        farms.wait_for(lambda: any(build["status"] == "running" for build in
                                   json.loads(self.farm.cli("ls", "--json").stdout)), "a running build")
        taken = self.back_up()
        last = max(build["id"] for build in json.loads(self.farm.cli("ls", "--json").stdout))
        kept = images(self.farm)
        for process in load:
            _, errors = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, errors)
        check = document(admin(self.farm, "check", "--json", "--rate", "0"))
        self.assertTrue(check["clean"] and check["online"], check)

        other = RestoredFarm(self.backups)
        self.assertEqual(other.restored["name"], taken["name"])
        self.assertTrue(document(admin(other.farm, "check", "--json", data=other.farm.data))["clean"])
        with sqlite3.connect(other.farm.data / "record.db") as record:
            unfinished = record.execute("SELECT count(*) FROM builds WHERE status < 4").fetchone()[0]
        record.close()
        self.assertGreater(unfinished, 0, "nothing ran when the backup was taken")
        with other as farm:
            restored = images(farm)
            self.assertEqual(restored.get("loaded:1", restored), before["index_digest"])
            self.assertLessEqual(set(restored.items()), set(kept.items()) | set(images(self.farm).items()))
            # Everything that had ended is cached, and gives the same image.
            again = farm.build(self.context, "-t", "loaded:1", "--platform", "linux/amd64", "--json")
            self.assertEqual(again.returncode, 0, again.stderr + farm.logs())
            again = json.loads(again.stdout)
            self.assertEqual(again["index_digest"], before["index_digest"])
            self.assertTrue(all(step["status"] == "cached" for step in farms.steps(again)
                                if step["text"].startswith(("RUN", "COPY"))), farms.steps(again))
            # Numbers that were told after the backup mean nothing else now.
            self.assertGreater(again["id"], last)
            self.assertEqual(again["id"], other.restored["next_build"])
            # What ran when the backup was taken is taken up.
            farms.wait_for(lambda: all(build["status"] not in ("running", "queued", "planning")
                                       for build in json.loads(farm.cli("ls", "--json").stdout)), "the end of all builds")
            ended = json.loads(farm.cli("ls", "--json").stdout)
            self.assertEqual({build["status"] for build in ended}, {"succeeded"}, ended)
            # A console of before.
            logs = farm.cli("logs", str(before["id"]))
            self.assertEqual(logs.returncode, 0, logs.stderr)

    def test_a_backup_beside_garbage_collection_without_end(self):
        """What a backup needs is not removed under it, and a blob that goes while it looks is none that it needs."""
        self.addCleanup(self.farm.cli, "admin", "policy", "reset", "blobs.budget", "blobs.grace")
        self.assert_exit(self.farm.cli("admin", "policy", "set", f"blobs.grace={GRACE}s"), 0)
        named = {}
        for number in range(3):
            self.recipe(f"kept{number}")
            named[number] = self.build_json("-t", f"kept:{number}")
            self.addCleanup(self.farm.cli, "image", "rm", f"kept:{number}")
            # Its steps' layers are needed too, and not only its image.
            self.assert_exit(self.farm.cli("pin", named[number]["id"]), 0)
            self.addCleanup(self.farm.cli, "unpin", named[number]["id"])
        # Waste that waits for the first collections.
        for number in range(3):
            self.recipe(f"waste{number}")
            self.build_json()
        done = threading.Event()
        collected, problems, taken = [], [], []

        def collect():
            while not done.is_set():
                result = self.farm.cli("prune", "--json")
                (collected if result.returncode == 0 else problems).append(result.stdout + result.stderr)

        def build(number):
            folder = self.context / f"beside{number}"
            folder.mkdir()
            (folder / "noise").write_bytes(os.urandom(200_000))
            (folder / "Dockerfile").write_text("FROM tiny\nCOPY noise /\nRUN cat /noise /noise > /twice\nRUN cp /twice /more\n")
            # Every second one has a name that the backup may or may not have, and must have whole.
            return self.farm.build(folder, "--json", *(("-t", f"beside:{number}") if number % 2 else ()))

        collector = threading.Thread(target=collect)
        collector.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                builds = [pool.submit(build, number) for number in range(12)]
                # From the first collection that removes something on, as long as builds run.
                farms.wait_for(lambda: any(json.loads(text)["blobs"] for text in collected), "a collection that removes", 120)
                while not taken or not all(each.done() for each in builds):
                    # So slowly that several collections come in between.
                    taken.append(self.back_up(rate="3m"))
                results = [each.result() for each in builds]
        finally:
            done.set()
            collector.join()
        self.assertEqual(problems, [])
        for number, result in enumerate(results):
            self.assertEqual(result.returncode, 0, f"build {number}: {self.story(result)}")
            if number % 2:
                self.addCleanup(self.farm.cli, "image", "rm", f"beside:{number}")
        # Of this farm everything is whole.
        self.assertTrue(document(admin(self.farm, "check", "--json", "--rate", "0"))["clean"])
        other = RestoredFarm(self.backups)
        check = document(admin(other.farm, "check", "--json", data=other.farm.data))
        self.assertTrue(check["clean"], check)
        here = images(self.farm)
        with other as farm:
            restored = images(farm)
            for name, digest in restored.items():
                self.assertEqual(digest, here.get(name), name)
                archive = self.context / "saved.tar"
                saved = farm.cli("image", "save", name, "-o", f"type=oci,dest={archive}")
                # Saving compares every byte with its digest.
                self.assertEqual(saved.returncode, 0, saved.stderr)
            for number, before in named.items():
                self.assertEqual(restored[f"kept:{number}"], before["index_digest"])
                self.recipe(f"kept{number}")
                again = farm.build(self.context, "--json")
                self.assertEqual(again.returncode, 0, again.stderr + farm.logs())
                again = json.loads(again.stdout)
                self.assertEqual(again["index_digest"], before["index_digest"])
                self.assertEqual({step["status"] for step in farms.steps(again)}, {"cached"}, farms.steps(again))
                self.assertEqual([step["layer_digest"] for step in farms.steps(again)],
                                 [step["layer_digest"] for step in farms.steps(before)])

    def test_a_second_backup_copies_only_what_is_new(self):
        self.recipe("first")
        self.build_json("-t", "first:1")
        first = self.back_up()
        second = self.back_up()
        # Nothing was built: the logs of audits may have grown, blobs have not.
        self.assertEqual(second["blobs"], first["blobs"])
        self.assertLess(second["copied"], 4)
        self.recipe("second")
        self.build_json("-t", "second:1")
        third = self.back_up()
        new = third["blobs"] - second["blobs"]
        self.assertGreater(new, 2)
        self.assertLessEqual(third["copied"], new + 6)
        self.assertEqual(len((self.backups / "current").read_text().splitlines()), 2)
        self.assertEqual(len(list((self.backups / "moments").iterdir())), 2)

    def test_a_killed_backup_leaves_the_last_one_good(self):
        self.recipe("kept")
        self.build_json("-t", "kept:1")
        first = self.back_up()
        self.recipe("more")
        self.build_json("-t", "more:1")
        process = subprocess.Popen([farms.BIN / "crossmill-coordinator", "--data", self.farm.data, "backup", self.backups,
                                    "--rate", "300k"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # In the middle of the blobs, or of the record: either way before it is complete.
        time.sleep(2)
        self.assertIsNone(process.poll(), "the backup was too fast for the test")
        again = admin(self.farm, "backup", self.backups)
        self.assert_exit(again, 5)
        self.assert_says(again, "another process is writing a backup")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        target = self.context / "restored"
        restored = document(admin(self.farm, "restore", self.backups, "--json", data=target))
        self.assertEqual(restored["name"], first["name"])
        self.assertTrue(document(admin(self.farm, "check", "--json", data=target))["clean"])
        after = self.back_up()
        self.assertEqual(len(list((self.backups / "moments").iterdir())), 2)
        self.assertGreater(after["blobs"], first["blobs"])

    def start_restore(self, target, *words):
        return subprocess.Popen([farms.BIN / "crossmill-coordinator", "--data", target, "restore", self.backups, *words],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def whole_builds(self, data):
        """The builds of the farm in a folder, of which every blob is there with its digest."""
        checked = admin(self.farm, "check", "--json", data=data)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertTrue(json.loads(checked.stdout)["clean"], checked.stdout)
        record = sqlite3.connect(data / "record.db")
        try:
            return record.execute("SELECT count(*) FROM builds").fetchone()[0]
        finally:
            record.close()

    def test_a_killed_restore_leaves_one_farm_or_the_other(self):
        self.recipe("early")
        self.build_json()
        early = self.back_up()
        self.recipe("late")
        self.build_json()
        late = self.back_up()
        target = self.context / "restored"
        first = ("--moment", early["name"], "--force")
        began = time.monotonic()
        process = self.start_restore(target, *first)
        self.assertEqual(process.wait(60), 0, process.communicate())
        took = time.monotonic() - began
        # Other tests have built at this farm.
        before = self.whole_builds(target)
        # Of one that was killed before anything else.
        beside = self.context / "restored.restoring"
        beside.mkdir()
        (beside / "restoring.Ab12Cd").write_text("hal")
        (beside / "restoring.Ab12Cd").chmod(0o600)
        counts, halves = [], 0
        for part in range(1, 21):
            process = self.start_restore(target, "--moment", late["name"], "--force")
            time.sleep(took * part / 18)
            process.kill()
            process.communicate()
            self.assertIn(process.returncode, (-signal.SIGKILL, 0))
            halves += (beside / "restoring").exists()
            counts.append(self.whole_builds(target))
            # What was moved aside is whole, too; it is what was there.
            for aside in self.context.glob("restored.before-restore-*"):
                self.whole_builds(aside)
                shutil.rmtree(aside)
            # However the last one ended, the next one has its way.
            again = self.start_restore(target, *first)
            self.assertEqual(again.wait(60), 0, again.communicate())
            again.communicate()
            self.assertEqual(self.whole_builds(target), before)
            for aside in self.context.glob("restored.before-restore-*"):
                self.whole_builds(aside)
                shutil.rmtree(aside)
        self.assertEqual([path.name for path in self.context.glob("restored*") if path.is_dir() and path != target], [])
        self.assertEqual([path.name for path in target.glob("restoring*")], [])
        self.assertLessEqual(set(counts), {before, before + 1})
        self.assertGreater(halves, 0, "no kill came in the middle")
        self.assertIn(before, counts)

    def test_what_is_damaged_or_half_is_refused(self):
        self.recipe("whole")
        self.build_json("-t", "whole:1")
        target = self.context / "restored"
        nothing = admin(self.farm, "restore", self.backups, data=target)
        self.assert_exit(nothing, 5)
        self.assert_says(nothing, "there is no complete backup")
        self.back_up()
        full = admin(self.farm, "restore", self.backups, data=self.context)
        self.assert_exit(full, 5)
        self.assert_says(full, "is not empty", "--force")
        # Only what a restore leaves is nothing.
        kept = self.context / "kept"
        kept.mkdir()
        (kept / "restoring.notes").write_text("somebody's own")
        self.assert_says(admin(self.farm, "restore", self.backups, data=kept), "is not empty", "--force")
        self.assertEqual((kept / "restoring.notes").read_text(), "somebody's own")
        running = admin(self.farm, "restore", self.backups, "--force", data=self.farm.data)
        self.assert_exit(running, 5)
        self.assert_says(running, "a coordinator runs on")
        blob = max(self.backups.glob("blobs/*/*"), key=lambda path: path.stat().st_size)
        content = blob.read_bytes()
        blob.chmod(0o600)
        blob.write_bytes(content[:-1] + b"?")
        damaged = admin(self.farm, "restore", self.backups, data=target)
        self.assert_exit(damaged, 5)
        self.assert_says(damaged, blob.name, "does not have its digest")
        # A coordinator does not take the half for the whole.
        half = subprocess.run([farms.BIN / "crossmill-coordinator", "--data", target], capture_output=True, text=True,
                              timeout=30)
        self.assertEqual(half.returncode, 5)
        self.assertIn("restore that did not come to its end", half.stderr)
        # A backup mends what it is told to look at, and the restore goes on where there is a half.
        self.assertEqual(self.back_up("--verify")["mended"], 1)
        self.assert_exit(admin(self.farm, "restore", self.backups, data=target), 0)
        moment = sorted((self.backups / "moments").iterdir())[-1]
        manifest = moment / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))
        changed = admin(self.farm, "restore", self.backups, data=self.context / "other")
        self.assert_exit(changed, 5)
        self.assert_says(changed, "manifest is damaged")

    def test_an_image_that_is_not_whole_is_no_backup(self):
        self.recipe("broken")
        built = self.build_json("-t", "broken:1")
        index = json.loads(self.blob(built["index_digest"]).read_text())
        entry = index["manifests"][0] if "manifests" in index else None
        manifest = json.loads(self.blob(entry["digest"]).read_text()) if entry else index
        layer = self.blob(manifest["layers"][-1]["digest"])
        content = layer.read_bytes()
        layer.unlink()
        try:
            result = admin(self.farm, "backup", self.backups)
            self.assert_exit(result, 5)
            self.assert_says(result, "no backup was taken", "broken:1")
            self.assertFalse((self.backups / "current").exists())
            check = admin(self.farm, "check", "--json", "--rate", "0")
            self.assert_exit(check, DAMAGED)
            found = [finding for finding in json.loads(check.stdout)["findings"] if finding["damage"]]
            self.assertEqual([finding["kind"] for finding in found], ["image"])
            self.assertIn("broken:1", found[0]["where"])
        finally:
            layer.write_bytes(content)
        self.assert_exit(admin(self.farm, "check"), 0)

    def blob(self, digest):
        value = digest.removeprefix("sha256:")
        return self.farm.data / "content" / "blobs" / value[:2] / value

    def test_check_finds_what_is_planted_and_mends_what_it_says(self):
        self.recipe("checked")
        self.build_json("-t", "checked:1")
        self.back_up()
        data = self.context / "data"
        self.assert_exit(admin(self.farm, "restore", self.backups, data=data), 0)
        (data / "tokens").unlink(missing_ok=True)
        step = farms.step(self.farm.show("latest"), "RUN")
        tars = {path for path in data.glob("content/blobs/*/*") if path.stat().st_size > 1_000_000}
        self.assertTrue(tars)
        flipped = max(tars, key=lambda path: path.stat().st_size)
        content = bytearray(flipped.read_bytes())
        content[100] ^= 1
        flipped.chmod(0o600)
        flipped.write_bytes(content)
        stray = data / "content" / "blobs" / "ab" / "notes.txt"
        stray.parent.mkdir(exist_ok=True)
        stray.write_text("mine")
        log = data / "logs" / f"{step['execution'] % 100:02}" / f"{step['execution']}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        whole = log.read_bytes() if log.exists() else b""
        log.write_bytes(whole + b"\x40torn")
        found = admin(self.farm, "check", "--json", data=data)
        self.assert_exit(found, DAMAGED)
        report = json.loads(found.stdout)
        kinds = {finding["kind"]: finding for finding in report["findings"]}
        self.assertFalse(report["online"])
        self.assertEqual(kinds["blob"]["where"], str(flipped))
        self.assertEqual(kinds["stray"]["where"], str(stray))
        self.assertEqual(kinds["log"]["where"], str(log))
        # Sizes say nothing of a flipped bit.
        self.assertTrue(document(admin(self.farm, "check", "--quick", "--json", data=data))["clean"])
        mended = document(admin(self.farm, "check", "--repair", "--json", data=data))
        self.assertFalse(flipped.exists())
        self.assertEqual(log.read_bytes(), whole)
        self.assertTrue(stray.exists())
        images_hurt = [finding for finding in mended["findings"] if finding["kind"] == "image"]
        self.assertEqual(mended["clean"], not images_hurt)
        after = document(admin(self.farm, "check", "--json", data=data))
        self.assertNotIn("blob", {finding["kind"] for finding in after["findings"]})
        self.assertNotIn("log", {finding["kind"] for finding in after["findings"]})
        # Not while a coordinator has it open.
        online = admin(self.farm, "check", "--repair")
        self.assert_exit(online, 5)
        self.assert_says(online, "stop it first")
        record = data / "record.db"
        damaged = bytearray(record.read_bytes())
        for page in range(4, len(damaged) // 4096, 3):
            damaged[page * 4096:page * 4096 + 64] = b"\xff" * 64
        record.write_bytes(damaged)
        broken = admin(self.farm, "check", "--quick", "--json", data=data)
        self.assert_exit(broken, DAMAGED)
        self.assertIn("record", {finding["kind"] for finding in json.loads(broken.stdout)["findings"]})

    def test_another_machines_farm_is_no_farm_of_this_one(self):
        result = self.farm.cli("--coordinator", "farm.example:7070", "admin", "backup", self.backups)
        self.assert_exit(result, 2)
        self.assert_says(result, "on the coordinator's machine", "--data")


if __name__ == "__main__":
    farms.main()
