#!/usr/bin/env python3
"""Other clients than the newest buildx: one of two years before, and buildctl, which asks for whole builds."""
import subprocess
import tempfile
import pathlib

from buildx_farm import BuildxCase, peer

from farm import main


class OlderBuildxTest(BuildxCase):
    @classmethod
    def setUpClass(cls):
        older = peer("buildx-older")
        super().setUpClass()
        cls.buildx_program = older

    def test_a_build(self):
        self.write("f", "old\n")
        self.dockerfile("FROM tiny\nCOPY f /f\nRUN cat /f > /g\n")
        _, out = self.bx_local("--target", "", "--label", "a=b")
        self.assertEqual((out / "g").read_text(), "old\n")

    def test_a_bake_with_linked_targets(self):
        self.write("a/Dockerfile", "FROM tiny\nRUN echo a > /a\n")
        self.write("b/Dockerfile", "FROM base\nRUN cp /a /b\n")
        self.write("docker-bake.hcl", """
            target "a" { context = "a" }
            target "default" {
              context = "b"
              contexts = { base = "target:a" }
              output = ["type=local,dest=out"]
            }
        """)
        result = self.buildx("bake", "--progress", "plain", cwd=self.context)
        self.assertEqual(result.returncode, 0, self.story(result))
        self.assertEqual((self.context / "out/b").read_text(), "a\n")

    def test_a_failure(self):
        self.dockerfile("FROM tiny\nRUN exit 6\n")
        result = self.bx(code=1)
        self.assertIn("exit code: 6", result.stderr)
        self.assertIn(">>> RUN exit 6", result.stderr)


class BuildctlTest(BuildxCase):
    def buildctl(self, *words, code=0):
        result = subprocess.run([peer("buildctl"), "--addr", f"unix://{self.socket()}", *map(str, words)], capture_output=True,
                                text=True, env=self.environment(), timeout=300, errors="replace")
        self.assertEqual(result.returncode, code, self.story(result))
        return result

    def build(self, *words, **more):
        return self.buildctl("build", "--progress", "plain", "--frontend", "dockerfile.v0", "--local", f"context={self.context}",
                             "--local", f"dockerfile={self.context}", *words, **more)

    def test_a_build(self):
        self.write("f", "buildctl\n")
        self.dockerfile("FROM tiny\nARG A\nCOPY f /f\nRUN echo $A >> /f\n")
        with tempfile.TemporaryDirectory() as out:
            self.build("--opt", "build-arg:A=argument", "--output", f"type=local,dest={out}")
            self.assertEqual(pathlib.Path(out, "f").read_text(), "buildctl\nargument\n")

    def test_a_failure(self):
        self.dockerfile("FROM tiny\nRUN exit 6\n")
        self.assertIn("exit code: 6", self.build(code=1).stderr)

    def test_workers_and_use_of_the_disk(self):
        self.assertIn("linux/", self.buildctl("debug", "workers").stdout)
        self.assertIn("Total", self.buildctl("du").stdout)
        self.assertIn("v0.", self.buildctl("debug", "info").stdout)

    def test_other_frontends_are_refused_by_name(self):
        result = self.buildctl("build", "--progress", "plain", "--frontend", "gateway.v0", "--opt", "source=ghcr.io/me/front:1", code=1)
        self.assertIn("ghcr.io/me/front:1", result.stderr)


if __name__ == "__main__":
    main()
