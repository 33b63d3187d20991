"""Images of the farm as running containers: saved as an OCI layout, unpacked with umoci, run by crun or runc.

A container has a network of its own with nothing but loopback, Docker's default capabilities and no terminal. Everything
is ended and removed when the context manager is left.
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from farm import require_program, wait_for

# Docker's defaults: what images may rely on.
CAPABILITIES = [f"CAP_{name}" for name in (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID "
    "SYS_CHROOT").split()]
START_LIMIT = 180  # emulated programs take their time
STOP_LIMIT = 60
# crun refuses a machine with both kinds of cgroups, unless it sees the unified ones only.
UNIFIED_CGROUPS = 'if [ -d /sys/fs/cgroup/unified ]; then mount --bind /sys/fs/cgroup/unified /sys/fs/cgroup; fi; exec "$@"'


def runtime():
    for name in ("crun", "runc"):
        if shutil.which(name):
            return name
    raise unittest.SkipTest("needs crun or runc")


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace", **options)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def blob(layout, digest):
    return layout / "blobs" / digest.replace(":", "/")


def blob_json(layout, descriptor):
    return json.loads(blob(layout, descriptor["digest"]).read_text())


def manifest_of(layout, platform):
    """The descriptor of a platform's manifest in an OCI layout, whose indexes may be nested."""
    pending = json.loads((layout / "index.json").read_text())["manifests"]
    while pending:
        descriptor = pending.pop()
        if "index" in descriptor["mediaType"]:
            pending += blob_json(layout, descriptor)["manifests"]
            continue
        config = json.loads(blob(layout, blob_json(layout, descriptor)["config"]["digest"]).read_text())
        if "/".join((config["os"], config["architecture"])) == platform:
            return {key: descriptor[key] for key in ("mediaType", "digest", "size")}
    raise AssertionError(f"no image for {platform} in what the farm saved")


class Unpacked:
    """An image of the farm's store, for one platform, as a bundle of the OCI runtime."""

    def __init__(self, farm, name, platform):
        require_program("umoci", "nsenter", "unshare", "curl")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-image-", dir="/var/tmp"))
        self.bundle = self.folder / "bundle"
        try:
            self._unpack(farm, name, platform)
        except BaseException:
            self.close()
            raise

    def _unpack(self, farm, name, platform):
        saved = farm.cli("image", "save", name, "-o", self.folder / "image.tar")
        assert saved.returncode == 0, saved.stderr
        layout = self.folder / "layout"
        layout.mkdir()
        run("tar", "--extract", "--file", self.folder / "image.tar", "--directory", layout)
        (self.folder / "image.tar").unlink()
        manifest = manifest_of(layout, platform)
        self.config = json.loads(blob(layout, blob_json(layout, manifest)["config"]["digest"]).read_text())["config"]
        # umoci takes the name of a manifest; the farm saves an index of platforms.
        manifest["annotations"] = {"org.opencontainers.image.ref.name": "image"}
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
        run("umoci", "unpack", "--image", f"{layout}:image", self.bundle)
        shutil.rmtree(layout)
        self.spec = json.loads((self.bundle / "config.json").read_text())

    @property
    def root(self):
        return self.bundle / "rootfs"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def write_spec(self, arguments):
        spec = json.loads(json.dumps(self.spec))
        process = spec["process"]
        process["terminal"] = False
        if arguments is not None:
            process["args"] = (self.config.get("Entrypoint") or []) + list(arguments)
        if process["user"]["uid"] == 0:
            process["capabilities"] = {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")}
        else:
            process["capabilities"] = {"bounding": CAPABILITIES}
        # Not every machine lets containers have cgroups.
        spec["mounts"] = [mount for mount in spec["mounts"] if mount["type"] not in ("cgroup", "cgroup2")]
        spec["linux"].pop("resources", None)
        (self.bundle / "config.json").write_text(json.dumps(spec))


class Container:
    """A running container of an unpacked image; use as a context manager. `arguments` replace the image's CMD."""

    count = 0

    def __init__(self, image, arguments=None):
        self.image = image
        self.arguments = arguments
        Container.count += 1
        self.name = f"crossmill-e2e-{os.getpid()}-{Container.count}"
        self.state = image.folder / "state"
        self.said = image.folder / f"{self.name}.log"
        self.process = None

    def _command(self, *arguments):
        words = ["--root", str(self.state), *map(str, arguments)]
        if runtime() == "runc":
            return ["runc", *words]
        return ["unshare", "--mount", "sh", "-c", UNIFIED_CGROUPS, "sh", "crun", "--cgroup-manager=disabled", *words]

    def __enter__(self):
        self.image.write_spec(self.arguments)
        pid_file = self.image.folder / f"{self.name}.pid"
        with open(self.said, "wb") as log:
            self.process = subprocess.Popen(
                self._command("run", "--bundle", self.image.bundle, "--pid-file", pid_file, self.name),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(lambda: self.process.poll() is not None or (pid_file.exists() and pid_file.read_text()),
                     f"the start of {self.name}", START_LIMIT)
            self.pid = int(pid_file.read_text()) if pid_file.exists() else None
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            subprocess.run(self._command("kill", self.name, "KILL"), capture_output=True)
            try:
                self.process.wait(timeout=STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        subprocess.run(self._command("delete", "--force", self.name), capture_output=True)

    def output(self):
        return self.said.read_text(errors="replace")

    def wait(self):
        """The exit code, when it ends by itself."""
        return self.process.wait(timeout=START_LIMIT)

    def get(self, url):
        """(status, body) of a request from inside the container's network; retried until the service listens."""
        end = time.monotonic() + START_LIMIT
        while True:
            result = subprocess.run(
                ["nsenter", "--target", str(self.pid), "--net", "curl", "--silent", "--show-error", "--noproxy", "*",
                 "--max-time", "20", "--write-out", "\n%{http_code}", url], capture_output=True, text=True)
            if result.returncode == 0:
                body, _, status = result.stdout.rpartition("\n")
                return int(status), body
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{url}: {result.stderr}\nthe container said:\n{self.output()}")
            time.sleep(0.1)

    def execute(self, *command):
        """(exit code, output) of a command inside, with the container's user, folder and environment."""
        # As a whole: crun takes user and folder of neither the container nor the image by itself.
        process = json.loads((self.image.bundle / "config.json").read_text())["process"]
        process["args"] = list(command)
        file = self.image.folder / f"{self.name}.process"
        file.write_text(json.dumps(process))
        result = subprocess.run(self._command("exec", "--process", file, self.name), capture_output=True, text=True,
                                timeout=START_LIMIT)
        return result.returncode, result.stdout + result.stderr

    def user(self):
        """Numbers of the real user and group of its first process."""
        lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return tuple(int(next(line for line in lines if line.startswith(kind)).split()[1]) for kind in ("Uid:", "Gid:"))

    def send(self, signal):
        run(*self._command("kill", self.name, signal))
