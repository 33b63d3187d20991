#!/usr/bin/env python3
"""What Docker's clients get of a farm's build: every exporter, read back by skopeo, by buildx itself and by a registry."""
import base64
import crypt
import hashlib
import json
import os
import pathlib
import stat
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request

from buildx_farm import BuildxCase, peer

import daemons
from farm import free_port, main, require_program, tiny_archive, wait_for

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PLATFORMS = "linux/amd64,linux/arm64"


class Outputs(BuildxCase):
    """A recipe whose image has a few files, and a registry."""

    @classmethod
    def setUpClass(cls):
        require_program("skopeo")
        super().setUpClass()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-outputs-", dir="/var/tmp"))
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", cls.folder], capture_output=True)
        cls.registry = daemons.Registry(cls.folder, free_port())
        cls.registry.__enter__()
        cls.addClassCleanup(cls.registry.__exit__)

    def setUp(self):
        super().setUp()
        self.out = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-out-", dir="/var/tmp"))
        self.addCleanup(subprocess.run, ["rm", "-rf", self.out], capture_output=True)
        self.write("app", "#!/bin/sh\necho app\n", mode=0o755)
        self.write("data/one", "1\n")
        # No step executes anything: any worker makes it for every platform.
        self.dockerfile("""
            FROM scratch
            ARG SECRET_OF_THE_BUILD=none
            COPY app /bin/app
            COPY data /data
            ENTRYPOINT ["/bin/app"]
        """)

    def need_registry(self):
        if self.registry.problem:
            self.skipTest(self.registry.problem)
        return self.registry.host

    def raw(self, reference):
        found = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{reference}"], capture_output=True)
        self.assertEqual(found.returncode, 0, found.stderr)
        return found.stdout

    def blob(self, repository, digest):
        with urllib.request.urlopen(f"http://{self.registry.host}/v2/{repository}/blobs/{digest}", timeout=30) as answer:
            return answer.read()

    def metadata(self):
        return json.loads((self.out / "metadata.json").read_text())

    def push(self, name, *words, attested=False, **more):
        """Pushed, with a metadata file: what the registry has."""
        env = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "0"} if attested else {}
        self.bx("-t", name, "--push", "--metadata-file", self.out / "metadata.json", *words, env={**env, **more})
        document = self.raw(name)
        self.assertEqual(self.metadata()["containerimage.digest"], "sha256:" + hashlib.sha256(document).hexdigest())
        return json.loads(document)


