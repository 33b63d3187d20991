#!/usr/bin/env python3
"""The Helm chart as Helm renders it: against its golden files (CROSSMILL_ACCEPT=1 writes them), `helm lint`, and what each part
has to say. CROSSMILL_HELM names Helm, which scripts/install-helm builds. Schemas are asked by schemas_test.py."""
import base64
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import yaml
except ImportError:
    print("skipped: needs python3-yaml: scripts/install-dependencies --test")
    sys.exit(77)

from manifests import CASES, CHART, GOLDEN, HELM, ROOT, documents, of_kind, pod_of, render

if not HELM.exists():
    print(f"skipped: there is no {HELM}: scripts/install-helm builds it")
    sys.exit(77)


class Rendered(unittest.TestCase):
    maxDiff = None

    def test_cases_are_as_their_golden_files_say(self):
        self.assertIn("plain", CASES)
        for case in CASES:
            with self.subTest(case):
                text = render("--values", GOLDEN / case / "values.yaml")
                expected = GOLDEN / case / "expected.yaml"
                if os.environ.get("CROSSMILL_ACCEPT"):
                    expected.write_text(text)
                self.assertEqual(text, expected.read_text(), "CROSSMILL_ACCEPT=1 writes it anew")

    def test_lint_finds_nothing(self):
        for case in CASES:
            result = subprocess.run([HELM, "lint", "--strict", CHART, "--values", GOLDEN / case / "values.yaml"],
                                    capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_notes_say_how_tokens_are_made(self):
        # A cluster is asked for the notes, so they are rendered as a manifest of a copy.
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "crossmill"
            shutil.copytree(CHART, copy)
            notes = (copy / "templates/NOTES.txt").read_text()
            (copy / "templates/notes.yaml").write_text("notes: |\n  {{- include \"notes\" . | nindent 2 }}\n")
            (copy / "templates/_notes.tpl").write_text('{{ define "notes" }}' + notes + "{{ end }}")
            notes = yaml.safe_load(render("--show-only", "templates/notes.yaml", "--set", "monitoring.serviceMonitor=true,"
                                          "coordinator.buildkit.enabled=true,coordinator.buildkit.clientCaSecret=people", chart=copy))["notes"]
        self.assertIn("secret generic crossmill-arm64-token", notes)
        self.assertIn("token worker 'arm64-*'", notes)
        self.assertRegex(notes, "secret generic crossmill-metrics .* token read prometheus")
        self.assertIn("tcp://crossmill.farm.svc:7072", notes)

    def test_without_a_secret_there_is_a_certificate_of_the_service(self):
        secret = of_kind(documents(render()), "Secret", "crossmill-tls")[0]
        with tempfile.TemporaryDirectory() as folder:
            for name, text in secret["data"].items():
                with open(f"{folder}/{name}", "wb") as file:
                    file.write(base64.b64decode(text))
            for host in ("crossmill.farm.svc", "localhost"):
                checked = subprocess.run(["openssl", "verify", "-CAfile", f"{folder}/ca.crt", "-verify_hostname", host,
                                          f"{folder}/tls.crt"], capture_output=True, text=True)
                self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_alerts_are_the_rules_of_this_project(self):
        rules = of_kind(documents((GOLDEN / "scaled/expected.yaml").read_text()), "PrometheusRule")[0]
        self.assertEqual(rules["spec"], yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text()))

    def test_what_makes_no_sense_is_refused_with_a_sentence(self):
        for option, words in (("sandbox=none", "rootless or privileged"),
                              ("coordinator.buildkit.enabled=true", "needs clientCaSecret"),
                              ("workers[0].autoscaling.by=vpa,workers[0].name=x,workers[0].architecture=arm64", "keda, hpa"),
                              ("workers[0].name=x,workers[0].architecture=arm64,workers[1].name=x,workers[1].architecture=amd64",
                               "two entries")):
            with self.subTest(option), self.assertRaisesRegex(AssertionError, words):
                render("--set", option)

    def test_only_privileged_pools_have_privileges(self):
        for workload in of_kind(documents((GOLDEN / "scaled/expected.yaml").read_text()), "StatefulSet"):
            pod = pod_of(workload)
            context = pod["containers"][0]["securityContext"]
            privileged = workload["metadata"]["name"].endswith("-amd")
            self.assertEqual(context.get("privileged", False), privileged)
            if workload["metadata"]["labels"]["app.kubernetes.io/component"] == "worker":
                self.assertEqual(pod.get("hostUsers"), None if privileged else False)
                self.assertEqual(context.get("procMount"), None if privileged else "Unmasked")
            self.assertFalse(pod["automountServiceAccountToken"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
