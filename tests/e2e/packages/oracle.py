"""What the record of an install must say, read from the image's tree and from what the index published.

Independent of Crossmill: the tree was looked at by the interpreters of the image (collect.py), and here its records are
compared with the bytes of the published wheels. A package that a build backend of the index made says so itself.
"""
import base64
import csv
import dataclasses
import email.parser
import hashlib
import io
import json
import re
import zipfile

from packages.index_server import normalised

PREFIX = re.compile(r"(.*)/lib[^/]*/python3[^/]*/(?:site|dist)-packages$")


@dataclasses.dataclass(frozen=True)
class Row:
    """A package that a step put into the image."""
    name: str
    version: str
    environment: str
    outcome: str
    # Every tag of the record; empty: it has none.
    tags: frozenset
    # The published wheel that it is; empty: none.
    file_name: str = ""


def environment_of(folder):
    match = PREFIX.match(folder)
    return (match.group(1) or "/") if match else folder


def fields(text):
    return email.parser.HeaderParser().parsestr(text or "")


def same(left, right):
    """Whether a step left a record as it was."""
    return left is not None and left["files"] == right["files"]


def installed_hashes(record):
    """Path -> sha256 as the installed RECORD has it, without what installers add."""
    hashes = {}
    for row in csv.reader((record["files"].get("RECORD") or "").splitlines()):
        if len(row) == 3 and row[1].startswith("sha256="):
            hashes[row[0]] = row[1][7:]
    return hashes


def wheel_hashes(data):
    hashes = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if not name.endswith("/") and not name.endswith(".dist-info/RECORD") and ".data/" not in name:
                digest = hashlib.sha256(archive.read(name)).digest()
                hashes[name] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hashes


class Oracle:
    def __init__(self, index):
        self.index = index
        self.known = {}

    def published(self, record):
        """The name of the published wheel whose files are what lies there; empty: it is none of them."""
        key = (normalised(record["name"]), record["version"])
        if key not in self.known:
            self.known[key] = {name: wheel_hashes(data) for name, data in self.index.wheels(*key).items()}
        installed = installed_hashes(record)
        for name, files in self.known[key].items():
            # A record or two may be rewritten (poetry, uv), code is not.
            if all(installed.get(path) == digest for path, digest in files.items()):
                return name
        return ""

    def outcome(self, record, facts, begun):
        """(outcome, published wheel)."""
        files = record["files"]
        if record["path"] in facts["distribution"]:
            return "distro", ""
        if "egg-link" in files:
            return "editable", ""
        direct = json.loads(files.get("direct_url.json") or "{}")
        if "vcs_info" in direct:
            return ("editable" if direct.get("dir_info", {}).get("editable") else "vcs"), ""
        if "dir_info" in direct:
            return ("editable" if direct["dir_info"].get("editable") else "local"), ""
        built = json.loads(files.get("built.json") or "{}")
        if built:
            if direct.get("url", "").startswith("file:") and not direct["url"].endswith(".whl"):
                return "local", ""
            return ("source" if built["at"] >= begun else "source-cached"), ""
        name = self.published(record)
        if name:
            return "wheel", name
        return "source", ""

    def is_seed(self, name, version, facts, environment):
        """What making a virtual environment puts there: its own wheels, by who made it."""
        settings = facts["environments"].get(environment)
        if settings is None or name not in ("pip", "setuptools", "wheel"):
            return False
        maker = "virtualenv" if "virtualenv =" in settings else "ensurepip"
        return any(wheel.split("-")[:2] == [name, version] for wheel in facts["bundled"][maker])

    def rows(self, before, after, begun, again=()):
        """Rows of a step, by (name, version, environment)."""
        known = {record["path"]: record for record in before["records"]}
        found = {}
        for record in after["records"]:
            name = normalised(record["name"])
            if same(known.get(record["path"]), record) and name not in again:
                continue
            environment = environment_of(record["folder"])
            fresh = not any(environment_of(other["folder"]) == environment for other in before["records"])
            if fresh and self.is_seed(name, record["version"], after, environment):
                continue
            outcome, file_name = self.outcome(record, after, begun)
            tags = frozenset().union(*map(expand, fields(record["files"].get("WHEEL")).get_all("Tag") or []))
            row = Row(name, record["version"], environment, outcome, tags, file_name)
            found[row.name, row.version, row.environment] = row
        return found


def expand(tag):
    """"py2.py3-none-any" -> {"py2-none-any", "py3-none-any"}."""
    parts = (tag or "").split("-")
    if len(parts) != 3:
        return frozenset()
    return frozenset(f"{interpreter}-{abi}-{platform}" for interpreter in parts[0].split(".")
                     for abi in parts[1].split(".") for platform in parts[2].split("."))
