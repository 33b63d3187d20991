#!/usr/bin/env python3
"""The golden manifests of the chart against the schemas of Kubernetes, strictly, of the oldest version that the chart takes and of
the newest; those of KEDA and the Prometheus operator against their types; the compose file against its schema. Needs what
scripts/check deploy installs: this Python has kubernetes-validate and check-jsonschema, CROSSMILL_MODELS names a copy of
tests/deploy/models with its packages."""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import kubernetes_validate

from manifests import CASES, CHART, GOLDEN, ROOT, documents, of_kind

MODELS = pathlib.Path(os.environ.get("CROSSMILL_MODELS", ROOT / "build/deploy-models"))
FOREIGN = ("ScaledObject", "ServiceMonitor", "PrometheusRule")


def oldest():
    return re.search(r'kubeVersion: ">=(\d+\.\d+)', (CHART / "Chart.yaml").read_text())[1]


def newest():
    return ".".join(kubernetes_validate.latest_version().split(".")[:2])


def models_say(manifests):
    return subprocess.run(["node", MODELS / "validate.mjs"], input=json.dumps(manifests), capture_output=True, text=True)


class Schemas(unittest.TestCase):
    def all(self):
        for case in CASES:
            for manifest in documents((GOLDEN / case / "expected.yaml").read_text()):
                yield case, manifest

    def test_kubernetes_takes_them(self):
        checked = set()
        for version in {oldest(), newest()}:
            for case, manifest in self.all():
                if manifest["kind"] in FOREIGN:
                    continue
                with self.subTest(case, version=version, kind=manifest["kind"], name=manifest["metadata"]["name"]):
                    kubernetes_validate.validate(manifest, version, strict=True)
                    checked.add(manifest["kind"])
        self.assertLessEqual({"StatefulSet", "Service", "ConfigMap", "NetworkPolicy", "PodDisruptionBudget",
                              "HorizontalPodAutoscaler"}, checked)

    def test_a_field_that_does_not_exist_is_found(self):
        manifest = next(one for _, one in self.all() if one["kind"] == "StatefulSet")
        manifest["spec"]["template"]["spec"]["hostUser"] = False
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(manifest, oldest(), strict=True)

    def test_keda_and_the_prometheus_operator_take_theirs(self):
        foreign = [manifest for _, manifest in self.all() if manifest["kind"] in FOREIGN]
        self.assertEqual({one["kind"] for one in foreign}, set(FOREIGN))
        result = models_say(foreign)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        del of_kind(foreign, "ScaledObject")[0]["spec"]["scaleTargetRef"]
        self.assertIn("must have required property scaleTargetRef", models_say(foreign).stdout)

    def test_the_compose_file_is_one(self):
        result = subprocess.run([pathlib.Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec",
                                 ROOT / "deploy/compose/compose.yaml"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
