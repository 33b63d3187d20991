#!/usr/bin/env python3
"""The HTTP API against its own OpenAPI document: schemathesis asks every operation, with what fits the document and with
what does not, and looks for server errors, statuses, content types and answers that are not described."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import farm

HTTP_PORT = farm.free_port()
# Where scripts/check puts it; else whatever is in PATH.
OWN = farm.ROOT / "build/schemathesis/bin/schemathesis"
# Per operation; scripts/check asks more.
EXAMPLES = int(os.environ.get("CROSSMILL_SCHEMA_EXAMPLES", "4"))
# What fits the document may still be refused: a page token that was never given, a Dockerfile that is none. That every
# operation needs a token is tested in http_test.py, where somebody without one gets nowhere else either.
LEFT_OUT = "positive_data_acceptance,ignored_auth"
# Queries take what is described and nothing else. Bodies are read by the protobuf JSON mapping, which takes more forms
# than are described (numbers for texts of numbers, null for what is left out), so what does not fit need not be refused.
# The stream of the farm's events never ends, so nothing waits for it here.
RUNS = {"queries": (["--include-method", "GET", "--exclude-path", "/api/v1/events"], LEFT_OUT), "bodies": (["--exclude-method", "GET"], LEFT_OUT + ",negative_data_rejection")}


def program():
    found = OWN if OWN.exists() else shutil.which("schemathesis")
    if not found:
        raise unittest.SkipTest("schemathesis is not installed: `scripts/check api` installs it, and so does pip")
    return str(found)


class ApiSchema(farm.FarmTestCase):
    farm_options = {"workers": 1, "coordinator_options": ["--http", f"127.0.0.1:{HTTP_PORT}"]}

    @classmethod
    def setUpClass(cls):
        cls.program = program()
        super().setUpClass()

    def setUp(self):
        super().setUp()
        # Something to be found: 1 is among the numbers that are tried.
        self.dockerfile("FROM tiny\nRUN echo one\n")
        self.assert_exit(self.farm.build(self.context, "--network", "none", "-t", "team/app"), 0)

    def test_every_operation_does_what_its_document_says(self):
        known = self.farm.folder / "schemathesis.toml"
        known.write_text('[parameters]\n"path.build_id" = "1"\n"path.first" = "1"\n"path.second" = "1"\n"path.execution" = "1"\n')
        tested = 0
        for name, (operations, left_out) in RUNS.items():
            for arguments in ((), ("--config-file", known)):
                with self.subTest(name, known=bool(arguments)):
                    result = subprocess.run(
                        [self.program, *arguments, "run", f"http://127.0.0.1:{HTTP_PORT}/api/v1/openapi.json", "--header",
                         f"Authorization: Bearer {self.farm.client_token}", "--phases", "coverage,fuzzing", "--max-examples",
                         str(EXAMPLES), *operations, "--exclude-checks", left_out, "--request-timeout", "30",
                         "--continue-on-failure", "--output-truncate", "false", "--seed",
                         os.environ.get("CROSSMILL_SCHEMA_SEED", "1")],
                        cwd=self.farm.folder, capture_output=True, text=True, timeout=550)
                    self.assertEqual(result.returncode, 0, result.stdout[-60000:] + result.stderr[-2000:])
                    tested += int(re.search(r"Tested: (\d+)", result.stdout).group(1))
        self.assertGreater(tested, 60, "operations of both runs")
        # It is still there, and says who asks.
        self.assertEqual(json.loads(subprocess.run(
            ["curl", "-sf", "-H", f"Authorization: Bearer {self.farm.client_token}",
             f"http://127.0.0.1:{HTTP_PORT}/api/v1/session"], capture_output=True, text=True, check=True).stdout)["role"],
            "ACCESS_OPERATE")


if __name__ == "__main__":
    farm.main()
