"""The images that come out: read by skopeo, umoci, a registry and Docker, and by later builds."""
import base64
import crypt
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from farm import Farm, FarmTestCase, can_run_arm64, free_port, main, require_program, tiny_archive, wait_for

BOTH = "linux/amd64,linux/arm64"
RECIPE = """
    FROM tiny AS made
    ARG TARGETARCH
    RUN mkdir -p /data/sub && echo "for $TARGETARCH on $(uname -m)" > /data/machine && ln -s machine /data/link
    RUN chmod 4755 /data/machine && ln /data/machine /data/sub/hard && chown app:extra /data/sub
    FROM tiny
    COPY --from=made /data /data
    RUN rm /bin/wget
    ENV GREETING="hello there"
    LABEL org.example.kind=test
    EXPOSE 8080/tcp
    WORKDIR /work
    USER app
    ENTRYPOINT ["cat"]
    CMD ["/data/machine"]
    """


def run(*command, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, **options)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def tree(root):
    """{path: ((kind, mode, content, times of files), owner)} of everything below a folder."""
    facts = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        mode = None if path.is_symlink() else stat.S_IMODE(status.st_mode)
        facts[str(path.relative_to(root))] = ((stat.S_IFMT(status.st_mode), mode, content, int(status.st_mtime),
                                               status.st_nlink if path.is_file() else 0),
                                              (status.st_uid, status.st_gid))
    return facts


def without_set_ids(kind, mode, *rest):
    return (kind, mode & ~0o6000 if stat.S_ISREG(kind) else mode, *rest)


def require_both_platforms():
    if not can_run_arm64() or os.uname().machine not in ("x86_64", "aarch64"):
        raise unittest.SkipTest("needs to run linux/arm64 programs: scripts/setup-host sets up emulation")
    if os.uname().machine == "aarch64":
        raise unittest.SkipTest("an ARM machine does not emulate linux/amd64")


