"""What Crossmill says of the steps of a case beside what the oracle knows: every difference is a sentence."""
import hashlib
import json
import re
import tarfile
import io

from packages.index_server import normalised, project_of
from packages.oracle import expand

# What is compiled in an isolated environment of its own.
BUILT = ("source", "vcs", "local", "editable")


def requirement_names(text):
    block = re.search(r"requires\s*=\s*\[([^\]]*)\]", text or "")
    return [normalised(re.match(r"[A-Za-z0-9._-]+", quoted).group()) for quoted in re.findall(r'"([^"]+)"', block.group(1))] if block else []


class Comparison:
    def __init__(self, oracle, index):
        self.oracle = oracle
        self.index = index

    def build_requirements(self, name, version):
        """Names in the isolated environment of a source of the index, or of a folder or repository of this set."""
        data = self.index.files.data.get(f"{name}-{version}.tar.gz")
        names = ["stampbackend"]
        if data is not None:
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                try:
                    names = requirement_names(archive.extractfile(f"{name}-{version}/pyproject.toml").read().decode())
                except KeyError:
                    return set()
        found = set(names)
        if "stampbackend" in found:
            found.add("tinybackend")
        return found

    def step(self, case, rows, before, after, native, command):
        """Differences of one step; `rows` are Crossmill's."""
        begun = before["time"]
        expected = self.oracle.rows(before, after, begun, case.again)
        problems = []
        installed = {}
        for row in rows:
            key = (row["name"], row["version"], row["environment"])
            if row["scope"] != "runtime" or not row["installed"]:
                continue
            if key in installed:
                problems.append(f"{key} is listed twice")
            installed[key] = row
        for key in sorted(set(expected) | set(installed)):
            problems += self.package(case, key, expected.get(key), installed.get(key), native)
        problems += self.not_installed(case, rows, expected, after, begun)
        problems += self.build_dependencies(case, rows, expected, command)
        return problems

    def package(self, case, key, truth, said, native):
        name = key[0]
        if said is None:
            return [f"{' '.join(key)}: {truth.outcome}, but nothing is said of it"]
        if truth is None:
            return [f"{' '.join(key)}: said to be {said['outcome']}, but no interpreter finds it there, or it was there before"]
        right = case.says.get(name, truth.outcome)
        problems = []
        if said["outcome"] != right and not (name in case.unprovable and said["outcome"] == "unknown"):
            problems.append(f"{' '.join(key)}: {right}, but said to be {said['outcome']} (witnesses: {', '.join(said['witnesses'])}"
                            f"; conflict: {said['conflict']})")
        if truth.tags and expand(said["tag"]) != truth.tags:
            problems.append(f"{' '.join(key)}: tags {sorted(truth.tags)}, but said to be {said['tag']}")
        if truth.file_name and said["outcome"] == "wheel" and said["file_name"] and said["file_name"] != truth.file_name:
            problems.append(f"{' '.join(key)}: is {truth.file_name}, but said to be {said['file_name']}")
        if said["emulated"] == native:
            problems.append(f"{' '.join(key)}: emulated is {said['emulated']}")
        return problems

    def not_installed(self, case, rows, expected, after, begun):
        """Wheels that were only saved, and failures; nothing else may be named."""
        saved = {}
        for wheel in after["wheels"]:
            name, version = wheel["file_name"].split("-")[:2]
            built = json.loads(wheel["built"])["at"] if wheel["built"] else None
            published = self.index.file(wheel["file_name"])
            if built is not None and built >= begun:
                # Of the index, or of a folder.
                saved[normalised(name), version] = "source" if self.index.own_page(normalised(name)) else "local"
            elif built is None and published is not None and hashlib.sha256(published).hexdigest() == wheel["sha256"]:
                saved[normalised(name), version] = "wheel"
        problems = []
        for row in rows:
            if row["scope"] != "runtime" or row["installed"]:
                continue
            right = saved.get((row["name"], row["version"]))
            if row["outcome"] == "failed" and not right:
                right = case.says.get(row["name"])
            if row["outcome"] != right:
                problems.append(f"{row['name']} {row['version']}: said to be {row['outcome']} and not installed, "
                                f"but {'it is ' + right if right else 'there is no such thing'}")
        named = {row["name"] for row in rows}
        for name, outcome in case.says.items():
            if outcome == "failed" and name not in named:
                problems.append(f"{name}: failed, but nothing is said of it")
            if outcome is None and name in named:
                problems.append(f"{name}: must not be named, but is")
        return problems

    def build_dependencies(self, case, rows, expected, command):
        said = {row["name"]: row for row in rows if row["scope"] == "build-dep"}
        problems = []
        for name, row in said.items():
            right = "source" if name == "buildtool" else "wheel"
            files = [file["filename"] for file in self.index.page(name) or []]
            if not any(project_of(file) == name and f"-{row['version']}" in file for file in files):
                problems.append(f"build-dep {name} {row['version']}: the index has no such release")
            if row["outcome"] != right:
                problems.append(f"build-dep {name}: {right}, but said to be {row['outcome']}")
            if row["installed"]:
                problems.append(f"build-dep {name} is said to be installed")
        if "--no-build-isolation" in command or not case.build_deps_seen:
            return problems
        wanted = set()
        for row in expected.values():
            if row.outcome in BUILT and case.says.get(row.name, row.outcome) in BUILT:
                wanted |= self.build_requirements(row.name, row.version)
        for name in sorted(wanted - set(said)):
            problems.append(f"build-dep {name}: needed to compile, but nothing is said of it")
        strangers = set(said) - wanted - {"setuptools", "wheel"}
        if not wanted and strangers and not case.says and not case.wheels:
            problems.append(f"build-deps {sorted(strangers)}: nothing was compiled in this step")
        return problems
