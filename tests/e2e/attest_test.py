"""Evidence of a real farm: signed by workers and the coordinator, checked by ours and by OpenSSL, and what is made of it
when something in it was changed.

Two workers of one machine, so every verified build allows the same host.
"""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import time
import unittest
import urllib.request

import stand_ins
from daemons import Registry
from farm import Farm, FarmTestCase, can_run_arm64, free_port, main, require_program, require_root_and_user, tiny_archive, wait_for

IN_TOTO = "application/vnd.in-toto+json"
RECIPE = """
    FROM tiny AS b
    RUN echo one > /one
    FROM tiny
    COPY --from=b /one /one
    RUN echo two > /two
    """


def pre_authentication_encoding(kind, payload):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def opened(path):
    """The statement in an envelope, unchecked."""
    return json.loads(base64.b64decode(json.loads(pathlib.Path(path).read_text())["payload"]))


class EvidenceTestCase(FarmTestCase):
    farm_options = {"workers": 2}

    def verified_build(self, text=RECIPE, *options):
        self.dockerfile(text)
        return self.build_json("--verify", "2", "--allow-same-host", *options)

    def attest(self, *arguments, farm=None):
        """The folder with a build's evidence, and the index."""
        folder = self.context / f"evidence-{len(list(self.context.iterdir()))}"
        result = (farm or self.farm).cli("attest", *arguments, "-o", folder, "--json")
        self.assert_exit(result, 0)
        return folder, json.loads(result.stdout)

    def weigh(self, *arguments, code=0):
        result = self.farm.cli("verify-attestation", "--json", *arguments)
        self.assert_exit(result, code)
        return json.loads(result.stdout)

    def weigh_trusted(self, folder, *arguments, code=0):
        return self.weigh(folder, "--key", folder / "coordinator.pem", *arguments, code=code)