class ImageTest(FarmTestCase):
    farm_options = {"workers": 1}
    tiny_architectures = ("amd64", "arm64")

    @classmethod
    def setUpClass(cls):
        require_program("skopeo", "umoci")
        require_both_platforms()
        super().setUpClass()

    def build_both(self, *arguments):
        self.dockerfile(RECIPE)
        self.out = self.context.with_name(self.context.name + ".tar")
        self.addCleanup(self.out.unlink, missing_ok=True)
        return self.build_json("--platform", BOTH, "-o", f"type=oci,dest={self.out}", *arguments)

    def inspect(self, architecture, *arguments):
        return json.loads(run("skopeo", "--override-os", "linux", "--override-arch", architecture, "inspect",
                              *arguments, f"oci-archive:{self.out}"))

    def layout(self, architecture):
        """An OCI layout folder with the image of one platform under the tag `image`."""
        folder = self.context / f"layout-{architecture}"
        run("skopeo", "--override-os", "linux", "--override-arch", architecture, "copy", "-q",
            f"oci-archive:{self.out}", f"oci:{folder}:image")
        return folder

    def test_the_archive_holds_both_platforms_with_config_and_digests(self):
        build = self.build_both()
        index = json.loads(run("skopeo", "inspect", "--raw", f"oci-archive:{self.out}"))
        if "manifests" not in index:
            self.fail(f"not an index: {index}")
        by_architecture = {m["platform"]["architecture"]: m["digest"] for m in index["manifests"]}
        self.assertEqual(set(by_architecture), {"amd64", "arm64"})
        cells = {cell["platform"]: cell for cell in build["cells"]}
        for architecture, digest in by_architecture.items():
            cell = cells[f"linux/{architecture}"]
            self.assertEqual(cell["image_digest"], digest)
            self.assertEqual(cell["emulated"], architecture == "arm64")
            config = self.inspect(architecture, "--config")
            self.assertEqual((config["os"], config["architecture"]), ("linux", architecture))
            self.assertEqual(config["config"]["Env"], ["PATH=/bin:/usr/bin", "GREETING=hello there"])
            self.assertEqual(config["config"]["Entrypoint"], ["cat"])
            self.assertEqual(config["config"]["Cmd"], ["/data/machine"])
            self.assertEqual(config["config"]["User"], "app")
            self.assertEqual(config["config"]["WorkingDir"], "/work")
            self.assertEqual(config["config"]["Labels"], {"org.example.kind": "test"})
            self.assertEqual(list(config["config"]["ExposedPorts"]), ["8080/tcp"])
            target = build["stages"][cell["target_stage"]]
            layers = [s["layer_digest"] for s in target["steps"] if s["layer_digest"]]
            self.assertEqual(config["rootfs"]["diff_ids"][1:], layers)
            described = self.inspect(architecture)
            self.assertEqual(described["Architecture"], architecture)
            self.assertEqual(len(described["Layers"]), 1 + len(layers))

    def test_umoci_unpacks_the_tree_that_the_recipe_describes(self):
        self.build_both()
        for architecture, machine in (("amd64", "x86_64"), ("arm64", "aarch64")):
            bundle = self.context / f"bundle-{architecture}"
            run("umoci", "unpack", "--image", f"{self.layout(architecture)}:image", bundle)
            root = bundle / "rootfs"
            self.assertEqual((root / "data/machine").read_text(), f"for {architecture} on {machine}\n")
            self.assertEqual((root / "data/machine").stat().st_mode & 0o7777, 0o4755)
            self.assertEqual(os.readlink(root / "data/link"), "machine")
            self.assertTrue(os.path.samefile(root / "data/machine", root / "data/sub/hard"))
            status = (root / "data/sub").stat()
            self.assertEqual((status.st_uid, status.st_gid), (1000, 2000))
            self.assertFalse(os.path.lexists(root / "bin/wget"))
            self.assertTrue(os.path.lexists(root / "bin/cat"))
            self.assertTrue((root / "work").is_dir())
            for stub in ("proc", "sys", "dev", "run", "etc/hosts", "etc/resolv.conf", ".dockerenv"):
                self.assertFalse(os.path.lexists(root / stub), f"/{stub} was left by the runtime")

    def test_a_rebuild_gives_the_same_bytes(self):
        first = self.build_both()
        bytes_of_first = self.out.read_bytes()
        second = self.build_both()
        self.assertEqual(second["index_digest"], first["index_digest"])
        self.assertEqual(self.out.read_bytes(), bytes_of_first)
        third = self.build_both("--no-cache")
        self.assertEqual({s["status"] for stage in third["stages"] for s in stage["steps"]} & {"cached"}, set())
        self.assertEqual(third["index_digest"], first["index_digest"])
        self.assertEqual(self.out.read_bytes(), bytes_of_first)

    def test_the_files_for_scripts_say_what_was_built(self):
        meta, iid = self.context / "meta.json", self.context / "iid"
        build = self.build_both("--metadata-file", meta, "--iidfile", iid, "-t", "files:1", "-t", "files:2")
        metadata = json.loads(meta.read_text())
        self.assertEqual(metadata["build_id"], build["id"])
        self.assertEqual(metadata["status"], "succeeded")
        self.assertEqual(metadata["index_digest"], build["index_digest"])
        self.assertEqual({p: v["digest"] for p, v in metadata["platforms"].items()},
                         {cell["platform"]: cell["image_digest"] for cell in build["cells"]})
        self.assertEqual(iid.read_text().strip(), build["index_digest"])
        self.assertEqual(build["tags"], metadata["tags"])
        images = {image["name"]: image for image in json.loads(self.farm.cli("image", "ls", "--json").stdout)}
        for tag in build["tags"]:
            self.assertEqual(images[tag]["digest"], build["index_digest"])
            self.assertEqual(images[tag]["platforms"], BOTH.split(","))

    def test_a_name_is_a_base_for_later_builds(self):
        built = self.build_both("-t", "team/base:1")
        self.dockerfile("""
            FROM team/base:1
            RUN echo "$GREETING" > /tmp/said && id -u && pwd && cat /tmp/said /data/machine
            """)
        result = self.build("--platform", BOTH)
        self.assert_exit(result, 0)
        self.assert_says(result, "hello there", "1000", "/work", "for amd64 on x86_64", "for arm64 on aarch64")
        bases = {base["platform"]: base for base in self.farm.show()["bases"]}
        self.assertEqual({p: base["manifest_digest"] for p, base in bases.items()},
                         {cell["platform"]: cell["image_digest"] for cell in built["cells"]})
        saved = self.context / "saved.tar"
        self.assert_exit(self.farm.cli("image", "save", "team/base:1", "-o", saved), 0)
        index = json.loads(run("skopeo", "inspect", "--raw", f"oci-archive:{saved}"))
        self.assertEqual(sorted(m["digest"] for m in index["manifests"]),
                         sorted(cell["image_digest"] for cell in built["cells"]))

    def test_an_archive_comes_back_in_as_the_same_image(self):
        built = self.build_both()
        with Farm(workers=0) as other:
            other.import_base("again", self.out)
            image, = json.loads(other.cli("image", "ls", "--json").stdout)
            self.assertEqual(image["digest"], built["index_digest"])
            self.assertTrue(image["stand_in"])

    def test_root_file_systems_as_tars_and_folders(self):
        self.build_both("-t", "files:trees")
        tar, folder = self.context / "root.tar", self.context / "root"
        self.assert_exit(self.farm.cli("image", "save", "files:trees", "-o", f"type=tar,dest={tar}", "-o",
                                       f"type=local,dest={folder}"), 0)
        bundle = self.context / "bundle"
        run("umoci", "unpack", "--image", f"{self.layout('amd64')}:image", bundle)
        unpacked = self.context / "unpacked"
        unpacked.mkdir()
        run("tar", "-xpf", tar, "-C", unpacked, "--numeric-owner")
        self.assertEqual(tree(unpacked / "linux_amd64"), tree(bundle / "rootfs"))
        # Whose the files of a folder are is the caller's; so no program of them acts as who it is of.
        self.assertEqual({path: facts[0] for path, facts in tree(folder / "linux_amd64").items()},
                         {path: without_set_ids(*facts[0]) for path, facts in tree(bundle / "rootfs").items()})
        self.assertEqual((folder / "linux_arm64/data/machine").read_text(), "for arm64 on aarch64\n")
        again = self.context / "again.tar"
        self.assert_exit(self.farm.cli("image", "save", "files:trees", "-o", f"type=tar,dest={again}"), 0)
        self.assertEqual(again.read_bytes(), tar.read_bytes())
        refused = self.farm.cli("image", "save", "files:trees", "-o", f"type=docker,dest={self.context}/d.tar")
        self.assert_exit(refused, 2)
        self.assert_says(refused, "one platform", "type=oci")

    def test_zstd_layers_and_annotations(self):
        self.dockerfile(RECIPE)
        out = self.context / "zstd.tar"
        build = self.build_json("-o", f"type=oci,dest={out},compression=zstd,compression-level=7", "-t", "zstd:1",
                                "--annotation", "org.example.manifest=m", "--annotation", "index:org.example.index=i",
                                "--annotation", "manifest-descriptor:org.example.descriptor=d",
                                "--annotation", "index-descriptor:org.example.outer=o")
        layout = self.context / "layout"
        layout.mkdir()
        run("tar", "-xf", out, "-C", layout)

        def blob(digest):
            return json.loads((layout / "blobs/sha256" / digest.split(":")[1]).read_text())
        outer, = json.loads((layout / "index.json").read_text())["manifests"]
        self.assertEqual(outer["annotations"]["org.example.outer"], "o")
        index = blob(outer["digest"])
        self.assertEqual(index["annotations"], {"org.example.index": "i"})
        self.assertEqual(index["manifests"][0]["annotations"], {"org.example.descriptor": "d"})
        manifest = blob(index["manifests"][0]["digest"])
        self.assertEqual(manifest["annotations"], {"org.example.manifest": "m"})
        self.assertEqual({layer["mediaType"].rpartition("+")[2] for layer in manifest["layers"][1:]}, {"zstd"})
        copied = self.context / "copied"
        run("skopeo", "copy", "-q", f"oci-archive:{out}", f"dir:{copied}", "--dest-decompress")
        inspected = json.loads(self.farm.cli("image", "inspect", "zstd:1", "--json").stdout)
        self.assertEqual(inspected["digest"], build["index_digest"])
        self.assertEqual(inspected["manifests"][0]["config"]["config"]["User"], "app")

    def test_history_shows_size_and_time_of_every_step_and_what_the_base_had(self):
        self.dockerfile("""
            FROM tiny
            RUN dd if=/dev/zero of=/big bs=1000 count=500 2>/dev/null && sleep 1
            ENV A=b
            """)
        self.build_json("-t", "past:1")
        rows, = json.loads(self.farm.cli("image", "history", "past:1", "--json").stdout).values()
        self.assertIn("ENV A=b", rows[0]["created_by"])
        self.assertEqual(rows[0]["size_bytes"], 0)
        self.assertGreaterEqual(rows[1]["size_bytes"], 500_000)
        self.assertGreaterEqual(rows[1]["seconds"], 1)
        self.assertEqual({row["base"] for row in rows[2:]}, {True})
        text = self.farm.cli("image", "history", "past:1").stdout
        self.assertRegex(text, r"CREATED BY +SIZE +TIME")
        removed = self.farm.cli("image", "rm", "past:1")
        self.assert_exit(removed, 0)
        self.assert_exit(self.farm.cli("image", "history", "past:1"), 2)
        self.assert_exit(self.farm.cli("image", "rm", "past:1"), 2)

    def test_docker_loads_its_archive(self):
        docker = Docker(self)
        self.dockerfile(RECIPE)
        out = self.context / "docker.tar"
        build = self.build_json("-o", f"type=docker,dest={out}", "-t", "team/loaded:3")
        docker.cli("load", "-i", out)
        image, = json.loads(docker.cli("image", "inspect", "team/loaded:3"))
        self.assertEqual(image["Config"]["User"], "app")
        inspected = json.loads(self.farm.cli("image", "inspect", build["index_digest"], "--json").stdout)
        self.assertEqual(image["Id"], inspected["manifests"][0]["config_digest"])
        self.assertEqual(docker.cli("run", "--rm", "--network", "none", "team/loaded:3"),
                         f"for {build['cells'][0]['platform'].split('/')[1]} on {os.uname().machine}\n")

    def test_docker_runs_it(self):
        docker = Docker(self)
        self.build_both()
        run("skopeo", "copy", "-q", f"oci-archive:{self.out}", f"docker-daemon:crossmill-e2e:1",
            "--dest-daemon-host", docker.address)
        said = docker.cli("run", "--rm", "--network", "none", "crossmill-e2e:1")
        self.assertEqual(said, "for amd64 on x86_64\n")


