#!/usr/bin/env python3
"""Makes tests/golden/python/index and choices.txt: pages of a real package index, and which of their files real pip takes.

  record_pip_choices.py FOLDER [--keep-pages]            (tests/golden/python)

Needs Debian's python3-venv and a package index that pip reaches by its own configuration. The pages are cut to some
versions and to what was uploaded before FROZEN, and kept as tables without addresses; --keep-pages takes those that are
there. The choices are made by pip's own finder (pip._internal.index.package_finder.PackageFinder) on these pages, with
the tags that pip's own packaging lists for each environment, and by the last step of its resolver's factory, which
passes over what was yanked.
"""
import argparse
import datetime
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

PIP = "26.3"
FROZEN = "2026-10-01T00:00:00Z"
PROJECTS = """numpy pandas scipy markupsafe pyyaml cryptography cffi lxml pillow psutil regex orjson simplejson ujson msgpack
psycopg2 psycopg2-binary mysqlclient python-ldap uwsgi netifaces pyfastx desbordante pycrypto antlr4-python3-runtime six
requests flask attrs setuptools protobuf grpcio pydantic-core uvloop zstandard greenlet""".split()
# python, free-threaded, machine, 32-bit Python, libc, major, minor, full version
ENVIRONMENTS = [
    ((3, 11), False, "x86_64", False, "glibc", 2, 36, "3.11.7"), ((3, 11), False, "aarch64", False, "glibc", 2, 36, "3.11.7"),
    ((3, 12), False, "x86_64", False, "musl", 1, 2, "3.12.4"), ((3, 12), False, "aarch64", False, "musl", 1, 2, "3.12.4"),
    ((3, 13), False, "armv7l", False, "glibc", 2, 36, "3.13.1"), ((3, 14), False, "x86_64", False, "glibc", 2, 41, "3.14.0"),
    ((3, 14), True, "x86_64", False, "glibc", 2, 41, "3.14.0"), ((3, 13), True, "aarch64", False, "glibc", 2, 39, "3.13.5"),
    ((3, 10), False, "i686", False, "glibc", 2, 31, "3.10.2"), ((3, 8), False, "ppc64le", False, "glibc", 2, 28, "3.8.10"),
    ((3, 12), False, "s390x", False, "glibc", 2, 39, "3.12.3"), ((3, 13), False, "riscv64", False, "glibc", 2, 41, "3.13.3"),
    ((3, 9), False, "x86_64", False, "glibc", 2, 17, "3.9.2"), ((3, 6), False, "x86_64", False, "glibc", 2, 12, "3.6.15"),
    ((2, 7), False, "x86_64", False, "glibc", 2, 17, "2.7.18"), ((3, 11), False, "armv6l", False, "glibc", 2, 31, "3.11.2"),
    ((3, 13), False, "x86_64", False, "none", 0, 0, "3.13.0"), ((3, 9), False, "aarch64", True, "glibc", 2, 31, "3.9.2"),
    ((3, 11), False, "x86_64", False, "musl", 1, 1, "3.11.0"), ((3, 15), False, "x86_64", False, "glibc", 2, 43, "3.15.0"),
]
CHOICES = 2400


# ---- pages ----

def index_url():
    """The one that pip is configured for; never written down."""
    from pip._internal.configuration import Configuration
    from pip._internal.models.index import PyPI
    configuration = Configuration(isolated=False)
    configuration.load()
    return dict(configuration.items()).get("global.index-url") or dict(configuration.items()).get(":env:.index-url") or PyPI.simple_url


