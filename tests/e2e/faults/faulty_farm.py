"""A farm whose processes can be killed, stopped, put on small disks and behind proxies, and that are started again when they end.

Coordinator and workers each have a tmpfs, a clock of their own (machine.py), and workers and clients a proxy.
"""
import json
import os
import shutil
import signal
import subprocess
import time

from farm import BIN, Farm, fill_disk
from machine import Machine
from plan import CLIENT, COORDINATOR
from proxy import Proxy

COORDINATOR_DISK = "192m"
WORKER_DISK = "128m"
# Tasks of a silent worker are given to others after so many seconds; workers are heard every 5.
WORKER_TIMEOUT = 8
# An ended process is started again after this, as systemd does it.
RESTART_DELAY = 0.2
# What a coordinator ends with whose record cannot be written, and programs that cannot start.
INFRASTRUCTURE = 5


def mount_tmpfs(path, size, mode):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode={mode}", "tmpfs", path], check=True)


class FaultyFarm(Farm):
    def __init__(self, plan):
        super().__init__(workers=plan.workers, slots=plan.slots,
                         coordinator_options=["--worker-timeout", str(WORKER_TIMEOUT)],
                         worker_options=["--least-space", "1", "--grace", "5"])
        self.plan = plan
        self.machines = {}
        self.proxies = {}
        self.holder = None
        # By name: why the process is away on purpose ("kill"), or when it has to be started.
        self.away = set()
        self.restart_at = {}
        # By name: its processes that are stopped.
        self.frozen = {}
        self.full = set()
        self.expected_deaths = set()
        # (name, exit code) of processes that ended by themselves.
        self.deaths = []
        self.coordinator_starts = 0
        self.namespace = ""
        # What programs take for /tmp.
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o1777)

    # ---- start ----

    def __enter__(self):
        try:
            mount_tmpfs(self.data, COORDINATOR_DISK, "0700")
            for name in [COORDINATOR, *self.plan.worker_names()]:
                self.machines[name] = Machine(self.folder / f"machine-{name}")
            if self.plan.apart:
                self._hold_namespace()
            for name in [CLIENT, *self.plan.worker_names()]:
                namespace = f"/proc/{self.holder.pid}/ns/net" if name == self.plan.apart else None
                self.proxies[name] = Proxy(self.port, namespace)
            for name in self.plan.worker_names():
                (self.folder / name).mkdir()
                mount_tmpfs(self.folder / name, WORKER_DISK, "0755")
            return super().__enter__()
        except BaseException:
            self.close()
            raise

    def _hold_namespace(self):
        """A process that keeps a network namespace with loopback alive."""
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 100000"],
                                       stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "up\n":
            raise AssertionError("there is no network namespace to be had")
        self.namespace = os.readlink(f"/proc/{self.holder.pid}/ns/net")

    def start_coordinator(self):
        self.launch_coordinator()
        self.wait_until_answered()

    def launch_coordinator(self):
        self.coordinator_starts += 1
        self.coordinator = self._launch(COORDINATOR, [
            BIN / "crossmill-coordinator", "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
            *self.coordinator_options])

    def start_worker(self, name):
        data = self.folder / name
        shutil.chown(data, "crossmill", "crossmill")
        token = data / "token"
        if not token.exists():
            token.write_text(self.worker_token + "\n")
            token.chmod(0o600)
            shutil.chown(token, "crossmill", "crossmill")
        inside = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"] if name == self.plan.apart else []
        self.workers[name] = self._launch(name, [
            *inside, BIN / "crossmill-worker", "--coordinator", f"127.0.0.1:{self.proxies[name].port}", "--name", name,
            "--data", data, "--slots", str(self.slots), "--token-file", token, *self.worker_options])

    def _launch(self, name, command):
        with open(self.folder / f"{name}.log", "ab") as log:
            return subprocess.Popen([str(word) for word in command], stdout=log, stderr=log,
                                    env={**os.environ, "TMPDIR": str(self.temporary), **self.machines[name].environment()})

    def wait_until_answered(self, limit=60):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self.supervise()
            try:
                if self.cli("worker", "ls", "--json", timeout=20).returncode == 0:
                    return
            except subprocess.TimeoutExpired:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the coordinator does not answer within {limit} s")

    # ---- processes ----

    def process(self, name):
        return self.coordinator if name == COORDINATOR else self.workers.get(name)

    def processes_of(self, name):
        """Ids of a worker's processes, its steps apart."""
        marker = f"--data {self.data if name == COORDINATOR else self.folder / name} "
        result = subprocess.run(["pgrep", "-f", "--", marker], capture_output=True, text=True)
        return {int(line) for line in result.stdout.split()}

    def expect_death(self, name):
        self.expected_deaths.add(name)
        self.away.add(name)

    def kill(self, name):
        process = self.process(name)
        self.thaw(name)
        self.expect_death(name)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    def start(self, name):
        """Started again unless it runs."""
        self.away.discard(name)
        process = self.process(name)
        if process is not None and process.poll() is None:
            return
        self.expected_deaths.discard(name)
        self.restart_at.pop(name, None)
        if name == COORDINATOR:
            self.launch_coordinator()
        else:
            self.start_worker(name)

    def freeze(self, name):
        self.frozen[name] = self.processes_of(name)
        for pid in self.frozen[name]:
            signal_to(pid, signal.SIGSTOP)

    def thaw(self, name):
        if name not in self.frozen:
            return
        # One that became a step's runtime just before it was stopped has another name by now.
        for pid in self.frozen.pop(name) | self.processes_of(name):
            signal_to(pid, signal.SIGCONT)

    def supervise(self):
        """Starts what has ended by itself, and remembers how."""
        for name in [COORDINATOR, *self.plan.worker_names()]:
            process = self.process(name)
            if process is None or name in self.away or process.poll() is None:
                continue
            if name not in self.restart_at:
                if name not in self.expected_deaths:
                    self.deaths.append((name, process.returncode, name in self.full))
                self.restart_at[name] = time.monotonic() + RESTART_DELAY
            elif time.monotonic() >= self.restart_at[name]:
                self.start(name)

    # ---- disks ----

    def blobs(self):
        return (self.data / "content" / "blobs").glob("*/*")

    def disk_of(self, name):
        return self.data if name == COORDINATOR else self.folder / name

    def fill(self, name, left):
        self.full.add(name)
        fill_disk(self.disk_of(name) / "filler", left)

    def make_room(self, name):
        (self.disk_of(name) / "filler").unlink(missing_ok=True)

    # ---- the end ----

    def heal(self):
        """Everything that was inflicted is over, but for what is lost and clocks that are set."""
        for proxy in self.proxies.values():
            proxy.heal()
        for name in [COORDINATOR, *self.plan.worker_names()]:
            self.make_room(name)
            self.machines[name].slow_syncs(0)
            self.thaw(name)
            self.start(name)
        self.wait_until_answered()
        self.wait_for_workers(self.plan.workers)

    def wait_for_workers(self, count):
        # One that a stop or a cut made silent comes back by itself.
        end = time.monotonic() + 90
        while time.monotonic() < end:
            self.supervise()
            if sum(worker["connected"] for worker in self.workers_told()) >= count:
                return
            time.sleep(0.05)
        raise AssertionError(f"after everything was healed {count} workers are not connected within 90 s")

    def workers_told(self):
        result = self.cli("worker", "ls", "--json", timeout=30)
        return json.loads(result.stdout) if result.returncode == 0 else []

    def stop_in_order(self, limit=40):
        """SIGTERM to all; what did not end by itself, and exit codes that are not 0."""
        wrong = []
        order = [*self.plan.worker_names(), COORDINATOR]
        for name in order[:-1]:
            if self.process(name) is not None:
                self.process(name).send_signal(signal.SIGTERM)
        for name in order:
            process = self.process(name)
            if process is None:
                continue
            if name == COORDINATOR:
                process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(timeout=limit)
                if code != 0:
                    wrong.append(f"{name} ended with {code} after SIGTERM")
            except subprocess.TimeoutExpired:
                wrong.append(f"{name} does not end within {limit} s after SIGTERM")
        return wrong

    def close(self):
        for name in list(self.frozen):
            self.thaw(name)
        for process in [*self.workers.values(), self.coordinator]:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        for proxy in self.proxies.values():
            proxy.close()
        self.proxies.clear()
        if self.holder is not None:
            self.holder.kill()
            self.holder.communicate()
            self.holder = None
        for machine in self.machines.values():
            machine.close()
        self.machines.clear()
        for disk in [self.data, *(self.folder / name for name in self.plan.worker_names())]:
            while os.path.ismount(disk):
                if subprocess.run(["umount", "--lazy", disk], capture_output=True).returncode != 0:
                    break
        subprocess.run(["rm", "-rf", "--one-file-system", self.folder], capture_output=True)

    def keep(self, folder):
        """Copies logs, record and what the round noted, before close."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in [*self.folder.glob("*.log"), *self.folder.glob("client-*"), self.folder / "timeline"]:
            if path.is_file():
                shutil.copy(path, folder)
        for name in ("record.db", "record.db-wal"):
            if (self.data / name).exists():
                shutil.copy(self.data / name, folder)


def signal_to(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
