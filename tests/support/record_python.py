#!/usr/bin/env python3
"""Makes the files below tests/golden/python that say what the `packaging` library makes of versions, specifiers, markers,
requirements and tags.

  record_python.py FOLDER            (tests/golden/python)

Needs Debian's python3-venv and a package index that pip reaches by its own configuration: `packaging` comes from there,
once the newest and once 26.2, the last one that puts linux_ARCH tags behind manylinux. The pairs are random, from a
seed that is written down here: the same `packaging` makes the same files.
"""
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile

OLD_ORDER = "26.2"


# ---- versions ----

def random_version(random):
    release = ".".join(str(random.choice([0, 0, 1, 1, 2, 3, 9, 10, 11, 20, 2024]))
                       for _ in range(random.choice([1, 2, 2, 3, 3, 3, 4])))
    text = random.choice(["", "", "", "", "v", "0!", "1!", "2!"]) + release if random.random() < 0.3 else release
    separator = lambda: random.choice(["", "", ".", "-", "_"])
    if random.random() < 0.4:
        word = random.choice(["a", "b", "rc", "alpha", "beta", "c", "pre", "preview", "RC", "A"])
        text += separator() + word + separator() + random.choice(["", "0", "1", "2", "01", "10"])
    if random.random() < 0.3:
        text += random.choice(["-1", "-2", separator() + random.choice(["post", "rev", "r", "POST"]) + separator() +
                               random.choice(["", "0", "1", "2", "10"])])
    if random.random() < 0.3:
        text += separator() + random.choice(["dev", "DEV"]) + separator() + random.choice(["", "0", "1", "2", "10"])
    if random.random() < 0.2:
        text += "+" + random.choice(["1", "2", "10", "abc", "ABC", "cpu", "1.abc", "abc.1", "abc-2", "abc_10", "0a", "001"])
    return text


FIXED_VERSIONS = """
1.0 1 1.0.0 01.00 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 1.0b2.post345.dev456 1.0b2.post345
1.0rc1.dev456 1.0rc1 1.0+abc.5 1.0+abc.7 1.0+5 1.0.post456.dev34 1.0.post456 1.1.dev1 1!0.1 99999999999999999999999.1
1.0.dev99999999999999999999 1.0.dev100000000000000000000 1.0+100000000000000000000000 1.0+99999999999999999999999
1.0a. 1.0a.-1 1.0a--1 1.0-1.dev2 1.0.r4 1.0c1 1.0alpha1 1.0preview2 1.0-preview-2 1.0_rev_3 V1.0 0.0.0 0 2024.02.03
""".split()
INVALID_VERSIONS = ["", "french toast", "1.0+a+", "1.0++", "1.0+_foobar", "1.0+foo&asd", "1.0+1+1", "2004d", "1.0-final",
                    "1.0.x", "1..0", ".1", "1.", "1.0.", "1.0-", "1!", "!1", "1!2!3", "1.0a1b1", "1.0dev1a1", "1.0.post1.post2",
                    "1.0.dev1.dev2", "1.0 a1", "1 0", "x1", "vv1", "1.0.*", "1.0+", "1,0", "-1", "1.0alph", "1.0devel",
                    "1.0+abc..1", "1.0+abc.", "1.0post-", "0x10", "1e5", "1.0~1", "1.0~rc1", "1.0--1", "1.0rc1rc2"]


def versions(golden):
    from packaging.version import InvalidVersion, Version
    choose = random.Random("versions")
    texts = sorted(set(FIXED_VERSIONS + [random_version(choose) for _ in range(700)]))
    ordered = sorted(texts, key=Version)
    lines, rank = [], -1
    for text, before in zip(ordered, [None] + ordered):
        rank += before is None or Version(before) != Version(text)
        version = Version(text)
        lines.append(f"{rank}\t{text}\t{version}\t{'pre' if version.is_prerelease else '-'}\n")
    for text in INVALID_VERSIONS:
        try:
            lines.append(f"?\t{text}\t{Version(text)}\t-\n")
        except InvalidVersion:
            lines.append(f"-\t{text}\t\t\n")
    (golden / "versions.txt").write_text("".join(lines))
    return ordered


# ---- specifiers ----

