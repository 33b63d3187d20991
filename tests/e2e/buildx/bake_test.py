#!/usr/bin/env python3
"""`buildx bake` on a farm: many targets of one file in one call, targets that stand on others, compose files."""
import json
import pathlib

from buildx_farm import BuildxCase

from farm import main


class BakeTest(BuildxCase):
    def bake(self, *words, code=0):
        result = self.buildx("bake", "--progress", "plain", *words, cwd=self.context)
        self.assertEqual(result.returncode, code, self.story(result))
        return result

    def test_twelve_targets_of_one_folder(self):
        self.write("shared", "s" * 1000)
        self.dockerfile("FROM tiny\nARG N\nCOPY shared /shared\nRUN echo $N > /n\n")
        targets = {f"t{n}": {"args": {"N": str(n)}, "output": [f"type=local,dest=out/{n}"]} for n in range(12)}
        self.write("docker-bake.json", json.dumps({"group": {"default": {"targets": list(targets)}}, "target": targets}))
        result = self.bake()
        for n in range(12):
            self.assertEqual((self.context / f"out/{n}/n").read_text(), f"{n}\n", result.stderr[-2000:])
        listed = json.loads(self.farm.cli("ls", "--json").stdout)
        self.assertGreaterEqual(len(listed), 12)

    def test_a_target_stands_on_another(self):
        self.write("a/Dockerfile", "FROM tiny\nENV FROM_A=1\nRUN echo a > /a\n")
        self.write("b/Dockerfile", "FROM base\nRUN echo $FROM_A > /b\n")
        self.write("docker-bake.hcl", """
            group "default" { targets = ["b"] }
            target "a" { context = "a" }
            target "b" {
              context = "b"
              contexts = { base = "target:a" }
              output = ["type=local,dest=out"]
            }
        """)
        self.bake()
        self.assertEqual((self.context / "out/a").read_text(), "a\n")
        self.assertEqual((self.context / "out/b").read_text(), "1\n")

    def test_a_chain_of_three_targets(self):
        for name, base in (("a", "tiny"), ("b", "base"), ("c", "base")):
            self.write(f"{name}/Dockerfile", f"FROM {base}\nRUN echo {name} >> /names\n")
        self.write("docker-bake.hcl", """
            target "a" { context = "a" }
            target "b" {
              context = "b"
              contexts = { base = "target:a" }
            }
            target "c" {
              context = "c"
              contexts = { base = "target:b" }
              output = ["type=local,dest=out"]
            }
        """)
        self.bake("c")
        self.assertEqual((self.context / "out/names").read_text(), "a\nb\nc\n")

    def test_one_target_fails_and_says_which(self):
        self.write("good/Dockerfile", "FROM tiny\nRUN true\n")
        self.write("bad/Dockerfile", "FROM tiny\nRUN exit 9\n")
        self.write("docker-bake.hcl", """
            group "default" { targets = ["good", "bad"] }
            target "good" { context = "good" }
            target "bad" { context = "bad" }
        """)
        result = self.bake(code=1)
        self.assertIn("target bad: failed to solve", result.stderr)
        self.assertIn("exit code: 9", result.stderr)

    def test_variables_and_a_matrix(self):
        self.dockerfile("FROM tiny\nARG N\nRUN echo $N > /n\n")
        self.write("docker-bake.hcl", """
            variable "PREFIX" { default = "v" }
            target "default" {
              name = "t-${n}"
              matrix = { n = ["1", "2"] }
              args = { N = "${PREFIX}${n}" }
              output = ["type=local,dest=out/${n}"]
            }
        """)
        self.bake()
        self.assertEqual((self.context / "out/2/n").read_text(), "v2\n")

    def test_an_inline_dockerfile(self):
        self.write("f", "inline\n")
        self.write("docker-bake.json", json.dumps({"target": {"default": {
            "dockerfile-inline": "FROM tiny\nCOPY f /f\n", "output": ["type=local,dest=out"]}}}))
        self.bake()
        self.assertEqual((self.context / "out/f").read_text(), "inline\n")

    def test_a_compose_file(self):
        self.write("web/Dockerfile", "FROM tiny\nARG WHO\nRUN echo $WHO > /who\n")
        self.write("compose.yaml", """
services:
  web:
    build:
      context: web
      args:
        WHO: compose
  db:
    image: tiny
""")
        self.bake("-f", "compose.yaml", "--set", "web.output=type=local,dest=out")
        self.assertEqual((self.context / "out/who").read_text(), "compose\n")

    def test_the_metadata_file_names_the_builds(self):
        self.dockerfile("FROM tiny\nRUN echo metadata > /m\n")
        self.write("docker-bake.hcl", 'target "default" {}\n')
        self.bake("--metadata-file", "metadata.json")
        metadata = json.loads(pathlib.Path(self.context / "metadata.json").read_text())
        self.assertIn("buildx.build.ref", metadata["default"])

    def test_json_progress(self):
        self.dockerfile("FROM tiny\nRUN echo as json\n")
        self.write("docker-bake.hcl", 'target "default" {}\n')
        result = self.buildx("bake", "--progress", "rawjson", cwd=self.context)
        self.assertEqual(result.returncode, 0, self.story(result))
        names = [vertex["name"] for line in result.stderr.splitlines() if line.startswith("{")
                 for vertex in json.loads(line).get("vertexes", [])]
        self.assertIn("[2/2] RUN echo as json", names)


if __name__ == "__main__":
    main()