class FilesTest(Outputs):
    def test_a_folder_has_modes_links_and_contents(self):
        self.dockerfile("""
            FROM tiny
            RUN mkdir /o && echo a > /o/a && ln /o/a /o/hard && ln -s a /o/soft && chmod 4711 /o/a && mkdir -m 700 /o/private
            FROM scratch
            COPY --from=0 /o /
        """)
        result, out = self.bx_local()
        self.assertEqual((out / "hard").read_text(), "a\n")
        self.assertEqual((out / "a").stat().st_ino, (out / "hard").stat().st_ino)
        self.assertEqual(os.readlink(out / "soft"), "a")
        self.assertEqual(stat.S_IMODE((out / "private").stat().st_mode), 0o700)
        # The rights of who runs buildx are not the recipe's to give.
        self.assertEqual(stat.S_IMODE((out / "a").stat().st_mode), 0o711)
        self.assert_says(result, "lost their setuid")

    def test_each_platform_has_a_folder(self):
        _, out = self.bx_local("--platform", PLATFORMS)
        self.assertEqual({each.name for each in out.iterdir()}, {"linux_amd64", "linux_arm64"})
        self.assertEqual((out / "linux_arm64" / "data" / "one").read_text(), "1\n")

    def test_one_platform_may_have_a_folder_too(self):
        self.bx("-o", f"type=local,dest={self.out},platform-split=true")
        self.assertEqual([each.name for each in self.out.iterdir()], ["linux_amd64"] if os.uname().machine == "x86_64" else ["linux_arm64"])

    def test_platforms_that_share_a_folder_do_not_overwrite_each_other(self):
        refused = self.bx("-o", f"type=local,dest={self.out},platform-split=false", "--platform", PLATFORMS, code=1)
        self.assert_says(refused, "cannot overwrite", "split option is disabled")

    def test_a_folder_can_become_exactly_that(self):
        (self.out / "old").write_text("old")
        self.bx("-o", f"type=local,dest={self.out},mode=delete", "--allow", "buildx.local.delete")
        self.assertEqual({each.name for each in self.out.iterdir()}, {"bin", "data"})
        # Into another folder: buildx does not get over whole folders that go, whoever sends it the rest.
        both = self.out / "both"
        both.mkdir()
        (both / "old").write_text("old")
        self.bx("-o", f"type=local,dest={both},mode=delete", "--allow", "buildx.local.delete", "--platform", PLATFORMS)
        self.assertEqual({each.name for each in both.iterdir()}, {"linux_amd64", "linux_arm64"})

    def test_a_second_export_sends_what_changed(self):
        self.bx("-o", f"type=local,dest={self.out}")
        self.write("data/one", "2\n")
        self.bx("-o", f"type=local,dest={self.out}")
        self.assertEqual((self.out / "data" / "one").read_text(), "2\n")
        self.assertEqual((self.out / "bin" / "app").read_text(), "#!/bin/sh\necho app\n")

    def test_a_tar_has_the_tree(self):
        self.bx("-o", f"type=tar,dest={self.out}/root.tar")
        with tarfile.open(self.out / "root.tar") as tar:
            self.assertEqual(tar.extractfile("data/one").read(), b"1\n")
            self.assertEqual(tar.getmember("bin/app").mode, 0o755)
        self.bx("-o", f"type=tar,dest={self.out}/both.tar", "--platform", PLATFORMS)
        with tarfile.open(self.out / "both.tar") as tar:
            self.assertIn("linux_arm64/data/one", tar.getnames())

    def test_a_tar_goes_to_standard_output(self):
        made = subprocess.run([self.buildx_program, "build", "-o", "-", self.context], capture_output=True, env=self.environment())
        self.assertEqual(made.returncode, 0, made.stderr)
        (self.out / "root.tar").write_bytes(made.stdout)
        with tarfile.open(self.out / "root.tar") as tar:
            self.assertIn("bin/app", tar.getnames())

    def test_statements_lie_beside_the_files_where_somebody_asks(self):
        self.bx("-o", f"type=local,dest={self.out}", "--provenance", "mode=max", "--sbom", "true")
        provenance = json.loads((self.out / "provenance.json").read_text())
        self.assertEqual(provenance["predicateType"], "https://slsa.dev/provenance/v1")
        subjects = {each["name"]: each["digest"]["sha256"] for each in provenance["subject"]}
        self.assertEqual(subjects["data/one"], hashlib.sha256(b"1\n").hexdigest())
        self.assertEqual(json.loads((self.out / "sbom.spdx.json").read_text())["predicate"]["spdxVersion"], "SPDX-2.3")


