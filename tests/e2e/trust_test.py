"""Trust in workers, with real processes: a token is for one name, a name has one connection and a way back in after a
crash, and what a worker made can be taken back."""
import json
import shutil
import subprocess

from farm import BIN, FarmTestCase, main, steps, wait_for


class WorkerTokenTest(FarmTestCase):
    def worker(self, name, token, label):
        """A worker's process with a folder of its own, and the file of what it says."""
        data = self.farm.folder / label
        data.mkdir(exist_ok=True)
        (data / "token").write_text(token + "\n")
        for path in (data, data / "token"):
            shutil.chown(path, "crossmill", "crossmill")
        log = self.farm.folder / f"{label}.log"
        with open(log, "ab") as output:
            process = subprocess.Popen(
                [BIN / "crossmill-worker", "--coordinator", f"127.0.0.1:{self.farm.port}", "--name", name, "--data", data,
                 "--token-file", data / "token", "--slots", "1"], stdout=output, stderr=output)
        self.addCleanup(self.end, process)
        return process, log

    def end(self, process):
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)

    def is_connected(self, name):
        workers = json.loads(self.farm.cli("worker", "ls", "--json").stdout)
        return any(each["name"] == name and each["connected"] for each in workers)

    def test_a_token_made_now_is_good_now_and_for_its_name_only(self):
        token = self.farm.token("worker", "arm-1")
        other, log = self.worker("arm-2", token, "other")
        self.assertNotEqual(other.wait(timeout=30), 0)
        self.assertIn("this token is for worker 'arm-1', not for 'arm-2'", log.read_text())
        self.assertIn("crossmill-coordinator token worker arm-2", log.read_text())
        self.worker("arm-1", token, "own")
        wait_for(lambda: self.is_connected("arm-1"), "the worker of the token's name")

    def test_the_second_of_a_name_gets_in_when_the_first_is_killed_and_the_first_when_it_is_started_again(self):
        token = self.farm.token("worker", "twin")
        first, first_log = self.worker("twin", token, "first")
        wait_for(lambda: " connected to the coordinator" in first_log.read_text(), "the first")
        second, second_log = self.worker("twin", token, "second")
        wait_for(lambda: "a worker named 'twin' is connected" in second_log.read_text(), "the refusal of the second")
        self.assertIsNone(second.poll(), "it goes on asking")
        self.assertIsNone(first.poll())
        first.kill()
        first.wait(timeout=30)
        wait_for(lambda: " connected to the coordinator" in second_log.read_text(), "the second in the place of the first")
        second.kill()
        second.wait(timeout=30)
        # As systemd does after a crash.
        first_log.unlink()
        _, again = self.worker("twin", token, "first")
        wait_for(lambda: " connected to the coordinator" in again.read_text(), "the worker that was started again")


class DistrustTest(FarmTestCase):
    def test_what_a_worker_made_is_taken_back_listed_and_made_by_another(self):
        self.dockerfile("FROM tiny\nRUN echo one > /one\n")
        self.assert_exit(self.build("-t", "reached:1"), 0)
        made = self.farm.show()
        self.assertEqual([step["worker"] for step in steps(made)], ["w1"])
        self.farm.start_worker("w2")
        self.farm.wait_for_workers(2)
        told = self.farm.cli("distrust", "w1")
        self.assert_exit(told, 0)
        self.assertIn("w1 is distrusted: 1 results", told.stdout)
        self.assertIn(f"build {made['id']} (succeeded) reached:1", told.stdout)
        self.assertIn("image docker.io/library/reached:1", told.stdout)
        listed = json.loads(self.farm.cli("distrust", "w1", "--json").stdout)
        self.assertEqual((listed["results"], [build["id"] for build in listed["builds"]]), (0, [made["id"]]))
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        self.farm.wait_for_workers(2)
        state = {each["name"]: each["distrusted"] for each in json.loads(self.farm.cli("worker", "ls", "--json").stdout)}
        self.assertEqual(state, {"w1": True, "w2": False})
        self.assertIn("distrusted", self.farm.cli("worker", "ls").stdout)
        self.assert_exit(self.build(), 0)
        self.assertEqual([(step["worker"], step["status"]) for step in steps(self.farm.show())], [("w2", "executed")])
        self.assert_exit(self.farm.cli("trust", "w1"), 0)
        self.assert_exit(self.farm.cli("trust", "w1"), 2)
        self.assert_exit(self.farm.cli("distrust", "w1", "--since", "tomorrow"), 2)


if __name__ == "__main__":
    main()