class Docker:
    """A dockerd of its own in a temporary folder, ended with the test; a visible skip where none can start."""

    def __init__(self, test):
        require_program("dockerd", "docker")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-docker-", dir="/var/tmp"))
        test.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.address = f"unix://{folder}/docker.sock"
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none", "--data-root", folder / "data",
                 "--exec-root", folder / "exec", "--pidfile", folder / "pid", "-H", self.address],
                stdout=log, stderr=log)
        test.addCleanup(self.stop)
        end = time.monotonic() + 30
        while subprocess.run(["docker", "-H", self.address, "version"], capture_output=True).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > end:
                reason = (folder / "log").read_text(errors="replace").strip().splitlines()[-1:]
                raise unittest.SkipTest(f"dockerd cannot start here: {reason}")
            time.sleep(0.2)
        probe = subprocess.run(["docker", "-H", self.address, "import", "-", "probe"], input=b"\0" * 1024,
                               capture_output=True)
        if probe.returncode != 0:
            raise unittest.SkipTest(f"dockerd cannot keep images here: {probe.stderr.decode().strip()}")

    def cli(self, *arguments):
        result = subprocess.run(["docker", "-H", self.address, *arguments], capture_output=True, text=True, timeout=120)
        if result.returncode == 125:
            raise unittest.SkipTest(f"dockerd cannot run containers here: {result.stderr.strip()}")
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class RegistryTest(FarmTestCase):
    """A base that has to be pulled, from Debian's docker-registry on loopback."""

    @classmethod
    def setUpClass(cls):
        require_program("docker-registry", "skopeo")
        super().setUpClass()

    def start_registry(self, user=None, password=None):
        port = free_port()
        access = ""
        if user:
            hashed = f"{user}:{crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n"
            access = f"auth: {{htpasswd: {{realm: e2e, path: {self.write('htpasswd', hashed)}}}}}"
        config = self.write("registry.yml", f"""
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {self.context}/registry}}}}
http: {{addr: 127.0.0.1:{port}}}
{access}
""")
        with open(self.context / "registry.log", "wb") as log:
            process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def answers():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5) as answer:
                    return answer.status == 200
            except urllib.error.HTTPError as error:
                return error.code == 401
            except OSError:
                return False
        wait_for(answers, "the registry's start")
        return port, process

    def push(self, port, name):
        run("skopeo", "copy", "-q", "--all", "--dest-tls-verify=false", f"oci-archive:{tiny_archive()}",
            f"docker://127.0.0.1:{port}/{name}")
        return json.loads(run("skopeo", "inspect", "--tls-verify=false", f"docker://127.0.0.1:{port}/{name}"))

    def test_a_base_is_pulled_and_pinned_and_then_needs_no_registry(self):
        port, registry = self.start_registry()
        self.push(port, "team/base:7")
        self.dockerfile(f"FROM 127.0.0.1:{port}/team/base:7\nRUN echo pulled > /pulled; cat /pulled\n")
        result = self.build()
        self.assert_exit(result, 0)
        base, = self.farm.show()["bases"]
        self.assertFalse(base["stand_in"])
        raw = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false",
                              f"docker://127.0.0.1:{port}/team/base:7"], capture_output=True, check=True).stdout
        self.assertIn(base["manifest_digest"].encode(), raw)
        missing = self.farm.cli("image", "pull", f"127.0.0.1:{port}/team/base:8")
        self.assert_exit(missing, 2)
        self.assert_says(missing, f"127.0.0.1:{port}", "team/base", "there is no tag '8'")
        self.dockerfile(f"FROM 127.0.0.1:{port}/team/base:8\nRUN true\n")
        unknown = self.build()
        self.assert_exit(unknown, 1)
        self.assert_says(unknown, "Dockerfile:1", "team/base:8", "crossmill image import")
        registry.kill()
        registry.wait()
        self.dockerfile(f"FROM 127.0.0.1:{port}/team/base@{base['manifest_digest']}\nRUN echo pinned > /pinned\n")
        self.assert_exit(self.build(), 0)
        self.assert_farm_goes_on()

    def raw(self, reference):
        return subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{reference}"],
                              capture_output=True, check=True).stdout

    def test_an_image_is_pushed_and_comes_back_as_it_was(self):
        port, _ = self.start_registry()
        name = f"127.0.0.1:{port}/team/pushed:1"
        self.dockerfile("FROM tiny\nRUN dd if=/dev/urandom of=/noise bs=1000000 count=3 2>/dev/null\n")
        result = self.build("-t", name, "--push", "--iidfile", self.context / "iid")
        self.assert_exit(result, 0)
        digest = (self.context / "iid").read_text().strip()
        self.assertEqual("sha256:" + hashlib.sha256(self.raw(name)).hexdigest(), digest)
        pushed = self.farm.cli("image", "push", name, f"127.0.0.1:{port}/other/place:2", "--json")
        self.assert_exit(pushed, 0)
        self.assertEqual(json.loads(pushed.stdout)["digest"], digest)
        self.assertEqual(self.raw(f"127.0.0.1:{port}/other/place:2"), self.raw(name))
        with Farm(workers=0) as other:
            self.assert_exit(other.cli("image", "pull", name), 0)
            image, = json.loads(other.cli("image", "ls", "--json").stdout)
            self.assertEqual(image["digest"], digest)
        detached = self.build("-t", name, "--push", "--detach")
        self.assert_exit(detached, 2)
        self.assert_exit(self.build("--push"), 2)
        unknown = self.farm.cli("image", "push", "never:1", f"127.0.0.1:{port}/x:1")
        self.assert_exit(unknown, 2)

    def test_credentials_of_the_client_are_used_and_written_nowhere(self):
        user, password = "somebody", "geheimnis-7241"
        port, _ = self.start_registry(user, password)
        name = f"127.0.0.1:{port}/team/private:1"
        self.dockerfile("FROM tiny\nRUN echo private > /private\n")
        self.assert_exit(self.build("-t", name), 0)
        denied = self.farm.cli("image", "push", name)
        self.assert_exit(denied, 4)
        self.assert_says(denied, "denied", "docker login")
        helpers = self.context / "helpers"
        helpers.mkdir()
        helper = helpers / "docker-credential-e2e"
        helper.write_text(f"#!/bin/sh\nread -r registry; [ $registry = 127.0.0.1:{port} ] || exit 1\n"
                          f'echo \'{{"Username":"{user}","Secret":"{password}"}}\'\n')
        helper.chmod(0o755)
        (helpers / "config.json").write_text('{"credsStore":"e2e"}')
        environment = {"DOCKER_CONFIG": str(helpers), "PATH": f"{helpers}:{os.environ['PATH']}"}
        self.assert_exit(self.farm.cli("image", "push", name, env=environment), 0)
        (helpers / "config.json").write_text(json.dumps({"auths": {f"127.0.0.1:{port}": {
            "auth": base64.b64encode(f"{user}:{password}".encode()).decode()}}}))
        self.assert_exit(self.farm.cli("image", "pull", name, env=environment), 0)
        found = subprocess.run(["grep", "-rlaF", "-e", password, "-e",
                                base64.b64encode(f"{user}:{password}".encode()).decode(), self.farm.data],
                               capture_output=True, text=True)
        self.assertEqual(found.stdout, "")

    def test_a_blob_that_lies_in_the_registry_is_refused(self):
        port, _ = self.start_registry()
        self.push(port, "lying:1")
        folder = self.context / "registry"
        largest = max(folder.rglob("blobs/**/data"), key=lambda path: path.stat().st_size)
        data = bytearray(largest.read_bytes())
        data[len(data) // 2] ^= 1
        largest.write_bytes(data)
        with Farm(workers=0) as empty:
            result = empty.cli("image", "pull", f"127.0.0.1:{port}/lying:1")
            self.assertEqual(result.returncode, 5, self.story(result))
            self.assertRegex(result.stderr, r"(?i)digest")
            self.assert_says(result, largest.parent.name)
            self.assertEqual(json.loads(empty.cli("image", "ls", "--json").stdout), [])


if __name__ == "__main__":
    main()