class AttestTest(EvidenceTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        context = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-context-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, context, ignore_errors=True)
        (context / "Dockerfile").write_text(RECIPE)
        built = cls.farm.build(context, "--json", "--verify", "2", "--allow-same-host", "-t", "proof")
        assert built.returncode == 0, built.stderr
        cls.built = json.loads(built.stdout)
        cls.evidence = context / "evidence"
        written = cls.farm.cli("attest", cls.built["id"], "-o", cls.evidence, "--json")
        assert written.returncode == 0, written.stderr
        cls.index = json.loads(written.stdout)

    def copy(self):
        folder = self.context / "copy"
        shutil.copytree(self.evidence, folder)
        return folder

    def of_kind(self, kind):
        return [file for file in self.index["files"] if file["kind"] == kind]

    # ---- what is there ----

    def test_every_execution_that_counts_has_its_workers_statement(self):
        cell, = self.built["cells"]
        verdict = opened(self.evidence / self.of_kind("verdict")[0]["name"])
        self.assertEqual(verdict["subject"][0]["digest"]["sha256"], cell["image_digest"].removeprefix("sha256:"))
        predicate = verdict["predicate"]
        self.assertEqual((predicate["verdict"], predicate["executions"], predicate["hosts"], predicate["sameHost"]),
                         ("reproducible", 2, 1, True))
        self.assertEqual(len(predicate["steps"]), 3)
        by_hash = {file["sha256"]: file for file in self.of_kind("execution")}
        for step in predicate["steps"]:
            self.assertEqual(len(step["executions"]), 2)
            self.assertEqual(len({each["worker"] for each in step["executions"]}), 2)
            for each in step["executions"]:
                file = by_hash[each["statement"]["digest"]["sha256"]]
                stated = opened(self.evidence / file["name"])
                self.assertEqual(stated["predicate"]["worker"]["name"], each["worker"])
                self.assertEqual(stated["predicate"]["step"]["key"], step["key"])
                self.assertEqual(stated["subject"][0]["digest"], each["layer"])
        self.assertEqual(len(by_hash), 6)

    def test_files_are_what_the_index_says(self):
        self.assertEqual(json.loads((self.evidence / "index.json").read_text()), self.index)
        self.assertEqual({path.name for path in self.evidence.iterdir()},
                         {"index.json"} | {file["name"] for file in self.index["files"]})
        for file in self.index["files"]:
            self.assertEqual(hashlib.sha256((self.evidence / file["name"]).read_bytes()).hexdigest(), file["sha256"])
        self.assertEqual(len(self.of_kind("provenance")), 1)
        self.assertEqual(len(self.of_kind("packages")), 1)
        self.assertEqual(len(self.of_kind("key")), 3)

    def test_provenance_names_recipe_and_base(self):
        stated = opened(self.evidence / self.of_kind("provenance")[0]["name"])
        self.assertEqual(stated["predicateType"], "https://slsa.dev/provenance/v1")
        definition = stated["predicate"]["buildDefinition"]
        self.assertEqual(definition["externalParameters"]["dockerfile"]["digest"]["sha256"],
                         hashlib.sha256(RECIPE.encode()).hexdigest())
        base = definition["resolvedDependencies"][0]
        self.assertIn("tiny", base["uri"])
        self.assertTrue(base["annotations"]["standIn"])

    def test_the_same_record_gives_the_same_bytes(self):
        folder, index = self.attest(self.built["id"])
        self.assertEqual(index, self.index)

    def test_keys_are_made_once_for_the_owner_alone(self):
        for path in (self.farm.data, self.farm.folder / "w1", self.farm.folder / "w2"):
            key = path / "signing-key.pem"
            self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600, key)
        coordinator = (self.evidence / "coordinator.pem").read_text()
        public = subprocess.run(["openssl", "pkey", "-in", self.farm.data / "signing-key.pem", "-pubout"],
                                capture_output=True, text=True, check=True)
        self.assertEqual(public.stdout, coordinator)

    # ---- signatures ----

    def test_openssl_verifies_every_signature(self):
        require_program("openssl")
        keys = {file["key_id"]: self.evidence / file["name"] for file in self.of_kind("key")}
        for file in self.index["files"]:
            if file["kind"] == "key":
                continue
            envelope = json.loads((self.evidence / file["name"]).read_text())
            self.assertEqual(envelope["payloadType"], IN_TOTO)
            signature, = envelope["signatures"]
            self.assertEqual(signature["keyid"], file["key_id"])
            message = self.write("message", pre_authentication_encoding(IN_TOTO, base64.b64decode(envelope["payload"])))
            signed = self.write("signature", base64.b64decode(signature["sig"]))
            checked = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", keys[file["key_id"]],
                                      "-in", message, "-sigfile", signed], capture_output=True, text=True)
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
            der = subprocess.run(["openssl", "pkey", "-pubin", "-in", keys[file["key_id"]], "-outform", "DER"],
                                 capture_output=True, check=True).stdout
            self.assertEqual(hashlib.sha256(der).hexdigest(), file["key_id"])

    # ---- weighing ----

    def test_agreed_with_the_farms_key(self):
        weighed = self.weigh_trusted(self.evidence, "--image", self.built["cells"][0]["image_digest"])
        self.assertEqual((weighed["result"], weighed["farms"], weighed["reasons"]), ("agreed", 1, []))
        verdict, = weighed["verdicts"]
        self.assertTrue(verdict["same_host"])
        self.assertEqual((verdict["executions_listed"], verdict["statements_named"], verdict["statements_confirmed"]), (6, 6, 6))
        text = self.farm.cli("verify-attestation", self.evidence, "--key", self.evidence / "coordinator.pem")
        self.assert_exit(text, 0)
        self.assert_says(text, "2 executions of each step on the same host", "agreed: 1 farm")

    def test_image_by_name_and_by_index(self):
        self.weigh_trusted(self.evidence, "--image", "proof")
        self.weigh_trusted(self.evidence, "--image", self.built["index_digest"])

    def test_without_a_key_it_is_inconclusive(self):
        weighed = self.weigh(self.evidence, code=6)
        self.assertEqual(weighed["verdicts"], [])
        self.assertIn("no key was given", weighed["reasons"][0])

    def test_another_image_differs(self):
        weighed = self.weigh_trusted(self.evidence, "--image", "sha256:" + "0" * 64, code=3)
        self.assertIn("about another image", weighed["reasons"][0])

    def test_a_change_of_any_field_is_refused(self):
        """Each text, number and truth of each kind of statement by another one."""
        for kind in ("execution", "verdict", "provenance", "packages"):
            name = self.of_kind(kind)[0]["name"]
            folder = self.context / kind
            shutil.copytree(self.evidence, folder)
            original = (folder / name).read_text()
            envelope = json.loads(original)
            statement = json.loads(base64.b64decode(envelope["payload"]))
            changes = list(changed(statement))
            self.assertGreater(len(changes), 15)
            for place, other in changes:
                payload = json.dumps(other, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
                (folder / name).write_text(json.dumps({**envelope, "payload": base64.b64encode(payload).decode()}))
                weighed = self.weigh_trusted(folder, code=1)
                self.assertIn("the signature is not", weighed["reasons"][0], place)
            (folder / name).write_text(original)
            self.weigh_trusted(folder)

    def test_an_envelope_that_is_not_whole_is_refused(self):
        folder = self.copy()
        name = self.of_kind("verdict")[0]["name"]
        original = (folder / name).read_text()
        for text in ("", "{}", original[:200], original + original, original.replace('{"payload":', '{"payload":"e30=","payload":'),
                     "[" * 100000, original.replace(IN_TOTO, "application/json")):
            (folder / name).write_text(text)
            self.weigh_trusted(folder, code=1)

    def test_a_file_that_is_too_long_is_not_read(self):
        folder = self.copy()
        with open(folder / "long.json", "wb") as file:
            file.truncate(1 << 30)
        result = self.farm.cli("verify-attestation", folder)
        self.assert_exit(result, 2)
        self.assert_says(result, "longer than")

    def test_a_forged_farm_is_not_the_trusted_one(self):
        """Everything signed anew with keys of somebody else's, which lie beside."""
        require_program("openssl")
        folder = self.copy()
        key = self.context / "forger.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", folder / "coordinator.pem"], check=True)
        name = self.of_kind("verdict")[0]["name"]
        envelope = json.loads((folder / name).read_text())
        message = self.write("message", pre_authentication_encoding(IN_TOTO, base64.b64decode(envelope["payload"])))
        signed = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message],
                                capture_output=True, check=True).stdout
        der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        honest = envelope["signatures"][0]["keyid"]
        for hint, standing, code in ((hashlib.sha256(der).hexdigest(), "untrusted", 6), ("", "unknown-key", 6), (honest, "refused", 1)):
            envelope["signatures"] = [{"sig": base64.b64encode(signed).decode(), "keyid": hint}]
            (folder / name).write_text(json.dumps(envelope))
            weighed = self.weigh(folder, "--key", self.evidence / "coordinator.pem", code=code)
            self.assertEqual(weighed["verdicts"], [])
            file, = [file for file in weighed["files"] if file["name"].endswith(name)]
            self.assertEqual(file["standing"], standing)

    def test_bad_input_says_what_to_do(self):
        for arguments, says in ((("verify-attestation", self.context / "none"), "none"),
                                (("verify-attestation", self.context), "has no statements"),
                                (("verify-attestation", self.evidence, "--key", self.evidence / "index.json"), "--key"),
                                (("verify-attestation", self.evidence, "--image", "sha256:12"), "--image"),
                                (("verify-attestation", self.evidence, "--image", "nobody/knows"), "nobody/knows"),
                                (("attest", self.built["id"], "-o", self.evidence), "is not empty"),
                                (("attest", "99999", "-o", self.context / "x"), "99999")):
            result = self.farm.cli(*arguments)
            self.assert_exit(result, 2)
            self.assert_says(result, says)


