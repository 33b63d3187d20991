#!/usr/bin/env python3
"""What the chart's pools are scaled by, asked of a real coordinator that has the chart's placement-grace: the series of its queries
count the tasks that wait while a pool has no worker, and none once they are done."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from farm import HTTP_PORT, ROOT, HttpCase, main, wait_for
from stand_ins import architecture

GOLDEN = ROOT / "tests/golden/deploy"
SETTING = r"(?m)^ +placement-grace = (\d+)$"


class Queue(HttpCase):
    farm_options = {"workers": 0, "coordinator_options": [
        "--http", f"127.0.0.1:{HTTP_PORT}", "--placement-grace", re.search(SETTING, (GOLDEN / "plain/expected.yaml").read_text())[1]]}

    def value(self, query):
        """Of a sum of sums, as Prometheus would say it; None where a sum is of no series."""
        text = self.request("GET", "/metrics")[2].decode()
        total = 0
        for name, labels in re.findall(r"sum\((\w+)\{([^}]*)\}\)", query):
            found = re.findall(rf"(?m)^{name}\{{{re.escape(labels)}\}} (\d+)$", text)
            if not found:
                return None
            total += sum(map(int, found))
        return total

    def test_the_query_of_the_chart_counts_what_waits_for_a_pool_without_workers(self):
        query = re.search(r"query: (.*)", (GOLDEN / "scaled/expected.yaml").read_text())[1].replace("arm64", architecture())
        self.assertEqual(len(re.findall(r"sum\(", query)), 2)
        self.dockerfile("FROM tiny\nRUN echo text >/file\n")
        build = self.farm.start_build(self.context)
        try:
            wait_for(lambda: self.value(query) == 1, "a task in the queue")
            self.farm.start_worker("w1")
            said, errors = build.communicate(timeout=600)
        finally:
            build.kill()
            build.communicate()
        self.assertEqual(build.returncode, 0, said + errors)
        wait_for(lambda: self.value(query) == 0, "an empty queue")


if __name__ == "__main__":
    main()
