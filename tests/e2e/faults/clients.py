"""Who submits builds in a round: `crossmill build` as a process, what it was told, and what it said in the end."""
import json
import os
import re
import subprocess
import time

import recipes
from farm import BIN
from plan import CLIENT

TOLD = re.compile(r"\bbuild (\d+) (?:planning|queued|running|succeeded|failed|cancelled|infrastructure-failed)")


class Submission:
    """One planned build with its idempotency key, over all attempts to submit it."""

    def __init__(self, round_, build):
        self.farm = round_.farm
        self.seed = round_.plan.seed
        self.build = build
        self.key = f"round-{self.seed}-build-{build.number}"
        self.secret = recipes.secret_of(self.seed, build.number)
        self.context = round_.contexts / f"{build.kind}-{build.salt}"
        if not self.context.exists():
            recipes.write(self.context, build.kind, build.salt)
        self.process = None
        self.attempts = 0
        # Numbers of builds that were told for this key: one, or something is wrong.
        self.told = set()
        self.told_at = None
        self.exits = []
        self.cancel_acknowledged = False

    @property
    def name(self):
        return f"build {self.build.number} ({self.build.kind}-{self.build.salt})"

    def files(self):
        return [self.farm.folder / f"client-{self.build.number}-{self.attempts}.{end}" for end in ("out", "err")]

    def environment(self):
        found = self.farm.environment() | {"PLANTED": self.secret}
        if self.build.remote:
            found |= {"CROSSMILL_COORDINATOR": f"127.0.0.1:{self.farm.proxies[CLIENT].port}",
                      "CROSSMILL_TOKEN": self.farm.client_token}
        return found

    def start(self, key=None, detached=None):
        self.attempts += 1
        out, err = self.files()
        detached = self.build.detached if detached is None else detached
        command = [BIN / "crossmill", "build", "--progress", "plain", "--json", "--idempotency-key", key or self.key,
                   *recipes.options_of(self.build.kind), *(["--detach"] if detached else [])]
        with open(out, "wb") as out_file, open(err, "wb") as err_file:
            self.process = subprocess.Popen([*map(str, command), self.context], stdout=out_file, stderr=err_file,
                                            env={**os.environ, **self.environment()})

    def said(self):
        return "".join(path.read_text(errors="replace") for path in self.files() if path.exists())

    def document(self):
        """What the last attempt printed as JSON, or None."""
        try:
            return json.loads(self.files()[0].read_text())
        except (OSError, ValueError):
            return None

    def look(self):
        """Notes what it has been told by now."""
        if self.process is None:
            return
        found = {int(number) for number in TOLD.findall(self.said())}
        document = self.document() or {}
        found |= {document[name] for name in ("id", "build_id") if document.get(name)}
        if found and not self.told:
            self.told_at = time.monotonic()
        self.told |= found
        if self.process.poll() is not None and len(self.exits) < self.attempts:
            self.exits.append(self.process.returncode)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wants_cancel(self):
        return (self.build.cancel_after > 0 and self.told and not self.cancel_acknowledged
                and time.monotonic() - self.told_at >= self.build.cancel_after)

    def cancel(self):
        try:
            result = self.farm.cli("cancel", min(self.told), timeout=20)
        except subprocess.TimeoutExpired:
            return
        self.cancel_acknowledged = result.returncode == 0

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()
