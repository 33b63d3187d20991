#!/usr/bin/env python3
"""What deploy/ tells the programs, they understand: the settings files, variables and flags of the chart's golden files and of
the compose file, by --print-config of the programs in CROSSMILL_BIN. A setting that is renamed fails here."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import yaml
except ImportError:
    print("skipped: needs python3-yaml: scripts/install-dependencies --test")
    sys.exit(77)

from manifests import CASES, GOLDEN, ROOT, documents, of_kind, pod_of

BIN = pathlib.Path(os.environ.get("CROSSMILL_BIN", ROOT / "build/release/bin"))
COMPOSE = ROOT / "deploy/compose/compose.yaml"


def print_config(program, *options, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CROSSMILL_")}
    result = subprocess.run([BIN / program, *map(str, options), "--print-config"], capture_output=True, text=True,
                            env=environment | variables)
    if result.returncode != 0 or "no such setting" in result.stderr:
        raise AssertionError(f"{program}: {result.returncode} {result.stderr}")
    return result.stdout


class Settings(unittest.TestCase):
    def manifests(self, case):
        return documents((GOLDEN / case / "expected.yaml").read_text())

    def settings(self, manifests, workload):
        """What its program says of the file that the pod is given, with its arguments and variables."""
        container = pod_of(workload)["containers"][0]
        mount = next(mount for mount in container["volumeMounts"] if mount["name"] == "settings" and
                     mount["mountPath"] == container["args"][1])
        source = next(volume for volume in pod_of(workload)["volumes"] if volume["name"] == "settings")["configMap"]["name"]
        text = of_kind(manifests, "ConfigMap", source)[0]["data"][mount["subPath"]]
        self.assertEqual(container["args"], ["--config", mount["mountPath"]])
        variables = {one["name"]: one["value"].replace("$(POD)", workload["metadata"]["name"] + "-0")
                     for one in container.get("env", []) if one["name"].startswith("CROSSMILL_")}
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            printed = print_config(container["command"][0], "--config", file.name, **variables)
        for name, value in re.findall(r"^([\w-]+) = (.*?)$", text, re.M):
            self.assertRegex(printed, rf"(?m)^{name} = ", "it is in effect")
        return container, printed

    def test_the_settings_of_the_chart_are_understood_and_in_effect(self):
        for case in CASES:
            manifests = self.manifests(case)
            workloads = of_kind(manifests, "StatefulSet")
            self.assertGreater(len(workloads), 2)
            for workload in workloads:
                with self.subTest(case, name=workload["metadata"]["name"]):
                    container, printed = self.settings(manifests, workload)
                    value = lambda name: re.search(rf'(?m)^{name} = "?(.*?)"?  #', printed)[1]
                    paths = [mount["mountPath"] for mount in container["volumeMounts"]]
                    inside = lambda path: any(path == folder or path.startswith(folder + "/") for folder in paths)
                    for name in ("data", "tls-cert", "tls-key", "token-file", "ca", "bucket-credentials"):
                        if re.search(rf"(?m)^{name} = ", printed):
                            self.assertTrue(inside(value(name)), f"{name}: {value(name)} is on no volume of {paths}")
                    if container["name"] == "worker":
                        # The coordinator takes a pool only of workers that are called after it.
                        pool = workload["metadata"]["labels"]["crossmill/pool"]
                        self.assertTrue(value("name").startswith(pool + "-"))
                        self.assertGreater(pod_of(workload)["terminationGracePeriodSeconds"], float(value("grace")) + 30)
                    else:
                        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
                        self.assertEqual((value("listen"), value("http")),
                                         (f"[::]:{ports['grpc']}", f"[::]:{ports['http']}"))
                        self.assertGreater(pod_of(workload)["terminationGracePeriodSeconds"], float(value("stop-delay")) + 30)

    def test_values_keep_their_kind(self):
        manifests = self.manifests("scaled")
        text = of_kind(manifests, "ConfigMap", "crossmill-coordinator")[0]["data"]["coordinator.toml"]
        for line in ("stop-delay = 15", "emulate-after = 1.5", "public-badges = true", 'project-share = ["team=2", "other=1"]',
                     'log-format = "json"'):
            self.assertIn(f"\n{line}\n", text)
        self.assertIn("\n[limits]\nconnections = 5000\nstages = 2000", text)

    def test_the_flags_of_the_compose_file_are_understood(self):
        services = yaml.safe_load(COMPOSE.read_text())["services"]
        for name in ("coordinator", "worker"):
            printed = print_config(f"crossmill-{name}", "--config", "none", *services[name]["command"])
            for option in services[name]["command"]:
                flag = option.removeprefix("--").split("=")[0]
                self.assertRegex(printed, rf"(?m)^{flag} = .*# command line$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