def changed(value, place=""):
    """The value with each of its leaves changed, one at a time."""
    if isinstance(value, dict):
        for name in value:
            for where, other in changed(value[name], f"{place}.{name}"):
                yield where, {**value, name: other}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for where, other in changed(item, f"{place}[{index}]"):
                yield where, value[:index] + [other] + value[index + 1:]
    elif isinstance(value, bool):
        yield place, not value
    elif isinstance(value, int):
        yield place, value + 1
    else:
        yield place, (value or "") + "x"


class MoreBuildsTest(EvidenceTestCase):
    def test_an_unreproducible_build_says_so(self):
        self.verified_build("FROM tiny\nRUN head -c 16 /dev/urandom > /x\n")
        folder, _ = self.attest()
        weighed = self.weigh_trusted(folder, code=3)
        self.assertEqual(weighed["verdicts"][0]["verdict"], "unreproducible")
        self.assertEqual(weighed["verdicts"][0]["statements_confirmed"], 2)

    def test_without_verification_there_is_no_agreement(self):
        self.dockerfile("FROM tiny\nRUN echo once > /once\n")
        self.build_json()
        folder, _ = self.attest()
        weighed = self.weigh_trusted(folder, code=6)
        self.assertEqual(weighed["verdicts"][0]["verdict"], "unverified")

    def test_what_came_from_the_cache_has_its_statement(self):
        self.verified_build("FROM tiny\nRUN echo cached > /cached\n")
        self.build_json("--verify", "2", "--allow-same-host")
        folder, index = self.attest()
        self.assertEqual(len([file for file in index["files"] if file["kind"] == "execution"]), 2)
        self.assertEqual(self.weigh_trusted(folder)["verdicts"][0]["statements_confirmed"], 2)

    def test_a_build_without_image_has_nothing_to_attest(self):
        self.dockerfile("FROM tiny\nRUN exit 3\n")
        self.assert_exit(self.build(), 1)
        result = self.farm.cli("attest", "-o", self.context / "x")
        self.assert_exit(result, 2)
        self.assert_says(result, "no image that could be attested")

    def test_keys_and_statements_survive_a_restart(self):
        self.verified_build("FROM tiny\nRUN echo restart > /restart\n")
        before, index = self.attest()
        self.farm.kill_coordinator()
        self.farm.start_coordinator()
        _, again = self.attest(index["build"])
        self.assertEqual(again, index)
        self.farm.wait_for_workers(2)

    def test_a_statement_comes_after_a_coordinator_that_was_away(self):
        """The result waits on the worker's disk, with what was signed about it."""
        self.dockerfile("FROM tiny\nRUN sleep 3; echo waited > /waited\n")
        build = self.farm.start_build(self.context, "--json", "--verify", "2", "--allow-same-host")
        wait_for(lambda: any(worker["tasks"] for worker in json.loads(self.farm.cli("worker", "ls", "--json").stdout or "[]")),
                 "the step's start")
        self.farm.kill_coordinator()
        time.sleep(4)
        self.farm.start_coordinator()
        out, err = build.communicate(timeout=120)
        self.assertEqual(build.returncode, 0, err)
        folder, _ = self.attest(json.loads(out)["id"])
        verdict, = self.weigh_trusted(folder)["verdicts"]
        self.assertEqual((verdict["executions_listed"], verdict["statements_confirmed"]), (2, 2))

    def test_a_workers_new_key_signs_what_it_does_then(self):
        self.verified_build("FROM tiny\nRUN echo before > /before\n")
        folder, _ = self.attest()
        before = {file["key_id"] for file in self.attest()[1]["files"] if file["kind"] == "key"}
        self.farm.kill_worker("w1")
        (self.farm.folder / "w1" / "signing-key.pem").unlink()
        self.farm.start_worker("w1")
        self.farm.wait_for_workers(2)
        self.verified_build("FROM tiny\nRUN echo after > /after\n")
        folder, index = self.attest()
        after = {file["key_id"] for file in index["files"] if file["kind"] == "key"}
        self.assertEqual(len(after - before), 1)
        self.weigh_trusted(folder)
        self.assertIn("signs with another key than before", (self.farm.folder / "coordinator.log").read_text())

    def test_a_worker_that_signs_nothing_is_no_obstacle(self):
        """As one of before there were statements: what it did is in the verdict, without a statement."""
        self.verified_build("FROM tiny\nRUN echo unsigned > /unsigned\n")
        self.farm.kill_coordinator()
        with sqlite3.connect(self.farm.data / "record.db") as record:
            record.execute("DELETE FROM execution_statements")
        self.farm.start_coordinator()
        self.farm.wait_for_workers(2)
        folder, index = self.attest()
        self.assertEqual([file for file in index["files"] if file["kind"] == "execution"], [])
        verdict, = self.weigh_trusted(folder)["verdicts"]
        self.assertEqual((verdict["executions_listed"], verdict["statements_named"]), (2, 0))