def random_specifier(random):
    operator = random.choice(["==", "==", "!=", "<", "<=", ">", ">=", "~=", "==*", "!=*", "==="])
    if operator.endswith("*"):
        return operator[:-1] + ".".join(str(random.choice([0, 1, 2, 10])) for _ in range(random.choice([1, 2, 3]))) + ".*"
    version = random_version(random)
    if operator not in ("==", "!=", "==="):
        version = version.split("+")[0]
    if operator == "~=" and "." not in version:
        version = version + ".0"
    return operator + random.choice(["", "", " "]) + version


FIXED_SPECIFIERS = ["", ">=1", "<1.0", "<1.0.post1", "<=1.0", ">1.0", ">1.0a1", ">1.0.post1", ">1.0.dev1", "==1.0", "==1.0.*",
                    "!=1.0.*", "~=1.0", "~=1.0.0", "~=1.0a1", "~=1.0.post1", "===1.0", "===1.0.0", "===foo", "==1.0+abc.5",
                    "!=1.0+abc.5", "==1!0.1.*", "<1!0", ">=1.0a1", ">=1.0,<2", ">=1.0,!=1.1.*,<3", " >= 1.0 , < 2.0 ",
                    ",>=1,", ">=1.0.dev0", "!=1.0a1", "==1.0a1", "<2.0a1", ">0", "<0", "<0.dev0", ">=0.dev0", "==V1.0", "==1.0-1"]
INVALID_SPECIFIERS = ["1.0", "=1.0", "=>1.0", "~=1", "==", ">=", ">=1.0.*", "~=1.0.*", "==1.0a1.*", "==1.0+x.*", ">=1.0+abc",
                      "<1.0+abc", "~=1.0+abc", "==1.0.*.*", "==1.*.0", "== 1 0", "===a b", "===", ">=a", "!=1.0.post1.*", "<>1.0",
                      "==1.0,2.0", "==1.0;", "===1.0;x", "==1.0.dev1.*", ">=1.0 <2"]


def specifiers(golden, ordered):
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    choose = random.Random("specifiers")
    chosen = sorted(choose.sample(ordered, 160) + FIXED_VERSIONS, key=ordered.index)
    random_sets = [",".join(random_specifier(choose) for _ in range(choose.choice([1, 1, 1, 1, 2, 2, 3]))) for _ in range(220)]
    lines = ["\t".join(chosen) + "\n"]
    for text in FIXED_SPECIFIERS + random_sets + INVALID_SPECIFIERS:
        try:
            parsed = SpecifierSet(text)
        except InvalidSpecifier:
            lines.append(f"{text}\t-\n")
            continue
        from packaging.version import Version
        found = [Version(version) for version in chosen]
        identities = {id(version): index for index, version in enumerate(found)}
        answers = []
        for prereleases in (True, None, False):
            bits = ["0"] * len(found)
            for version in parsed.filter(found, prereleases=prereleases):
                bits[identities[id(version)]] = "1"
            answers.append(f"{int(''.join(bits), 2):x}")
        lines.append("\t".join([text, "pre" if parsed.prereleases else "-", *answers]) + "\n")
    (golden / "specifiers.txt").write_text("".join(lines))


# ---- markers ----

ENVIRONMENTS = [
    {"implementation_name": "cpython", "implementation_version": full, "os_name": "posix", "platform_machine": machine,
     "platform_python_implementation": "CPython", "platform_release": release, "platform_system": "Linux",
     "platform_version": "#1 SMP", "python_full_version": full, "python_version": short, "sys_platform": "linux", "extra": extra}
    for full, short, machine, release, extra in [
        ("3.11.7", "3.11", "x86_64", "6.1.0-18-amd64", ""), ("3.9.2", "3.9", "aarch64", "5.10.0", "test"),
        ("3.13.0rc1", "3.13", "armv7l", "6.6.31+rpt-rpi-v8", "Socks_Proxy"), ("2.7.18", "2.7", "i686", "4.19", "dev"),
        ("3.14.0+", "3.14", "riscv64", "6.12.1", "a.b")]]
VARIABLES = ["python_version", "python_full_version", "os_name", "os.name", "sys_platform", "sys.platform", "platform_release",
             "platform_system", "platform_version", "platform.version", "platform_machine", "platform.machine",
             "platform_python_implementation", "platform.python_implementation", "python_implementation", "implementation_name",
             "implementation_version", "extra"]
VALUES = ["3.9", "3.10", "3.11", "3", "2.7", "3.11.7", "3.13", "3.13.0rc1", "3.11.*", "linux", "linux2", "win32", "darwin", "posix",
          "nt", "Linux", "x86_64", "aarch64", "arm64", "armv7l", "CPython", "cpython", "PyPy", "6.1", "5.10.0", "test", "Test",
          "socks-proxy", "dev", "A-b", "", "3.9 3.11", "2.6, 2.7, 3.11", "x86_64 aarch64", "3.14.0+local", "#1 SMP"]
OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "~=", "===", "in", "not in", "not  in"]
INVALID_MARKERS = ["", "foo == 'a'", "python_version", "python_version ==", "python_version == 3", "python_version = '3'",
                   "'3' == ", "python_version == '3' and", "and python_version == '3'", "(python_version == '3'", "python_version == '3')",
                   "python_version == '3\" or 'a' == 'a", "python_version == '3", "python_version not '3'", "python_version notin '3'",
                   "python_version == '3' os_name == 'a'", "not python_version == '3'", "python_version == '3' & os_name == 'a'",
                   "python_versions == '3'", "python_version => '3'", "()", "python_version == '3' or ()", "extra is 'a'",
                   "(" * 201 + "os_name == 'a'" + ")" * 201]
FIXED_MARKERS = ["'a' == 'b'", "os_name == sys_platform", "'linux'in sys_platform", "sys_platform=='linux'and os_name=='posix'",
                 "(os_name == 'posix')", "((os_name == 'posix') or (os_name=='nt')) and extra == 'test'", "extra in 'test dev'",
                 "'3' in python_version", "\"3.11\" <= python_version", "'~' ~= os_name", "os_name ~= 'posix'", "os_name === 'posix'",
                 "python_version in '3.9, 3.11'", "python_version not in '3.9'", "extras == 'a'", "'a' in extras", "'a' in dependency_groups",
                 "python_version == '3.11.*'", "python_full_version ~= '3.11.0'", "platform_release >= '5.4'", "python_version < '3.10' ",
                 "os_name == 'po\\x73ix'", "os_name == 'a\\\\b'", "(" * 150 + "os_name == 'posix'" + ")" * 150,
                 "os_name == 'a' or os_name == 'b' or os_name == 'posix'", "os_name == 'posix' and os_name == 'a' or extra == ''"]


def random_marker(random, depth=0):
    if depth < 2 and random.random() < 0.35:
        inner = random.choice([" and ", " or "]).join(random_marker(random, depth + 1) for _ in range(random.choice([2, 2, 3])))
        return f"({inner})" if random.random() < 0.5 else inner
    variable, value = random.choice(VARIABLES), random.choice(VALUES)
    quote = random.choice("\"'")
    sides = [variable, f"{quote}{value}{quote}"]
    if random.random() < 0.15:
        sides.reverse()
    return f"{sides[0]} {random.choice(OPERATORS)} {sides[1]}"


def markers(golden):
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
    choose = random.Random("markers")
    lines = [json.dumps(environment) + "\n" for environment in ENVIRONMENTS] + ["\n"]
    for text in FIXED_MARKERS + [random_marker(choose) for _ in range(900)] + INVALID_MARKERS:
        try:
            marker = Marker(text)
        except InvalidMarker:
            lines.append(f"-\t\t{text}\n")
            continue
        answers = ""
        for environment in ENVIRONMENTS:
            try:
                answers += "T" if marker.evaluate(dict(environment)) else "F"
            except (UndefinedComparison, UndefinedEnvironmentName):
                answers += "E"
        # The last field is the longest: what packaging writes.
        lines.append(f"{answers}\t{'' if len(text) > 300 else marker}\t{text}\n")
    (golden / "markers.txt").write_text("".join(lines))


# ---- requirements ----

REQUIREMENTS = ["name", "name<=1", "name>=3", "name>=3,<2", "name@https://files.example/a.whl", "name @ https://files.example/a.whl",
                "name [fred,bar] @ https://files.example ; python_version=='2.7'", "name[quux, strange];python_version<'2.7' and platform_version=='2'",
                "name; os_name=='a' or os_name=='b'", "A", "A.B-C_D", "aa", "name>=1.0 ; extra == 'x'", "name (>=1.0)", "name(>=1.0,<2)",
                "name ( >=1.0 , <2 )", "name[]", "name[ ]", "name[a]", "name[a,b]>=1", "name [a , b] >= 1", "name==1.0.*", "name!=1.0.*",
                "name===anything!really", "name === 1.0", "name ~= 1.0.0", "name==1!2.0+local.1", "name>=1.0,!=1.5,<2.0,", "name (>=1,)",
                "name@file:///tmp/a", "name @ git+https://vcs.example/a@main#egg=name", "name@ https://files.example/a;b ; os_name=='x'",
                "  name  ", "name>=1\t,\t<2", "name;python_version>='3'", "name ;python_version>='3'", "name@./local", "Name.With_All-3",
                "name==1.0-1", "name==v1.0", "name>=1.0a1.dev1", "name<1.0.post1", "name == 2.0 ; (os_name=='a')", "n-a.m_e[x.y-z]>1",
                "name[a]@https://files.example/x", "name>1,<2;os_name=='a' and (os_name=='b' or os_name=='c')"]
