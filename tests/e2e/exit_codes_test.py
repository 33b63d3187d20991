"""Every exit code of docs/cli.md, as a script sees it."""
import json
import os
import signal
import subprocess
import time

from farm import BIN, Farm, FarmTestCase, main, tiny_archive, wait_for

UNREPRODUCIBLE = "FROM tiny\nRUN head -c 16 /dev/urandom > /r\n"


class ExitCodeTest(FarmTestCase):
    farm_options = {"workers": 2}

    def tearDown(self):
        self.assert_farm_goes_on()

    def test_0_ok_and_1_failed(self):
        self.dockerfile("FROM tiny\nRUN true\n")
        self.assert_exit(self.build(), 0)
        self.dockerfile("FROM tiny\nRUN false\n")
        self.assert_exit(self.build(), 1)

    def test_2_usage(self):
        self.dockerfile("FROM tiny\nRUN true\n")
        for arguments in (["build", "--no-such-flag", self.context], ["no-such-command"],
                          ["build", "--platform", "nonsense/of/a/platform", self.context],
                          ["build", "--network", "everything", self.context], ["show", "4711"], ["cancel", "4711"],
                          ["image", "save", "no-such-image", "-o", self.context / "out.tar"]):
            result = self.farm.cli(*arguments)
            with self.subTest(arguments):
                self.assert_exit(result, 2)
                self.assertTrue(result.stderr.strip())

    def test_3_only_when_reproducible_is_required(self):
        self.dockerfile(UNREPRODUCIBLE)
        plain = self.build("--verify", "2", "--allow-same-host")
        self.assert_exit(plain, 0)
        self.assert_says(plain, "unreproducible", "same host", "Dockerfile:2")
        required = self.build("--require", "reproducible", "--allow-same-host")
        self.assert_exit(required, 3)
        diff = self.farm.cli("diff", "--json")
        self.assert_exit(diff, 0)
        cell, = json.loads(diff.stdout)["cells"]
        self.assertEqual(cell["verdict"], "unreproducible")
        paths = [(d["path"], d["kind"]) for s in cell["steps"] for d in s["differences"]]
        self.assertEqual(paths, [("r", "content")])

    def test_3_is_0_for_a_reproducible_one(self):
        self.dockerfile("FROM tiny\nRUN echo always the same > /same\n")
        result = self.build("--require", "reproducible", "--allow-same-host")
        self.assert_exit(result, 0)
        self.assertEqual(self.farm.show()["verdict"], "reproducible")

    def test_4_without_a_token_or_with_a_workers(self):
        def over_tcp(**variables):
            return subprocess.run([BIN / "crossmill", "--coordinator", f"127.0.0.1:{self.farm.port}", "ls"],
                                  capture_output=True, text=True, timeout=60, env={**os.environ, **variables})
        self.assert_exit(over_tcp(), 4)
        self.assert_exit(over_tcp(CROSSMILL_TOKEN="guessed"), 4)
        self.assert_exit(over_tcp(CROSSMILL_TOKEN=self.farm.worker_token), 4)
        self.assert_exit(over_tcp(CROSSMILL_TOKEN=self.farm.client_token), 0)

    def test_5_when_there_is_no_coordinator(self):
        self.dockerfile("FROM tiny\nRUN true\n")
        result = subprocess.run([BIN / "crossmill", "--coordinator", f"unix:{self.context}/no.sock", "build",
                                 self.context], capture_output=True, text=True, timeout=120)
        self.assert_exit(result, 5)
        self.assert_says(result, f"{self.context}/no.sock", "crossmill up")

    def test_5_when_no_worker_can_run_a_platform(self):
        with Farm(workers=0, coordinator_options=["--placement-grace", "1"]) as farm:
            farm.import_base("tiny", tiny_archive())
            self.dockerfile("FROM tiny\nRUN true\n")
            result = farm.build(self.context)
            self.assertEqual(result.returncode, 5, self.story(result))
            self.assert_says(result, "linux/", "worker")
            farm.start_worker("late")
            farm.wait_for_workers(1)
            self.assertEqual(farm.build(self.context).returncode, 0)

    def test_6_when_two_workers_are_one_host(self):
        self.dockerfile("FROM tiny\nRUN echo one host > /host\n")
        result = self.build("--require", "reproducible")
        self.assert_exit(result, 6)
        self.assert_says(result, "--allow-same-host")
        plain = self.build("--verify", "2")
        self.assert_exit(plain, 0)

    def test_124_when_the_time_is_over(self):
        self.dockerfile(f"FROM tiny\nRUN sleep 60; echo {time.monotonic_ns()}\n")
        begin = time.monotonic()
        result = self.build("--timeout", "2s")
        self.assert_exit(result, 124)
        self.assertLess(time.monotonic() - begin, 30)
        self.assertEqual(self.farm.show()["status"], "timed-out")

    def test_a_steps_own_limit_is_a_failure_with_its_line(self):
        self.dockerfile(f"FROM tiny\nRUN sleep 60; echo {time.monotonic_ns()}\n")
        result = self.build("--step-timeout", "2s")
        self.assert_exit(result, 1)
        self.assert_says(result, "Dockerfile:2")
        self.assertRegex(result.stderr, r"(?i)time|limit")

    def test_130_on_ctrl_c_and_nothing_runs_on(self):
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"FROM tiny\nRUN sleep 60; echo {marker}\n")
        client = self.farm.start_build(self.context)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        wait_for(lambda: self.processes(f"sleep 60; echo {marker}"), "the start of the step")
        client.send_signal(signal.SIGINT)
        stdout, stderr = client.communicate(timeout=30)
        self.assertEqual(client.returncode, 130, stdout + stderr)
        wait_for(lambda: not self.processes(f"sleep 60; echo {marker}"), "the end of the step", 10)
        self.assertEqual(self.farm.show()["status"], "cancelled")

    def test_130_when_somebody_else_cancels(self):
        marker = f"marker-{time.monotonic_ns()}"
        self.dockerfile(f"FROM tiny\nRUN sleep 60; echo {marker}\n")
        client = self.farm.start_build(self.context)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        wait_for(lambda: self.processes(f"sleep 60; echo {marker}"), "the start of the step")
        number = self.farm.show()["id"]
        self.assert_exit(self.farm.cli("cancel", number), 0)
        stdout, stderr = client.communicate(timeout=30)
        self.assertEqual(client.returncode, 130, stdout + stderr)
        wait_for(lambda: not self.processes(f"sleep 60; echo {marker}"), "the end of the step", 10)

    def processes(self, marker):
        return subprocess.run(["pgrep", "-f", marker], capture_output=True, text=True).stdout.split()


if __name__ == "__main__":
    main()