class PlatformsTest(EvidenceTestCase):
    tiny_architectures = ("amd64", "arm64")

    @classmethod
    def setUpClass(cls):
        if not can_run_arm64():
            raise unittest.SkipTest("needs an interpreter for 64-bit ARM")
        super().setUpClass()

    def test_each_platform_has_its_own_and_emulation_is_said(self):
        self.verified_build("""
            FROM --platform=$BUILDPLATFORM tiny AS shared
            RUN echo shared > /shared
            FROM tiny
            COPY --from=shared /shared /shared
            RUN uname -m > /machine
            """, "--platform", "linux/amd64,linux/arm64")
        folder, index = self.attest()
        verdicts = {file["platform"]: opened(folder / file["name"]) for file in index["files"] if file["kind"] == "verdict"}
        self.assertEqual(set(verdicts), {"linux/amd64", "linux/arm64"})
        native, = {"x86_64": ["linux/amd64"], "aarch64": ["linux/arm64"]}[os.uname().machine]
        for platform, verdict in verdicts.items():
            self.assertEqual(verdict["predicate"]["emulated"], platform != native, platform)
        names = {file["name"] for file in index["files"]}
        self.assertLessEqual({"linux-amd64.provenance.intoto.json", "linux-arm64.packages.intoto.json"}, names)
        # The shared stage ran twice, for both; the others twice for each.
        self.assertEqual(len([name for name in names if ".execution-" in name]), 2 + 2 * 2 * 2)
        weighed = self.weigh_trusted(folder)
        self.assertEqual({each["statements_confirmed"] for each in weighed["verdicts"]}, {6})
        text = self.farm.cli("verify-attestation", folder, "--key", folder / "coordinator.pem")
        self.assert_says(text, "some emulated")


