"""Manifests that the chart gives: read from their golden files or from Helm, and what is in them."""
import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/crossmill"
GOLDEN = ROOT / "tests/golden/deploy"
CASES = sorted(path.name for path in GOLDEN.iterdir() if (path / "values.yaml").exists())
HELM = pathlib.Path(os.environ.get("CROSSMILL_HELM", ROOT / "build/peers/bin/helm"))


def render(*options, name="crossmill", namespace="farm", chart=CHART):
    """What Helm makes of the chart, as text; an AssertionError with its words where it refuses."""
    result = subprocess.run([HELM, "template", name, chart, "--namespace", namespace, *map(str, options)],
                            capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(result.stderr)
    return result.stdout


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(manifests, kind, name=None):
    return [one for one in manifests if one["kind"] == kind and (name is None or one["metadata"]["name"] == name)]


def pod_of(workload):
    return workload["spec"]["template"]["spec"]