def fetch(session, project):
    answer = session.get(f"{index_url().rstrip('/')}/{project}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    answer.raise_for_status()
    return answer.json()["files"]


def version_of(project, name):
    from pip._vendor.packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
    from pip._vendor.packaging.version import InvalidVersion, Version
    try:
        if name.endswith(".whl"):
            return parse_wheel_filename(name)[1]
        return Version(re.sub(r"\.(tar\.\w+|zip|tgz)$", "", name)[len(project) + 1:])
    except (ValueError, InvalidVersion):
        return None


def cut(project, files):
    """The newest versions, some that were yanked, some pre-releases, and some of the others; few wheels of other systems."""
    choose = random.Random(project)
    by_version = {}
    for file in files:
        if file.get("upload-time", "") < FROZEN:
            by_version.setdefault(version_of(project, file["filename"]), []).append(file)
    # What has no version that counts stays: pip has to pass over it.
    odd = by_version.pop(None, [])[:4]
    versions = sorted(by_version)
    finals = [version for version in versions if not version.is_prerelease]
    yanked = [version for version in versions if any(file["yanked"] for file in by_version[version])]
    kept = set(finals[-4:]) | set([version for version in versions if version.is_prerelease][-2:]) | set(yanked[-2:])
    kept |= set(choose.sample(finals, min(5, len(finals))))
    chosen = odd
    for version in sorted(kept):
        other = 0
        for file in by_version[version]:
            if re.search(r"-(win|macosx|ios|android|pyodide|wasi|emscripten)\w*\.whl$", file["filename"]) or "-pp" in file["filename"]:
                other += 1
                if other > 2:
                    continue
            chosen.append(file)
    order = {id(file): index for index, file in enumerate(files)}
    return sorted(chosen, key=lambda file: order[id(file)])


def record_pages(folder):
    from pip._internal.network.session import PipSession
    folder.mkdir(parents=True, exist_ok=True)
    session = PipSession()
    for project in PROJECTS:
        lines = [f"{file['filename']}\t{file.get('requires-python') or ''}\t{file['upload-time'][:19]}Z\t"
                 f"{'yanked' if file['yanked'] else ''}\t{file['hashes']['sha256'][:16]}\n"
                 for file in cut(project, fetch(session, project))]
        (folder / f"{project}.tsv").write_text("".join(lines))
        print(project, len(lines), flush=True)


def record_documents(folder):
    """A few files of two pages, in both forms and as the index writes them, but for its name."""
    from pip._internal.network.session import PipSession
    session = PipSession()
    for project, pattern in (("attrs", r"21\.1\.0|25\.\d"), ("markupsafe", r"-(2\.0\.0a1|3\.0\.3)(\.tar|-cp311-cp311-m)")):
        for form, accept in (("json", "application/vnd.pypi.simple.v1+json"), ("html", "text/html")):
            answer = session.get(f"{index_url().rstrip('/')}/{project}/", headers={"Accept": accept})
            answer.raise_for_status()
            if form == "json":
                document = answer.json()
                document["files"] = [file for file in document["files"] if re.search(pattern, file["filename"])]
                text = json.dumps(document, indent=1) + "\n"
            else:
                text = "".join(line for line in answer.text.splitlines(True)
                               if "<a " not in line or re.search(pattern, line))
            (folder / f"{project}.{form}").write_text(re.sub(r"(https?://)[\w.-]+", r"\1files.example", text))


def page(folder, project):
    """The same as test code reads it: an index document."""
    files = []
    for line in (folder / f"{project}.tsv").read_text().splitlines():
        name, requires_python, time, yanked, digest = line.split("\t")
        files.append({"filename": name, "url": f"https://files.example/{name}", "hashes": {"sha256": digest},
                      "requires-python": requires_python or None, "upload-time": time, "yanked": bool(yanked)})
    return files


# ---- requirements files ----

REQUIREMENTS_FILES = [
    "flask\nrequests==2.0 # c\n\n# d\nsix\\\n>=1\n", "a \\\n# ends\nb\\\n", "a\\\n\\\nb==1\n", "\\\n\\\na\n", " \\\n\na\n",
    "a#b\n", "a #b\n", "#\n", "-i https://index.example/simple\n--extra-index-url https://x.example\n", "--index https://index.example\n",
    "--no-index\n--pre\n--prefer-binary\n--require-hashes\n", "-f ./a\n--find-links=b\n", "-f'a b'\n", "--requirement=x\n",
    "-r base.txt\n-cc.txt\n--constraint d.txt\n", "-e .\n", "-e ./a[b]\n--editable=git+https://vcs.example/a#egg=a\n",
    "flask --hash=sha256:aa --hash sha512:bb\n", "flask==1 --hash=md5:a\n", "flask -C a=b --config-settings c=d\n",
    "flask ; python_version<'3' --hash=sha256:aa\n", "flask -i https://index.example\n", "a-1.0-py3-none-any.whl\n",
    "a-1.0.tar.gz\n", "https://files.example/a-1.0.zip\n", "https://files.example/a ; os_name=='x'\n",
    "https://files.example/a;os_name=='x'\n", "git+ssh://git@vcs.example/a\n", "a @ https://files.example/a.whl\n",
    "a@https://files.example/a;os_name=='x'\n", "a ;\n", "a==1;\n", "--unknown\n", "-x\n", "-r\n", "--pre=1\n", "-r 'a\n",
    "--no-binary :all:\n--only-binary a,b\n", "a 1.0\n", "a=1\n", "a==1 b\n", "\"a\"\n", "-r a b\n", "a\x0bb\x0cc\n", "a\r\nb\rc",
    "a -- b\n", "file:///a\n", "a[b\n", "--hash=sha256:aa\n", "-r a.txt -c b.txt\n", "a\t--hash=sha256:aa\n", "a>=1,\n", "a  --pre\n"]


def requirements_file(text):
    """[line, kind, name or place, has a marker, hashes] of what pip reads there, and None where it refuses a line."""
    from pip._internal.exceptions import InstallationError
    from pip._internal.req import req_file
    from pip._internal.req.constructors import parse_req_from_line
    parse, read = req_file.get_line_parser(None), []
    try:
        for number, line in req_file.preprocess(text):
            arguments, options = parse(line)
            hashes = sorted(f"{name}:{one}" for name, digests in (options.hashes or {}).items() for one in digests)
            if arguments:
                parts = parse_req_from_line(arguments, None)
                marker = bool(parts.markers or (parts.requirement and parts.requirement.marker))
                kind = "named" if parts.link is None else "path" if parts.link.is_file and ":" not in arguments else "url"
                read.append([number, kind, parts.requirement.name if kind == "named" else "", marker, hashes])
            elif options.editables:
                read.append([number, "editable", options.editables[0], False, []])
            elif options.requirements or options.constraints:
                read.append([number, "include" if options.requirements else "constraints",
                             (options.requirements or options.constraints)[0], False, []])
    except (InstallationError, req_file.OptionParsingError, req_file.RequirementsFileParseError):
        read.append(None)
    return read


def record_requirements_files(golden):
    (golden / "requirements_files.jsonl").write_text("".join(
        json.dumps([text, requirements_file(text)]) + "\n" for text in REQUIREMENTS_FILES))


# ---- choices ----

def tag_lists():
    from pip._vendor import packaging
    from pip._vendor.packaging import _manylinux, _musllinux, tags  # noqa: F401
    sys.modules["packaging"] = packaging
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    import record_python
    for *environment, _ in ENVIRONMENTS:
        texts = record_python.tag_list(*environment)
        yield [tags.Tag(*text.split("-")) for text in texts]


def choice(files, project, specifier, environment, tags, options):
    """The file that pip takes, or None."""
    from pip._internal.index.collector import IndexContent, LinkCollector
    from pip._internal.index.package_finder import PackageFinder
    from pip._internal.models.format_control import FormatControl
    from pip._internal.models.release_control import ReleaseControl
    from pip._internal.models.search_scope import SearchScope
    from pip._internal.models.selection_prefs import SelectionPreferences
    from pip._internal.models.target_python import TargetPython
    from pip._internal.network.session import PipSession
    from pip._internal.utils.hashes import Hashes
    from pip._vendor.packaging.specifiers import SpecifierSet
    scope = SearchScope(find_links=[], index_urls=["https://index.example/simple"], no_index=False)
    collector = LinkCollector(session=PipSession(), search_scope=scope)
    text = json.dumps({"meta": {"api-version": "1.1"}, "name": project, "files": files}).encode()
    collector.fetch_response = lambda location, **_: IndexContent(text, "application/vnd.pypi.simple.v1+json", None, location.url, False)
    target = TargetPython(py_version_info=tuple(map(int, environment[-1].split("."))))
    target._valid_tags = tags
    preferences = {"allow_yanked": True, "prefer_binary": "prefer-binary" in options}
    preferences["format_control"] = FormatControl({":all:"} if "no-binary" in options else set(),
                                                  {":all:"} if "only-binary" in options else set())
    if "pre" in options:
        preferences["release_control"] = ReleaseControl({":all:"}, set())
    before = next((option[7:] for option in options if option.startswith("before=")), None)
    finder = PackageFinder.create(
        link_collector=collector, selection_prefs=SelectionPreferences(**preferences), target_python=target,
        uploaded_prior_to=before and datetime.datetime.fromisoformat(before.replace("Z", "+00:00")))
    digests = [option[5:] for option in options if option.startswith("hash=")]
    hashes = Hashes({"sha256": digests}) if digests else None
    wanted = SpecifierSet(specifier)
    found = finder.find_best_candidate(project, wanted, hashes).applicable_candidates
    # pip._internal.resolution.resolvelib.factory, _iter_found_candidates.
    pinned = any(one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*")) for one in wanted)
    all_yanked = all(candidate.link.is_yanked for candidate in found)
    for candidate in reversed(found):
        if candidate.link.is_yanked and not (all_yanked and pinned):
            continue
        # Otherwise it fails when it has fetched the file.
        if hashes and candidate.link.has_hash and not candidate.link.is_hash_allowed(hashes):
            return None
        return candidate.link.filename
    return None


def random_specifier(choose, versions):
    one, other = sorted(choose.sample(versions, 2)) if len(versions) > 1 else (versions[0], versions[0])
    return choose.choice(["", "", "", f"=={one}", f"=={one}", f"=={other}", f"=={other}", f"<{other}", f">={one},<{other}",
                          f"<={one}", f"~={one.public if len(one.release) > 1 else '0.0'}", f"!={versions[-1]}", f"=={one.major}.*",
                          f"==={one}", f">{versions[-1]}", ">=0a0"])


def random_options(choose, files):
    if choose.random() < 0.6:
        return []
    options = [choose.choice(["pre", "prefer-binary", "no-binary", "only-binary", "only-binary", "prefer-binary",
                              "before=" + choose.choice(files)["upload-time"], "hash"])]
    if options == ["hash"]:
        options = ["hash=" + choose.choice(files)["hashes"]["sha256"] for _ in range(choose.choice([1, 2, 10]))]
    return options


def record_choices(golden):
    choose = random.Random("choices")
    tags = list(tag_lists())
    (golden / "choice_environments.txt").write_text("".join(
        "\t".join(map(str, [*python, int(threaded), machine, int(bits32), libc, major, minor, full])) + "\n"
        for python, threaded, machine, bits32, libc, major, minor, full in ENVIRONMENTS))
    lines = []
    for number in range(CHOICES):
        project = PROJECTS[number % len(PROJECTS)]
        files = page(golden / "index", project)
        versions = sorted({version for file in files if (version := version_of(project, file["filename"]))})
        at = choose.randrange(len(ENVIRONMENTS))
        specifier, options = random_specifier(choose, versions), random_options(choose, files)
        taken = choice(files, project, specifier, ENVIRONMENTS[at], tags[at], options)
        lines.append("\t".join([project, specifier, str(at), " ".join(options), taken or "-"]) + "\n")
    (golden / "choices.txt").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--keep-pages", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        if not arguments.keep_pages:
            record_pages(arguments.folder / "index")
            record_documents(arguments.folder / "index")
        record_requirements_files(arguments.folder)
        record_choices(arguments.folder)
        return
    with tempfile.TemporaryDirectory(prefix="pip-choices-") as folder:
        subprocess.run(["/usr/bin/python3", "-m", "venv", f"{folder}/pip"], check=True)
        python = f"{folder}/pip/bin/python"
        subprocess.run([python, "-m", "pip", "install", "-q", f"pip=={PIP}"], check=True)
        subprocess.run([python, __file__, "--inside", *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