class PackagesTest(EvidenceTestCase):
    """What a real pip installed from an index on this machine."""
    tiny_architectures = ()

    @classmethod
    def setUpClass(cls):
        require_root_and_user()
        archive = stand_ins.find("python:3.11")
        if archive is None:
            raise unittest.SkipTest(stand_ins.why_missing("python:3.11"))
        cls.farm_options = {"workers": 1, "worker_options": ["--index-url", cls.serve_packages()],
                            "worker_environment": {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}}
        super().setUpClass()
        cls.farm.import_base("python:3.11", archive)

    def test_packages_and_their_files_are_named(self):
        self.dockerfile("""
            FROM python:3.11 AS build
            RUN python3 -m venv /venv && /venv/bin/pip install -q --no-cache-dir puresrc
            FROM python:3.11
            COPY --from=build /venv /venv
            RUN pip install -q --no-cache-dir --break-system-packages purepkg
            """)
        self.build_json("--no-compile-ahead")
        folder, index = self.attest()
        packages, = [opened(folder / file["name"]) for file in index["files"] if file["kind"] == "packages"]
        components = {each["name"]: each for each in packages["predicate"]["components"]}
        self.assertEqual(components["purepkg"]["purl"], "pkg:pypi/purepkg@1.2.0")
        outcomes = {name: (each["scope"], next(p["value"] for p in each["properties"] if p["name"] == "crossmill:outcome"))
                    for name, each in components.items() if name.startswith("pure")}
        self.assertEqual(outcomes, {"purepkg": ("required", "wheel"), "puresrc": ("optional", "source")})
        provenance, = [opened(folder / file["name"]) for file in index["files"] if file["kind"] == "provenance"]
        fetched = {each["uri"].rsplit("/", 1)[-1]: each["digest"]["sha256"]
                   for each in provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
                   if each["annotations"]["kind"] == "fetch"}
        recorded = {row["url"].rsplit("/", 1)[-1]: row["digest"].removeprefix("sha256:")
                    for row in json.loads(self.farm.cli("fetches", "--json").stdout) if row["file_name"] and row["digest"]}
        self.assertIn("purepkg-1.2.0-py3-none-any.whl", fetched)
        self.assertEqual({name: fetched.get(name) for name in recorded}, recorded)
        stated = [opened(folder / file["name"]) for file in index["files"] if file["kind"] == "execution"]
        seen = {item["uri"].rsplit("/", 1)[-1]: item["digest"]["sha256"] for statement in stated
                for item in statement["predicate"].get("fetches", {}).get("items", [])}
        self.assertEqual({name: seen.get(name) for name in recorded}, recorded)


class TwoFarmsTest(EvidenceTestCase):
    def test_two_farms_about_one_image(self):
        with Farm(workers=2) as other:
            other.import_base("tiny", tiny_archive())
            self.verified_build()
            mine, _ = self.attest()
            result = other.build(self.context, "--json", "--verify", "2", "--allow-same-host")
            self.assertEqual(result.returncode, 0, result.stderr)
            theirs, _ = self.attest(farm=other)
            keys = ("--key", mine / "coordinator.pem", "--key", theirs / "coordinator.pem")
            weighed = self.weigh(mine, theirs, *keys)
            self.assertEqual((weighed["result"], weighed["farms"]), ("agreed", 2))
            self.assertEqual(weighed["hosts_named"], 1, "two farms on one machine are two farms, and one host")
            self.assertEqual(self.weigh(mine, theirs, *keys[:2], code=6)["farms"], 1)
            # Another recipe there: another image.
            self.dockerfile("FROM tiny\nRUN echo other > /other\n")
            result = other.build(self.context, "--json", "--verify", "2", "--allow-same-host")
            self.assertEqual(result.returncode, 0, result.stderr)
            theirs, _ = self.attest(farm=other)
            weighed = self.weigh(mine, theirs, *keys, code=3)
            self.assertIn("disagree: the image of", " ".join(weighed["reasons"]))


