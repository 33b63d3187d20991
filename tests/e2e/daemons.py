"""The daemons of other builders and a registry, each with state of its own below one folder: what the
conformance cases and the bench compare with. Use them as context managers.

A daemon that is not installed or does not start says why in `problem`. All are ended by process id.
"""
import os
import pathlib
import shutil
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Where scripts/install-buildkit puts its programs.
PEERS_BIN = pathlib.Path(os.environ.get("CROSSMILL_PEERS_BIN", ROOT / "build" / "peers" / "bin"))
# Debian's; another client of the same name may come first in PATH and speak only BuildKit.
DOCKER = "/usr/bin/docker"
START_LIMIT = 30


def succeeds(*argv, env=None):
    return subprocess.run([str(word) for word in argv], capture_output=True, env=env).returncode == 0


class Daemon:
    """One process, started on entering. Subclasses say what it is in `program`, `arguments`, `answers`."""
    program = ""
    remedy = ""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / self.program
        self.problem = ""
        self.process = None

    def arguments(self):
        raise NotImplementedError

    def answers(self):
        raise NotImplementedError

    def missing(self):
        """Why it cannot be started, or nothing."""
        return "" if self.path() else f"{self.program} is not installed ({self.remedy})"

    def path(self):
        return shutil.which(self.program)

    def __enter__(self):
        self.problem = self.missing()
        if self.problem:
            return self
        self.folder.mkdir(parents=True)
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([self.path(), *map(str, self.arguments())], stdout=log, stderr=log)
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            if self.answers():
                return self
            time.sleep(0.1)
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        self.problem = f"{self.program} does not start: {lines[-1] if lines else 'it says nothing'}"
        self.close()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends it and removes its state; a daemon that crashed leaves mounts."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        for mount in reversed(mounts_below(self.folder)):
            subprocess.run(["umount", "--lazy", mount], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def mounts_below(folder):
    lines = pathlib.Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    return [line.split()[1] for line in lines if line.split()[1].startswith(f"{folder}/")]


class DockerDaemon(Daemon):
    """Debian's dockerd without bridge and packet filters; `environment` leads its client to it."""
    program = "dockerd"
    remedy = "Debian's docker.io"

    def __init__(self, folder):
        super().__init__(folder)
        self.environment = {"DOCKER_HOST": f"unix://{self.folder}/docker.sock", "DOCKER_CONFIG": f"{self.folder}/config"}

    def missing(self):
        return super().missing() or ("" if os.path.exists(DOCKER) else f"{DOCKER} is missing ({self.remedy})")

    def arguments(self):
        (self.folder / "config").mkdir()
        return ["--iptables=false", "--bridge=none", "--data-root", self.folder / "data", "--exec-root",
                self.folder / "exec", "--pidfile", self.folder / "pid", "--host", f"unix://{self.folder}/docker.sock"]

    def answers(self):
        return succeeds(DOCKER, "version", env={**os.environ, **self.environment})


class Registry(Daemon):
    """Debian's docker-registry on 127.0.0.1, to which skopeo pushes images."""
    program = "docker-registry"
    remedy = "Debian's docker-registry"

    def __init__(self, folder, port):
        super().__init__(folder)
        self.host = f"127.0.0.1:{port}"

    def arguments(self):
        config = self.folder / "config.yml"
        config.write_text("version: 0.1\nlog:\n  level: error\n"
                          f"storage:\n  filesystem:\n    rootdirectory: {self.folder}/data\n"
                          f"http:\n  addr: {self.host}\n")
        return ["serve", config]

    def answers(self):
        try:
            with urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5):
                return True
        except OSError:
            return False

    def push(self, layout, name):
        """All platforms of an OCI layout tar. Returns the name to pull by."""
        reference = f"{self.host}/{name}"
        subprocess.run(["skopeo", "copy", "--quiet", "--all", "--dest-tls-verify=false", f"oci-archive:{layout}",
                        f"docker://{reference}"], check=True, capture_output=True)
        return reference


class BuildKit(Daemon):
    """The newest buildkitd as root with the host's network; names without a registry come from `registry`.

    `client` are the first words of a command of its client, buildx, and `environment` what these need.
    """
    program = "buildkitd"
    remedy = "scripts/install-buildkit builds it, with Go"

    def __init__(self, folder, registry):
        super().__init__(folder)
        self.registry = registry
        self.environment = {"BUILDX_CONFIG": f"{self.folder}/client", "DOCKER_CONFIG": f"{self.folder}/client"}
        self.client = [PEERS_BIN / "buildx"]
        self.version = ""

    def path(self):
        return shutil.which(PEERS_BIN / self.program)

    def missing(self):
        if shutil.which("runc") is None:
            return "runc is not installed (Debian's runc)"
        return super().missing() or self.registry.problem

    def arguments(self):
        config = self.folder / "buildkitd.toml"
        config.write_text('insecure-entitlements = ["network.host"]\n'
                          f'[registry."docker.io"]\n  mirrors = ["{self.registry.host}"]\n'
                          f'[registry."{self.registry.host}"]\n  http = true\n  insecure = true\n')
        return ["--config", config, "--root", self.folder / "root", "--addr", self.socket, "--oci-worker=true",
                "--containerd-worker=false", "--oci-worker-snapshotter=overlayfs", "--oci-worker-net=host",
                "--oci-worker-binary=runc"]

    @property
    def socket(self):
        return f"unix://{self.folder}/buildkitd.sock"

    def answers(self):
        if not (self.folder / "buildkitd.sock").exists():
            return False
        environment = {**os.environ, **self.environment}
        if not (self.folder / "client").exists():
            succeeds(*self.client, "create", "--name", "peer", "--driver", "remote", self.socket, env=environment)
        said = subprocess.run([*self.client, "inspect", "peer"], env=environment, capture_output=True, text=True)
        found = [line.split()[-1] for line in said.stdout.splitlines() if line.startswith("BuildKit version:")]
        self.version = found[0] if found else ""
        return said.returncode == 0 and bool(found)