class ArchivesTest(Outputs):
    def skopeo(self, transport):
        found = subprocess.run(["skopeo", "inspect", f"{transport}:{self.out}/image.tar"], capture_output=True, text=True)
        self.assertEqual(found.returncode, 0, found.stderr)
        return json.loads(found.stdout)

    def test_a_layout_is_read_by_others(self):
        self.bx("-t", "team/app:1", "-o", f"type=oci,dest={self.out}/image.tar", "--metadata-file", self.out / "metadata.json")
        self.assertEqual(self.skopeo("oci-archive")["Digest"], self.metadata()["containerimage.digest"])
        self.assertEqual(self.metadata()["image.name"], "docker.io/team/app:1")
        with tarfile.open(self.out / "image.tar") as tar:
            index = json.load(tar.extractfile("index.json"))
        self.assertEqual(index["manifests"][0]["annotations"]["io.containerd.image.name"], "docker.io/team/app:1")
        self.assertEqual(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "1")
        self.assertEqual(index["manifests"][0]["mediaType"], MANIFEST)

    def test_a_layout_may_be_a_folder(self):
        self.bx("-t", "team/app:1", "-o", f"type=oci,tar=false,dest={self.out}/layout")
        index = json.loads((self.out / "layout" / "index.json").read_text())
        digest = index["manifests"][0]["digest"].removeprefix("sha256:")
        document = (self.out / "layout" / "blobs" / "sha256" / digest).read_bytes()
        self.assertEqual(hashlib.sha256(document).hexdigest(), digest)
        found = subprocess.run(["skopeo", "inspect", f"oci:{self.out}/layout"], capture_output=True)
        self.assertEqual(found.returncode, 0, found.stderr)

    def test_several_platforms_are_an_index_in_the_layout(self):
        self.bx("-o", f"type=oci,dest={self.out}/image.tar", "--platform", PLATFORMS)
        with tarfile.open(self.out / "image.tar") as tar:
            root, = json.load(tar.extractfile("index.json"))["manifests"]
            self.assertEqual(root["mediaType"], INDEX)
            index = json.load(tar.extractfile("blobs/sha256/" + root["digest"].removeprefix("sha256:")))
        self.assertEqual([each["platform"]["architecture"] for each in index["manifests"]], ["amd64", "arm64"])

    def test_docker_finds_its_own_file_in_the_archive(self):
        self.bx("-t", "team/app:1", "-o", f"type=docker,dest={self.out}/image.tar")
        with tarfile.open(self.out / "image.tar") as tar:
            image, = json.load(tar.extractfile("manifest.json"))
            self.assertEqual(image["RepoTags"], ["team/app:1"])
            config = json.load(tar.extractfile(image["Config"]))
            self.assertEqual(config["config"]["Entrypoint"], ["/bin/app"])
            self.assertEqual(len(image["Layers"]), len(config["rootfs"]["diff_ids"]))
        self.assertEqual(self.skopeo("docker-archive")["Os"], "linux")

    def test_docker_loads_it(self):
        with daemons.DockerDaemon(self.out) as docker:
            if docker.problem:
                self.skipTest(docker.problem)
            result = self.bx("-t", "team/app:1", "--load", "--iidfile", self.out / "iid", env=docker.environment)
            listed = subprocess.run([daemons.DOCKER, "image", "ls", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"],
                                    capture_output=True, text=True, env={**os.environ, **docker.environment})
            self.assertIn("team/app:1", listed.stdout, self.story(result))
            self.assertIn((self.out / "iid").read_text().strip(), listed.stdout)

    def test_what_docker_cannot_hold_is_refused_before_anything_is_built(self):
        refused = self.bx("-o", f"type=docker,dest={self.out}/image.tar", "--platform", PLATFORMS, code=1)
        self.assert_says(refused, "exporting manifest lists")
        refused = self.bx("-o", f"type=oci,compression=estargz,dest={self.out}/image.tar", code=1)
        self.assert_says(refused, "compression=estargz", "zstd, gzip or uncompressed")

    def test_several_outputs_of_one_build(self):
        self.bx("-o", f"type=local,dest={self.out}/files", "-o", f"type=oci,dest={self.out}/image.tar", "-o",
                f"type=tar,dest={self.out}/root.tar", "-t", "team/app:1")
        self.assertEqual((self.out / "files" / "data" / "one").read_text(), "1\n")
        self.assertEqual(self.skopeo("oci-archive")["Os"], "linux")
        with tarfile.open(self.out / "root.tar") as tar:
            self.assertIn("bin/app", tar.getnames())

    def test_attestations_are_in_the_layout_where_somebody_asks(self):
        self.bx("-o", f"type=oci,dest={self.out}/plain.tar", env={"BUILDX_NO_DEFAULT_ATTESTATIONS": "0"})
        with tarfile.open(self.out / "plain.tar") as tar:
            self.assertEqual(json.load(tar.extractfile("index.json"))["manifests"][0]["mediaType"], MANIFEST)
        self.bx("-o", f"type=oci,dest={self.out}/full.tar", "--provenance", "mode=max")
        with tarfile.open(self.out / "full.tar") as tar:
            self.assertEqual(json.load(tar.extractfile("index.json"))["manifests"][0]["mediaType"], INDEX)


class RegistryTest(Outputs):
    def setUp(self):
        super().setUp()
        self.host = self.need_registry()
        self.name = f"{self.host}/{self.id().rsplit('.', 1)[-1].removeprefix('test_')[:60]}:1"

    @property
    def repository(self):
        return self.name.removeprefix(f"{self.host}/").removesuffix(":1")

    def test_one_platform_is_a_plain_manifest(self):
        manifest = self.push(self.name, "--iidfile", self.out / "iid")
        self.assertEqual(manifest["mediaType"], MANIFEST)
        metadata = self.metadata()
        self.assertEqual(metadata["image.name"], self.name)
        self.assertEqual(metadata["containerimage.config.digest"], manifest["config"]["digest"])
        self.assertEqual((self.out / "iid").read_text(), manifest["config"]["digest"])
        self.assertEqual(metadata["containerimage.descriptor"]["digest"], metadata["containerimage.digest"])
        self.assertIn("buildx.build.ref", metadata)
        # It is the farm's, too.
        image, = [each for each in json.loads(self.farm.cli("image", "ls", "--json").stdout) if each["name"] == self.name]
        self.assertEqual(image["digest"], metadata["containerimage.digest"])

    def test_the_metadata_file_has_the_provenance(self):
        self.push(self.name, "--build-arg", "SECRET_OF_THE_BUILD=hush-7714")
        provenance = self.metadata()["buildx.build.provenance"]
        self.assertIn("builder", provenance)
        self.assertNotIn("hush-7714", json.dumps(provenance))
        self.push(self.name, "--platform", PLATFORMS)
        self.assertEqual({key for key in self.metadata() if key.startswith("buildx.build.provenance")},
                         {f"buildx.build.provenance/{platform}" for platform in PLATFORMS.split(",")})
        self.push(self.name, "--provenance", "mode=max", BUILDX_METADATA_PROVENANCE="max")
        self.assertIn("buildx.build.provenance", self.metadata())

    def test_several_platforms_and_names(self):
        other = f"{self.host}/{self.repository}/other:2"
        index = self.push(self.name, "-t", other, "--platform", PLATFORMS)
        self.assertEqual(index["mediaType"], INDEX)
        self.assertEqual(len(index["manifests"]), 2)
        self.assertEqual(self.raw(other), self.raw(self.name))
        self.assertEqual(self.metadata()["image.name"], f"{self.name},{other}")

    def test_one_platform_is_an_index_where_somebody_says_so(self):
        index = self.push(self.name, "--build-arg", "BUILDKIT_MULTI_PLATFORM=1")
        self.assertEqual(index["mediaType"], INDEX)
        self.assertEqual(len(index["manifests"]), 1)
        self.assertEqual(index["manifests"][0]["mediaType"], MANIFEST)

    def test_by_digest_there_is_no_tag(self):
        repository = f"{self.host}/{self.repository}"
        self.bx("-o", f"type=image,name={repository},push-by-digest=true,name-canonical=true,push=true", "--metadata-file",
                self.out / "metadata.json")
        digest = self.metadata()["containerimage.digest"]
        document = self.raw(f"{repository}@{digest}")
        self.assertEqual("sha256:" + hashlib.sha256(document).hexdigest(), digest)
        tags = subprocess.run(["skopeo", "list-tags", "--tls-verify=false", f"docker://{repository}"], capture_output=True, text=True)
        self.assertNotIn("latest", tags.stdout)

    def test_images_of_two_builds_become_one(self):
        digests = []
        for platform in PLATFORMS.split(","):
            self.bx("-o", f"type=image,name={self.host}/{self.repository},push-by-digest=true,push=true", "--platform", platform,
                    "--metadata-file", self.out / "metadata.json")
            digests.append(self.metadata()["containerimage.digest"])
        made = self.buildx("imagetools", "create", "-t", self.name, *[f"{self.host}/{self.repository}@{each}" for each in digests])
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual([each["digest"] for each in json.loads(self.raw(self.name))["manifests"]], digests)

    def test_annotations_are_where_they_were_said(self):
        index = self.push(self.name, "--platform", PLATFORMS, "--annotation", "index:org.example.a=1", "--annotation",
                          "manifest[linux/arm64]:org.example.b=2", "--annotation", "manifest-descriptor:org.example.c=3")
        self.assertEqual(index["annotations"], {"org.example.a": "1"})
        self.assertEqual(index["manifests"][0]["annotations"]["org.example.c"], "3")
        amd64, arm64 = [json.loads(self.raw(f"{self.host}/{self.repository}@{each['digest']}")) for each in index["manifests"]]
        self.assertEqual(arm64["annotations"]["org.example.b"], "2")
        self.assertNotIn("org.example.b", amd64.get("annotations", {}))

    def test_compression_and_media_types_are_those_that_were_asked_for(self):
        for attributes, manifest_type, layer_type in (
                ("compression=zstd,compression-level=9", MANIFEST, "application/vnd.oci.image.layer.v1.tar+zstd"),
                ("compression=uncompressed", MANIFEST, "application/vnd.oci.image.layer.v1.tar"),
                ("oci-mediatypes=false", "application/vnd.docker.distribution.manifest.v2+json",
                 "application/vnd.docker.image.rootfs.diff.tar.gzip")):
            with self.subTest(attributes):
                self.bx("-o", f"type=image,name={self.name},push=true,{attributes}")
                manifest = json.loads(self.raw(self.name))
                self.assertEqual(manifest["mediaType"], manifest_type)
                self.assertEqual({each["mediaType"] for each in manifest["layers"]}, {layer_type})
                layer = self.blob(self.repository, manifest["layers"][0]["digest"])
                beginning = {"zstd": b"\x28\xb5\x2f\xfd", "gzip": b"\x1f\x8b"}.get(layer_type.rsplit("+")[-1].rsplit(".")[-1])
                if beginning:
                    self.assertTrue(layer.startswith(beginning))

    def test_provenance_stands_in_the_index_by_default(self):
        index = self.push(self.name, "--build-arg", "SECRET_OF_THE_BUILD=hush-7712", attested=True)
        self.assertEqual(index["mediaType"], INDEX)
        image, statements = index["manifests"]
        self.assertEqual(statements["platform"], {"architecture": "unknown", "os": "unknown"})
        self.assertEqual(statements["annotations"]["vnd.docker.reference.digest"], image["digest"])
        manifest = json.loads(self.raw(f"{self.host}/{self.repository}@{statements['digest']}"))
        self.assertEqual(manifest["artifactType"], "application/vnd.docker.attestation.manifest.v1+json")
        self.assertEqual(manifest["subject"]["digest"], image["digest"])
        layer, = manifest["layers"]
        self.assertEqual(layer["annotations"], {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"})
        statement = self.blob(self.repository, layer["digest"])
        self.assertNotIn(b"hush-7712", statement)
        statement = json.loads(statement)
        self.assertEqual(statement["subject"][0]["digest"]["sha256"], image["digest"].removeprefix("sha256:"))
        self.assertEqual(statement["predicate"]["buildDefinition"]["externalParameters"]["dockerfile"]["name"], "Dockerfile")
        self.assertNotIn("containerimage.config.digest", self.metadata())
        # As buildx reads it.
        told = self.buildx("imagetools", "inspect", self.name, "--format", "{{json .Provenance}}")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("runDetails", told.stdout)

    def test_all_of_the_provenance_and_the_packages_where_somebody_asks(self):
        index = self.push(self.name, "--build-arg", "SECRET_OF_THE_BUILD=told-7713", "--provenance", "mode=max", "--sbom", "true",
                          "--platform", PLATFORMS)
        self.assertEqual(len(index["manifests"]), 4)
        manifest = json.loads(self.raw(f"{self.host}/{self.repository}@{index['manifests'][2]['digest']}"))
        kinds = {each["annotations"]["in-toto.io/predicate-type"]: each["digest"] for each in manifest["layers"]}
        self.assertEqual(set(kinds), {"https://slsa.dev/provenance/v1", "https://spdx.dev/Document"})
        self.assertIn(b"told-7713", self.blob(self.repository, kinds["https://slsa.dev/provenance/v1"]))
        told = self.buildx("imagetools", "inspect", self.name, "--format", "{{json .SBOM}}")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("SPDX-2.3", told.stdout)

    def test_the_older_form_of_attestations(self):
        self.bx("-o", f"type=image,name={self.name},push=true,oci-artifact=false", "--provenance", "mode=min")
        index = json.loads(self.raw(self.name))
        manifest = json.loads(self.raw(f"{self.host}/{self.repository}@{index['manifests'][1]['digest']}"))
        self.assertNotIn("subject", manifest)
        self.assertEqual(manifest["config"]["mediaType"], "application/vnd.oci.image.config.v1+json")

    def test_claims_that_are_not_the_farms_are_refused(self):
        self.assert_says(self.bx("--sbom", "generator=example.com/scanner:1", code=1), "example.com/scanner:1", "no scanner images")
        self.assert_says(self.bx("--provenance", "mode=max,builder-id=https://example.com/me", code=1), "builder-id")

    def test_a_registry_that_is_not_there_says_so(self):
        refused = self.bx("-t", "127.0.0.1:1/team/app:1", "--push", code=1)
        self.assert_says(refused, "failed to push 127.0.0.1:1/team/app:1")

    def test_the_client_of_two_years_before(self):
        older = peer("buildx-older")
        made = subprocess.run([older, "build", "-t", self.name, "--push", self.context], capture_output=True, text=True, env=self.environment())
        self.assertEqual(made.returncode, 0, self.story(made))
        self.assertEqual(json.loads(self.raw(self.name))["mediaType"], MANIFEST)
        made = subprocess.run([older, "build", "-o", f"type=local,dest={self.out}", self.context], capture_output=True, text=True,
                              env=self.environment())
        self.assertEqual(made.returncode, 0, self.story(made))
        self.assertEqual((self.out / "data" / "one").read_text(), "1\n")

    def test_buildctl(self):
        made = subprocess.run([peer("buildctl"), "--addr", f"unix://{self.socket()}", "build", "--frontend", "dockerfile.v0", "--local",
                               f"context={self.context}", "--local", f"dockerfile={self.context}", "--output",
                               f"type=image,name={self.name},push=true", "--metadata-file", self.out / "metadata.json"],
                              capture_output=True, text=True, env=self.environment())
        self.assertEqual(made.returncode, 0, self.story(made))
        self.assertEqual(self.metadata()["containerimage.digest"], "sha256:" + hashlib.sha256(self.raw(self.name)).hexdigest())


class CredentialsTest(Outputs):
    """A registry that asks who is there."""

    def setUp(self):
        super().setUp()
        require_program("docker-registry")
        self.user, self.password = "somebody", "geheimnis-7242"
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-registry-", dir="/var/tmp"))
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], capture_output=True)
        hashed = crypt.crypt(self.password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))
        (folder / "htpasswd").write_text(f"{self.user}:{hashed}\n")
        (folder / "config.yml").write_text(f"""
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}}}
http: {{addr: {self.host}}}
auth: {{htpasswd: {{realm: e2e, path: {folder}/htpasswd}}}}
""")
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def answers():
            try:
                urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5).close()
            except urllib.error.HTTPError as error:
                return error.code == 401
            except OSError:
                return False
            return True
        wait_for(answers, "the registry's start")

    def test_the_clients_login_is_used_and_kept_nowhere(self):
        refused = self.bx("-t", f"{self.host}/team/app:1", "--push", code=1)
        self.assert_says(refused, f"failed to push {self.host}/team/app:1")
        login = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-login-", dir="/var/tmp"))
        self.addCleanup(subprocess.run, ["rm", "-rf", login], capture_output=True)
        secret = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        (login / "config.json").write_text(json.dumps({"auths": {self.host: {"auth": secret}}}))
        self.bx("-t", f"{self.host}/team/app:1", "--push", env={"DOCKER_CONFIG": str(login)})
        found = subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--creds", f"{self.user}:{self.password}",
                                f"docker://{self.host}/team/app:1"], capture_output=True)
        self.assertEqual(found.returncode, 0, found.stderr)
        for path in self.farm.folder.rglob("*"):
            if path.is_file():
                self.assertNotIn(self.password.encode(), path.read_bytes(), path)


    def test_a_private_base_is_pulled_with_the_clients_login(self):
        login = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-login-", dir="/var/tmp"))
        self.addCleanup(subprocess.run, ["rm", "-rf", login], capture_output=True)
        secret = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        (login / "config.json").write_text(json.dumps({"auths": {self.host: {"auth": secret}}}))
        own = {"DOCKER_CONFIG": str(login)}
        # Somebody else put it there: the farm has it under no name.
        put = subprocess.run(["skopeo", "copy", "--dest-tls-verify=false", "--dest-creds", f"{self.user}:{self.password}",
                              f"oci-archive:{tiny_archive()}", f"docker://{self.host}/private/base:1"], capture_output=True)
        self.assertEqual(put.returncode, 0, put.stderr)
        self.dockerfile(f"FROM {self.host}/private/base:1\nRUN echo upon it > /v\n")
        refused = self.bx(code=1)
        self.assert_says(refused, f"{self.host}/private/base:1", "Dockerfile:1")
        _, files = self.bx_local(env=own)
        self.assertEqual((files / "v").read_text(), "upon it\n")
        self.dockerfile(f"FROM scratch\nCOPY --from={self.host}/private/base:1 /bin /bin\n")
        self.bx(env=own)
        for path in self.farm.folder.rglob("*"):
            if path.is_file():
                self.assertNotIn(self.password.encode(), path.read_bytes(), path)


if __name__ == "__main__":
    main()
