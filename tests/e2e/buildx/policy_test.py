#!/usr/bin/env python3
"""What a client's rules about sources (EXPERIMENTAL_BUILDKIT_SOURCE_POLICY) let a build take: images, repositories, URLs and folders."""
import hashlib
import json

from sources_test import SourcesCase

from farm import main

TINY = "docker-image://docker.io/library/tiny:latest"


def rule(action, identifier, to=None, match="WILDCARD", constraints=(), **attributes):
    made = {"action": action, "selector": {"identifier": identifier, "match_type": match, "constraints": list(constraints)}}
    if to or attributes:
        made["updates"] = {"identifier": to or "", "attrs": {key.replace("_", "."): value for key, value in attributes.items()}}
    return made


class PolicyTest(SourcesCase):
    def under(self, *rules):
        """The environment of a client that has these rules."""
        policy = self.write("../" + self.context.name + "-policy.json", json.dumps({"version": 1, "rules": list(rules)}))
        self.addCleanup(policy.unlink, missing_ok=True)
        return {"EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": str(policy)}

    def builds(self):
        return len(json.loads(self.farm.cli("ls", "--json").stdout))

    def refused(self, *rules, words=(), **more):
        """What the client says of a build that its rules do not let begin."""
        before = self.builds()
        result = self.bx(*words, env=self.under(*rules), code=1, **more)
        self.assertEqual(self.builds(), before, "nothing is built")
        return result

    # ---- images ----

    def test_a_base_that_is_denied(self):
        self.dockerfile("FROM tiny\nRUN true\n")
        result = self.refused(rule("DENY", "docker-image://*"))
        self.assert_says(result, f'source "{TINY}" denied by policy', "rule 1 (DENY docker-image://*)", "Dockerfile:1")
        self.bx(env=self.under(rule("DENY", "docker-image://*"), rule("ALLOW", TINY + "*")))
        self.bx(env=self.under(rule("DENY", "docker-image://elsewhere/*")))

    def test_what_a_name_means_is_judged_too(self):
        self.dockerfile("FROM tiny\nRUN true\n")
        self.assert_says(self.refused(rule("DENY", r"@sha256:[0-9a-f]{64}$", match="REGEX")), "denied by policy", "@sha256:")

    def test_an_image_that_only_files_are_copied_of(self):
        self.dockerfile("FROM scratch\nCOPY --from=tiny /bin /bin\n")
        self.assert_says(self.refused(rule("DENY", TINY)), "denied by policy", "Dockerfile:2")

    def test_an_image_in_the_others_place(self):
        self.dockerfile("FROM registry.invalid/base:1\nRUN echo moved > /v\n")
        _, out = self.bx_local(env=self.under(rule("CONVERT", "docker-image://registry.invalid/base:*", TINY)))
        self.assertEqual((out / "v").read_text(), "moved\n")

    def version(self, text):
        """The image pinned:1 made anew; its digest."""
        self.dockerfile(f"FROM tiny\nRUN echo {text} > /version\n")
        self.bx("-t", "pinned:1", "--metadata-file", self.context / "metadata.json", "-o", "type=image")
        return json.loads((self.context / "metadata.json").read_text())["containerimage.digest"]

    def test_a_digest_pins_what_is_built_upon(self):
        first = self.version("one")
        self.assertNotEqual(self.version("two"), first)
        self.dockerfile("FROM pinned:1\nRUN cp /version /v\n")
        name = "docker-image://docker.io/library/pinned:1"
        _, out = self.bx_local()
        self.assertEqual((out / "v").read_text(), "two\n")
        result, out = self.bx_local(env=self.under(rule("CONVERT", name, f"{name}@{first}", match="EXACT")))
        self.assertEqual((out / "v").read_text(), "one\n")
        self.assert_says(result, f"docker.io/library/pinned:1@{first}")
        # Every later look at the build says so, and it is what a repetition takes.
        number = self.number_of(result)
        self.assertIn(first, json.dumps(self.farm.show(number)["bases"]))
        again = self.farm.cli("retry", number, "--json")
        self.assert_exit(again, 0)
        newest = json.loads(self.farm.cli("ls", "--json").stdout)[0]["id"]
        self.assertNotEqual(newest, number)
        self.assertIn(first, json.dumps(self.farm.show(newest)["bases"]))
        self.dockerfile("FROM scratch\nCOPY --from=pinned:1 /version /v\n")
        _, out = self.bx_local(env=self.under(rule("CONVERT", name + "*", f"{name}@{first}")))
        self.assertEqual((out / "v").read_text(), "one\n")

    def test_a_named_context_that_is_an_image(self):
        self.dockerfile("FROM base\nRUN echo named > /v\n")
        words = ["--build-context", "base=docker-image://registry.invalid/base:1"]
        _, out = self.bx_local(*words, env=self.under(rule("CONVERT", "docker-image://registry.invalid/*", TINY)))
        self.assertEqual((out / "v").read_text(), "named\n")
        self.refused(rule("DENY", "docker-image://registry.invalid/*"), words=words)

    def test_rules_that_go_round(self):
        self.dockerfile("FROM a\n")
        a, b = "docker-image://docker.io/library/a:latest", "docker-image://docker.io/library/b:latest"
        self.assert_says(self.refused(rule("CONVERT", a, b), rule("CONVERT", b, a)), "go round in a circle")

    def test_what_cannot_be_applied_is_named(self):
        self.dockerfile("FROM tiny\n")
        self.assert_says(self.refused(rule("CONVERT", TINY, "https://example.invalid/rootfs.tar")), "https://example.invalid/rootfs.tar",
                         "not applied here")
        self.assert_says(self.refused(rule("DENY", "(", match="REGEX")), "no regular expression", "rule 1")

    # ---- what ADD fetches ----

    def test_a_file_with_the_checksum_that_the_rules_say(self):
        folder, url = self.serve()
        (folder / "f").write_text("of the server\n")
        self.dockerfile(f"FROM tiny\nADD {url}/f /d/\n")
        right = hashlib.sha256(b"of the server\n").hexdigest()
        _, out = self.bx_local(env=self.under(rule("CONVERT", f"{url}/f", http_checksum=f"sha256:{right}")))
        self.assertEqual((out / "d/f").read_text(), "of the server\n")
        wrong = self.bx(env=self.under(rule("CONVERT", f"{url}/f", http_checksum=f"sha256:{'0' * 64}")), code=1)
        self.assert_says(wrong, right)

    def test_a_file_from_elsewhere(self):
        folder, url = self.serve()
        (folder / "mirror").write_text("of the mirror\n")
        self.dockerfile("FROM tiny\nADD https://origin.invalid/files/f /d/\n")
        _, out = self.bx_local(env=self.under(rule("CONVERT", "https://origin.invalid/files/*", f"{url}/mirror")))
        self.assertEqual((out / "d/f").read_text(), "of the mirror\n")
        self.assert_says(self.refused(rule("DENY", "https://origin.invalid/*")), "https://origin.invalid/files/f", "Dockerfile:2")

    def test_a_condition_on_an_attribute(self):
        folder, url = self.serve()
        (folder / "f").write_text("x\n")
        unchecked = rule("DENY", f"{url}/*", constraints=[{"key": "http.checksum", "value": "", "condition": "EQUAL"}])
        self.dockerfile(f"FROM tiny\nADD {url}/f /\n")
        self.assert_says(self.refused(unchecked), "denied by policy")
        self.dockerfile(f"FROM tiny\nADD --checksum=sha256:{hashlib.sha256(b'x' + bytes([10])).hexdigest()} {url}/f /\n")
        self.bx(env=self.under(unchecked))

    def test_a_repository_that_ADD_fetches(self):
        url = self.repository({"v": "one\n"})
        first, _ = self.commit("two\n")
        place = "git://" + url.split("//")[1]
        self.dockerfile(f"FROM tiny\nADD {url}#main /r\n")
        self.assert_says(self.refused(rule("DENY", place + "*")), "denied by policy", "Dockerfile:2")
        _, out = self.bx_local(env=self.under(rule("CONVERT", f"{place}#main", f"{place}#{first}")))
        self.assertEqual((out / "r/v").read_text(), "one\n")

    # ---- contexts ----

    def test_a_repository_as_context(self):
        url = self.repository({"Dockerfile": "FROM tiny\nCOPY v /v\n", "v": "one\n"})
        first, second = self.commit("two\n")
        place = "git://" + url.split("//")[1]
        _, out = self.bx_local(context=f"{url}#main", env=self.under(rule("CONVERT", f"{place}#main", f"{place}#{first}")))
        self.assertEqual((out / "v").read_text(), "one\n")
        self.bx(context=f"{url}#main", env=self.under(rule("CONVERT", f"{place}#main", git_checksum=second)))
        wrong = self.bx(context=f"{url}#main", env=self.under(rule("CONVERT", f"{place}#main", git_checksum="f" * 40)), code=1)
        self.assert_says(wrong, "f" * 40)
        self.assert_says(self.refused(rule("DENY", "git://*"), context=f"{url}#main"), "denied by policy")

    def test_a_folder(self):
        self.dockerfile("FROM tiny\nCOPY Dockerfile /\n")
        self.assert_says(self.refused(rule("DENY", "local://*")), 'source "local://dockerfile" denied by policy')
        self.assert_says(self.refused(rule("DENY", "local://context")), 'source "local://context" denied by policy')

    def test_bake_has_the_same_rules(self):
        self.dockerfile("FROM tiny\n")
        self.write("docker-bake.json", json.dumps({"target": {"default": {}}}))
        result = self.buildx("bake", "--progress", "plain", cwd=self.context, env=self.under(rule("DENY", "docker-image://*")))
        self.assertNotEqual(result.returncode, 0)
        self.assert_says(result, "denied by policy")


if __name__ == "__main__":
    main()