class PushedEvidenceTest(EvidenceTestCase):
    """Beside an image in Debian's docker-registry, which has no referrers API: the fallback tag is what tells of it."""

    def setUp(self):
        super().setUp()
        require_program("docker-registry", "skopeo")
        (self.context / "registry").mkdir()
        self.registry = Registry(self.context / "registry", free_port())
        self.registry.__enter__()
        self.addCleanup(self.registry.__exit__)

    def raw(self, reference):
        return subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{self.registry.host}/{reference}"],
                              capture_output=True, check=True).stdout

    def blob(self, repository, digest):
        with urllib.request.urlopen(f"http://{self.registry.host}/v2/{repository}/blobs/{digest}", timeout=30) as answer:
            return answer.read()

    def referrers(self, repository, manifest):
        return json.loads(self.raw(f"{repository}:sha256-{manifest.removeprefix('sha256:')}"))["manifests"]

    def fetched(self, repository, manifest):
        """A folder with all files of all that refers to the manifest."""
        folder = self.context / "fetched"
        folder.mkdir()
        for referrer in self.referrers(repository, manifest):
            for layer in json.loads(self.raw(f"{repository}@{referrer['digest']}"))["layers"]:
                content = self.blob(repository, layer["digest"])
                self.assertEqual("sha256:" + hashlib.sha256(content).hexdigest(), layer["digest"])
                (folder / layer["annotations"]["org.opencontainers.image.title"]).write_bytes(content)
        return folder

    def test_the_image_stays_and_its_evidence_is_beside_it(self):
        build = self.verified_build(RECIPE, "-t", "pushed")
        plain = self.farm.cli("image", "push", "pushed", f"{self.registry.host}/app:plain", "--json")
        self.assert_exit(plain, 0)
        self.assertNotIn("attestations", json.loads(plain.stdout))
        for _ in range(2):
            pushed = self.farm.cli("image", "push", "pushed", f"{self.registry.host}/app:1", "--attest", "--json")
            self.assert_exit(pushed, 0)
            document = json.loads(pushed.stdout)
            self.assertEqual(document["digest"], build["index_digest"])
            self.assertEqual(len(document["attestations"]), 4)
        index = self.raw("app:1")
        self.assertEqual("sha256:" + hashlib.sha256(index).hexdigest(), build["index_digest"])
        self.assertEqual(index, self.raw("app:plain"))
        self.assertEqual(len(json.loads(index)["manifests"]), 1, "nothing was put into it")
        cell, = build["cells"]
        referrers = self.referrers("app", cell["image_digest"])
        self.assertEqual([each["digest"] for each in referrers], document["attestations"], "pushed twice, listed once")
        self.assertEqual({each["annotations"]["crossmill.evidence"] for each in referrers},
                         {"verdict", "provenance", "packages", "executions"})
        for referrer in referrers:
            manifest = json.loads(self.raw(f"app@{referrer['digest']}"))
            self.assertEqual(manifest["subject"]["digest"], cell["image_digest"])
        folder = self.fetched("app", cell["image_digest"])
        local, index = self.attest(build["id"])
        self.assertEqual({path.name: path.read_bytes() for path in folder.iterdir()},
                         {file["name"]: (local / file["name"]).read_bytes() for file in index["files"]})
        weighed = self.weigh_trusted(folder, "--image", build["index_digest"])
        self.assertEqual(weighed["verdicts"][0]["statements_confirmed"], 6)

    def test_one_platform_alone(self):
        build = self.verified_build("FROM tiny\nRUN echo alone > /alone\n", "-t", "alone")
        cell, = build["cells"]
        pushed = self.farm.cli("image", "push", "alone", f"{self.registry.host}/one:1", "--platform", cell["platform"],
                               "--attest", "--json")
        self.assert_exit(pushed, 0)
        self.assertEqual(json.loads(pushed.stdout)["digest"], cell["image_digest"])
        self.assertEqual(len(self.referrers("one", cell["image_digest"])), 4)

    def test_what_the_farm_did_not_build_has_no_evidence(self):
        pushed = self.farm.cli("image", "push", "tiny", f"{self.registry.host}/tiny:1", "--attest")
        self.assert_exit(pushed, 2)
        self.assert_says(pushed, "was not built by this farm")
        self.assertNotEqual(subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false",
                                            f"docker://{self.registry.host}/tiny:1"], capture_output=True).returncode, 0,
                            "nothing is pushed")


if __name__ == "__main__":
    main()