INVALID_REQUIREMENTS = ["", " ", "-name", ".name", "name-", "name.", "name>", "name>=", "name=1.0", "name==", "name 1.0", "name >=1.0 <2.0",
                        "name>=1.0,,<2", "name>=1.0.*", "name~=1", "name[", "name[a", "name[a,", "name[a,]", "name[,a]", "name[a b]", "name[a]]",
                        "name(", "name(>=1", "name(>=1))", "name>=1)", "name;", "name ; ", "name;os_name", "name @", "name@", "name @ a b",
                        "name @ https://files.example;os_name=='a' x", "name[-a]", "name,", "name>=1;os_name=='a' or", "name>=1.0+abc",
                        "name==1.0 os_name=='a'", "name===1.0,x", "name ; foo == 'a'", "näme", "name>=1 \\", "name==1.0 --hash=sha256:a",
                        "name>=\"1.0\"", "'name'", "name==1.0 # comment", "name@https://files.example x", "name>=1 and name<2"]


def requirements(golden):
    from packaging.requirements import InvalidRequirement, Requirement
    lines = []
    for text in REQUIREMENTS + INVALID_REQUIREMENTS:
        try:
            parsed = Requirement(text)
            lines.append(json.dumps({"text": text, "name": parsed.name, "extras": sorted(parsed.extras), "url": parsed.url or "",
                                     "specifier": sorted(str(one) for one in parsed.specifier),
                                     "marker": str(parsed.marker or "")}, ensure_ascii=False) + "\n")
        except InvalidRequirement:
            lines.append(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    (golden / "requirements.jsonl").write_text("".join(lines))


# ---- file names ----

FILE_NAMES = ["foo-1.0-py3-none-any.whl", "Foo_Bar-1.0-1-py2.py3-none-any.whl", "foo.bar-1.0-1abc-cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
              "foo-1.0.post1.dev2+local.1-cp311-cp311-linux_x86_64.whl", "foo__bar-1.0-py3-none-any.whl", "foo-1.0-abc-py3-none-any.whl",
              "foo-1.0-py3-none.whl", "foo-1.0-1-2-py3-none-any.whl", "-1.0-py3-none-any.whl", "foo-x-py3-none-any.whl", "foo-1.0-py3-none-.whl",
              "foo-1.0-py3.-none-any.whl", "foo-1.0-3py-none-any.whl", "foo-1.0-py 3-none-any.whl", "foo-1.0-PY3-None-Any.whl", "foo-1.0-py3-none-any.WHL",
              "foo-1.0-007-py3-none-any.whl", "foo-1.0-99999999999999999999x-py3-none-any.whl", "foo+bar-1.0-py3-none-any.whl", "foo-1.0_1-py3-none-any.whl",
              "foo-1!1.0-py3-none-any.whl", "foo.whl", ".whl", "foo-1.0.tar.gz", "foo-bar-1.0.tar.gz", "foo_bar-1.0.zip", "foo-1.0.tar.bz2", "foo.tar.gz",
              "foo-bar.tar.gz", "-1.0.tar.gz", "foo-1.0-1.tar.gz", "foo-1.0a1.tar.gz", "Foo.Bar-2024.1.zip", "foo-1.0.linux-x86_64.tar.gz", "foo-.tar.gz"]


def file_names(golden):
    from packaging.utils import (InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename)
    lines = []
    for text in FILE_NAMES:
        try:
            if text.lower().endswith(".whl"):
                name, version, build, tags = parse_wheel_filename(text)
                lines.append(f"{text}\t{name}\t{version}\t{'' if not build else f'{build[0]},{build[1]}'}\t"
                             f"{' '.join(sorted(map(str, tags)))}\n")
            else:
                name, version = parse_sdist_filename(text)
                lines.append(f"{text}\t{name}\t{version}\n")
        except (InvalidSdistFilename, InvalidWheelFilename):
            lines.append(f"{text}\t-\n")
    (golden / "file_names.txt").write_text("".join(lines))


# ---- tags ----

def tag_environments():
    """(python, free-threaded, machine, 32-bit Python, libc, major, minor)"""
    yield from [((3, 11), False, "aarch64", False, "glibc", 2, 36), ((3, 11), False, "x86_64", False, "glibc", 2, 36),
                ((3, 12), False, "aarch64", False, "musl", 1, 2), ((3, 13), True, "x86_64", False, "glibc", 2, 41)]
    pythons = [((3, 7), False), ((3, 8), False), ((3, 9), False), ((3, 10), False), ((3, 12), False), ((3, 13), False), ((3, 14), True),
               ((3, 15), True), ((2, 7), False), ((3, 2), False)]
    machines = [("x86_64", False), ("i686", False), ("aarch64", False), ("armv7l", False), ("armv6l", False), ("ppc64le", False),
                ("s390x", False), ("riscv64", False), ("x86_64", True), ("aarch64", True), ("armv8l", True), ("loongarch64", False)]
    libcs = [("glibc", 2, 17), ("musl", 1, 2), ("glibc", 2, 31), ("none", 0, 0), ("musl", 1, 1), ("glibc", 2, 4), ("glibc", 2, 41), ("glibc", 3, 1)]
    for index in range(60):
        python, threaded = pythons[index % len(pythons)]
        machine, bits32 = machines[index % len(machines)]
        yield (python, threaded, machine, bits32, *libcs[(index // 2) % len(libcs)])


def tag_list(python, threaded, machine, bits32, libc, major, minor):
    """What packaging lists there: its own code, with what it asks of the machine replaced."""
    from packaging import _manylinux, _musllinux, tags
    config = {"Py_GIL_DISABLED": threaded, "Py_DEBUG": False, "WITH_PYMALLOC": True, "Py_UNICODE_SIZE": 4}
    tags._get_config_var = lambda name, warn=False: config.get(name)
    tags.sysconfig.get_platform = lambda: f"linux-{machine}"
    _manylinux._is_linux_armhf = _manylinux._is_linux_i686 = lambda executable: True
    _manylinux._get_glibc_version = lambda: (major, minor) if libc == "glibc" else (-1, -1)
    version = _musllinux._MuslVersion(major, minor) if libc == "musl" else None
    _musllinux._get_musl_version = lambda executable: version
    platforms = list(tags._linux_platforms(is_32bit=bits32))
    return [*map(str, tags.cpython_tags(python, None, platforms)),
            *map(str, tags.compatible_tags(python, "cp%d%d" % python, platforms))]


def tags_main():
    lists = [tag_list(*environment) for environment in tag_environments()]
    json.dump([[len(one), hashlib.sha256("\n".join(one).encode()).hexdigest()[:12]] for one in lists], sys.stdout)


def tags(golden, newest, old):
    answers = [json.loads(subprocess.run([python, __file__, "--tags"], check=True, capture_output=True).stdout)
               for python in (newest, old)]
    lines = []
    for environment, (count, new), (old_count, previous) in zip(tag_environments(), *answers):
        python, threaded, machine, bits32, libc, major, minor = environment
        assert count == old_count or threaded, environment
        lines.append("\t".join(map(str, [*python, int(threaded), machine, int(bits32), libc, major, minor, count, new, old_count,
                                         previous])) + "\n")
    (golden / "tags.txt").write_text("".join(lines))


def main():
    if sys.argv[1:] == ["--tags"]:
        return tags_main()
    if sys.argv[1:2] == ["--all"]:
        golden = pathlib.Path(sys.argv[2])
        specifiers(golden, versions(golden))
        markers(golden)
        requirements(golden)
        file_names(golden)
        return None
    golden = pathlib.Path(sys.argv[1])
    golden.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="packaging-") as folder:
        pythons = []
        for name, package in (("newest", "packaging"), ("old", f"packaging=={OLD_ORDER}")):
            subprocess.run(["/usr/bin/python3", "-m", "venv", f"{folder}/{name}"], check=True)
            pythons.append(f"{folder}/{name}/bin/python")
            subprocess.run([pythons[-1], "-m", "pip", "install", "-q", package], check=True)
        subprocess.run([pythons[0], __file__, "--all", str(golden)], check=True)
        tags(golden, *pythons)
    return None


if __name__ == "__main__":
    sys.exit(main())
