#!/usr/bin/env python3
"""Makes the logs of tests/golden/failures: what pip (old, middle, new) and uv print when tiny source distributions fail.

  failure_logs.py --wheels FOLDER [--work FOLDER] [--tool TOOL] [CASE...]

Each case is a source distribution or a command that fails for one reason; CASE/pip20.log ... CASE/uv.log are what the
real tools printed, with the paths of this machine made plain. FOLDER holds the wheels that the cases build with, as
`pip download -d FOLDER setuptools wheel cython meson-python ninja maturin setuptools-rust scikit-build-core cmake` puts
them there; nothing else is fetched. Needs root (a mount namespace hides headers), /usr/bin/python3 with venv, gcc, and
for the cases of newer Pythons one in --python312. Pips are installed with the machine's own pip.
"""
import argparse
import hashlib
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading

import package_index

TOOLS = {"pip20": "pip==20.3.4", "pip23": "pip==23.0.1", "pip26": "pip==26.0", "uv": "uv"}
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "failures"
C_SOURCE = "#include <Python.h>\nstatic struct PyModuleDef m = {PyModuleDef_HEAD_INIT, \"n\", 0, -1, 0, 0, 0, 0, 0};\n" \
           "PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&m); }\n"
SETUP = "from setuptools import setup, Extension\nsetup(name='tiny', version='1.0', ext_modules=[Extension('native', ['native.c']%s)])\n"
PYPROJECT = "[build-system]\nrequires = [%s]\nbuild-backend = \"%s\"\n"
SETUPTOOLS = PYPROJECT % ('"setuptools", "wheel"', "setuptools.build_meta")
MESON = PYPROJECT % ('"meson-python", "ninja"', "mesonpy")
METADATA = "[project]\nname = \"tiny\"\nversion = \"1.0\"\n"


def setuptools(source=C_SOURCE, extension="", before="", pyproject=SETUPTOOLS):
    return {"setup.py": before + SETUP % extension, "native.c": source, "pyproject.toml": pyproject}


def python(code, pyproject=SETUPTOOLS):
    return {"setup.py": code + "\nfrom setuptools import setup\nsetup(name='tiny', version='1.0')\n", "pyproject.toml": pyproject}


def including(header):
    return setuptools(f"#include <{header}>\n" + C_SOURCE)


def meson(text, **more):
    return {"meson.build": text, "pyproject.toml": MESON + METADATA, **more}


# What psycopg2 and mysqlclient do and say.
PG_CONFIG = """
import subprocess, sys
try:
    subprocess.run(["pg_config", "--version"], check=True)
except FileNotFoundError:
    sys.stderr.write('''
Error: pg_config executable not found.

pg_config is required to build psycopg2 from source.  Please add the directory
containing pg_config to the $PATH or specify the full executable path with the
option:

    python setup.py build_ext --pg-config /path/to/pg_config build ...

or with the pg_config option in 'setup.cfg'.
''')
    sys.exit(1)
"""
MYSQL = """
import subprocess
def exists(name):
    return subprocess.call("pkg-config --exists " + name, shell=True) == 0
for name in ("mysqlclient", "mariadb", "libmariadb", "perconaserverclient"):
    print("Trying pkg-config --exists", name)
    if exists(name):
        break
else:
    raise Exception("Can not find valid pkg-config name.\\nSpecify MYSQLCLIENT_CFLAGS and MYSQLCLIENT_LDFLAGS env vars manually")
"""
CYTHON = """
from setuptools import setup, Extension
from setuptools.command.build_ext import build_ext as base
class build_ext(base):
    def get_source_files(self):
        self.check_extensions_list(self.extensions)
        return [s for extension in self.extensions for s in self.cython_sources(extension)]
setup(name='tiny', version='1.0', ext_modules=[Extension('native', ['native.c'])], cmdclass={'build_ext': build_ext})
"""
CMAKE = """
import os, subprocess
from setuptools import setup, Extension
from setuptools.command.build_ext import build_ext as base
class build_ext(base):
    def run(self):
        try:
            subprocess.check_output(['cmake', '--version'])
        except OSError:
            raise RuntimeError('CMake must be installed to build the following extensions: native')
setup(name='tiny', version='1.0', ext_modules=[Extension('native', ['native.c'])], cmdclass={'build_ext': build_ext})
"""
RUN = "import subprocess\nsubprocess.run([%s], check=True)"
KILLED = "import os\nos.environ['CFLAGS'] = '-B' + os.environ['KILLED_CC1']\n"
RUST = "[package]\nname = \"tiny\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[lib]\nname = \"tiny\"\ncrate-type = [\"cdylib\"]\n"
SETUP_RUST = "from setuptools import setup\nfrom setuptools_rust import RustExtension\nsetup(name='tiny', version='1.0', " \
             "rust_extensions=[RustExtension('tiny.native', rust_version='>=1.65')])\n"


class Case:
    def __init__(self, files=None, *, without=(), hide=(), asks=None, env=None, python="/usr/bin/python3", shell="", tools=tuple(TOOLS)):
        """`without`: programs that are not there; `hide`: folders; `asks`: arguments in place of the sdist's name; `shell`:
        what runs before, in the same shell."""
        self.files, self.without, self.hide = files, without, hide
        self.asks, self.env, self.python, self.shell, self.tools = asks, env or {}, python, shell, tools


COMPILERS = r".*(gcc|cc|g\+\+|c\+\+|clang.*)(-[\d.]+)?"
CASES = {
    "no-compiler": Case(setuptools(), without=[COMPILERS]),
    "no-compiler-meson": Case(meson("project('tiny', 'c', version: '1.0')\n"), without=[COMPILERS]),
    "python-header": Case(setuptools(), hide=["/usr/include/python3.11"]),
    "header-openssl": Case(including("openssl/not_in_openssl.h")),
    "header-libpq": Case(including("libpq-fe.h")),
    "header-ldap": Case(including("lber.h"), hide=["/usr/include/ldap-hidden"]),
    "header-unknown": Case(including("never/heard_of.h")),
    "linker": Case(setuptools(extension=", libraries=['snappy']")),
    "config-tool": Case(python(PG_CONFIG), without=["pg_config"]),
    "config-tool-curl": Case(python(RUN % "'curl-config', '--libs'"), without=["curl-config"]),
    "pkg-config": Case(python(MYSQL), without=["pkg-config", "pkgconf"]),
    "pkg-config-library": Case(meson("project('tiny', 'c', version: '1.0')\ndependency('cairo')\n")),
    "rust-maturin": Case({"Cargo.toml": RUST, "src/lib.rs": "", "pyproject.toml": PYPROJECT % ('"maturin>=1"', "maturin") + METADATA},
                         without=["cargo", "rustc"], env={"MATURIN_NO_INSTALL_RUST": "1"}),
    "rust-setuptools": Case({"Cargo.toml": RUST, "src/lib.rs": "", "setup.py": SETUP_RUST,
                             "pyproject.toml": PYPROJECT % ('"setuptools", "wheel", "setuptools-rust"', "setuptools.build_meta")},
                            without=["cargo", "rustc"], env={"MATURIN_NO_INSTALL_RUST": "1"}),
    "python-too-new": Case(including("longintrepr.h")),
    "python-too-new-distutils": Case(python("import imp", PYPROJECT % ('"wheel"', "tiny_backend") + 'backend-path = ["."]\n') |
                                     {"tiny_backend.py": "import imp\n"}, python="312", tools=("uv",)),
    "build-backend": Case({"pyproject.toml": PYPROJECT % ("", "not_there.api")}),
    "setuptools-too-new": Case(python("import pkg_resources")),
    "cython-too-new": Case({"setup.py": CYTHON, "native.c": C_SOURCE, "pyproject.toml": PYPROJECT % ('"setuptools", "wheel", "cython"', "setuptools.build_meta")}),
    "undeclared-dependency": Case(python("import numpy")),
    "out-of-memory": Case(setuptools(before=KILLED)),
    "network": Case(asks=["--index-url", "{closed}/simple", "tiny"]),
    "network-silent": Case(asks=["--index-url", "{silent}/simple", "tiny"]),
    "no-distribution": Case(asks=["--no-index", "no-such-package"]),
    "no-distribution-version": Case(setuptools(), asks=["--no-index", "--find-links", "{sdists}", "tiny==9.9"]),
    "no-distribution-wheel": Case(setuptools(), asks=["--no-index", "--find-links", "{sdists}", "--only-binary", ":all:", "tiny"]),
    "requires-python": Case(asks=["{old}"]),
    "hash-mismatch": Case(setuptools(), asks=["--no-index", "--find-links", "{sdists}", "-r", "{hashes}"]),
    "hash-missing": Case(setuptools(), asks=["--no-index", "--find-links", "{sdists}", "--require-hashes", "-r", "{plain}"]),
    "externally-managed": Case(setuptools(), tools=("pip23", "pip26", "uv")),
    "build-tool-cmake": Case({"setup.py": CMAKE, "native.c": C_SOURCE, "pyproject.toml": SETUPTOOLS}, without=["cmake"]),
    "build-tool-swig": Case({"setup.py": SETUP.replace("native.c", "native.i") % "", "native.i": "%module native\n", "pyproject.toml": SETUPTOOLS},
                            without=["swig.*"]),
    "build-tool-make": Case(python(RUN % "'make', 'all'"), without=["make"]),
    "build-tool-git": Case(asks=["git+file:///nowhere/tiny.git"], without=["git.*"]),
    "no-fortran": Case(meson("project('tiny', 'c', 'fortran', version: '1.0')\n"), without=[".*gfortran.*", ".*flang.*", "if[xo].*"]),
    "blas": Case(meson("project('tiny', 'c', version: '1.0')\ndependency('openblas')\n")),
    "numpy-too-new": Case(python("raise ModuleNotFoundError(\"No module named 'numpy.distutils'\")")),
    "disk-full": Case(setuptools("static char big[] = {1" + ",1" * 2000 + "};\n" + C_SOURCE), shell="mkdir -p {work}/full && mount -t tmpfs -o size=64k none {work}/full && head -c 60000 /dev/zero > {work}/full/most; export TMPDIR={work}/full"),
}


class Maker:
    def __init__(self, wheels, work, python312):
        self.wheels, self.work, self.python312 = wheels, work, python312
        self.servers = {}

    def environment_of(self, tool, python):
        interpreter = self.python312 if python == "312" else python
        folder = self.work / f"env-{tool}-{python.replace('/', '_')}"
        if not folder.exists():
            subprocess.run([interpreter, "-m", "venv", folder], check=True)
            subprocess.run([folder / "bin/pip", "install", "-q", TOOLS[tool]], check=True)
        return folder

    def programs_without(self, patterns):
        """A folder of links to all programs but those."""
        folder = self.work / ("bin-" + hashlib.sha256(repr(patterns).encode()).hexdigest()[:8])
        if not folder.exists():
            folder.mkdir()
            for program in sorted(pathlib.Path("/usr/bin").iterdir()):
                if not any(re.fullmatch(pattern, program.name) for pattern in patterns):
                    (folder / program.name).symlink_to(program)
        return folder

    def address(self, kind):
        """Of a port where nobody listens, or where nobody answers."""
        if kind not in self.servers:
            server = socket.socket()
            server.bind(("127.0.0.1", 0))
            if kind == "silent":
                server.listen(50)
            self.servers[kind] = server
        return f"http://127.0.0.1:{self.servers[kind].getsockname()[1]}"

    def prepare(self, name, case):
        """Folder of the case with its sdist and the files that its arguments name; what the names mean."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "sdists").mkdir(parents=True)
        if case.files is not None:
            (folder / "sdists/tiny-1.0.tar.gz").write_bytes(package_index.sdist_bytes("tiny", "1.0", case.files))
        (folder / "hashes.txt").write_text("tiny==1.0 --hash=sha256:" + "0" * 64 + "\n")
        (folder / "plain.txt").write_text("tiny==1.0\n")
        old = folder / "old"
        old.mkdir()
        (old / "pyproject.toml").write_text(SETUPTOOLS + METADATA + 'requires-python = ">=3.99"\n')
        killed = folder / "killed"
        killed.mkdir()
        (killed / "cc1").write_text("#!/bin/sh\nkill -9 $$\n")
        (killed / "cc1").chmod(0o755)
        return folder, {"closed": self.address("closed"), "silent": self.address("silent"), "sdists": folder / "sdists", "old": old,
                        "hashes": folder / "hashes.txt", "plain": folder / "plain.txt", "work": self.work}

    def command(self, name, case, tool, words):
        asks = case.asks or ["--no-index", "--find-links", "{sdists}", "--find-links", str(self.wheels), "tiny"]
        asks = [ask.format(**words) for ask in asks]
        if case.asks and "--find-links" not in asks and "--index-url" not in asks:
            asks += ["--find-links", str(self.wheels)] + ([] if "--no-index" in asks else ["--no-index"])
        folder = self.environment_of(tool, case.python)
        if name == "externally-managed":
            if tool == "uv":
                return [folder / "bin/uv", "pip", "install", "--no-cache", "--python", "/usr/bin/python3", *asks]
            return ["/usr/bin/env", f"PYTHONPATH={next(folder.glob('lib/python3*/site-packages'))}", "/usr/bin/python3", "-m", "pip", "install", *asks]
        if tool == "uv":
            return [folder / "bin/uv", "pip", "install", "--no-cache", "--python", folder / "bin/python", *asks]
        return [folder / "bin/pip", "install", "--no-cache-dir", *(["--retries", "1", "--timeout", "2"] if "network" in name else []), *asks]

    def make(self, name, only=None):
        case = CASES[name]
        folder, words = self.prepare(name, case)
        (GOLDEN / name).mkdir(parents=True, exist_ok=True)
        for tool in case.tools:
            if only not in (None, tool):
                continue
            command = shlex.join(map(str, self.command(name, case, tool, words)))
            hide = "".join(f"mkdir -p {path}; mount -t tmpfs none {path}; " for path in case.hide)
            script = f"{hide}{case.shell.format(**words) + '; ' if case.shell else ''}exec {command}"
            path = f"{self.programs_without(case.without)}" if case.without else "/usr/bin:/bin"
            env = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                   "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_HTTP_TIMEOUT": "2", "KILLED_CC1": f"{folder}/killed/", **case.env}
            done = subprocess.run(["/usr/bin/unshare", "-m", "/bin/sh", "-c", script], env=env, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace", timeout=300)
            if done.returncode == 0:
                print(f"{name}/{tool}: it succeeded", file=sys.stderr)
            (GOLDEN / name / f"{tool}.log").write_text(self.plain(done.stdout, case))
            print(name, tool, done.returncode, flush=True)

    def plain(self, text, case):
        if case.without:
            text = text.replace(str(self.programs_without(case.without)), "/usr/bin")
        text = re.sub(re.escape(str(self.work)) + r"/env-[\w.-]+", "/opt/venv", text)
        text = text.replace(str(self.wheels), "/wheels").replace(str(self.work), "/work")
        text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", text)
        text = re.sub(r"\{1(,1){20,}\}", "{1, ...}", text)
        return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wheels", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/failure-logs"))
    parser.add_argument("--python312", default="python3.12")
    parser.add_argument("--tool", choices=TOOLS, help="only its logs")
    parser.add_argument("cases", nargs="*")
    given = parser.parse_args()
    given.work.mkdir(exist_ok=True)
    maker = Maker(given.wheels.resolve(), given.work.resolve(), given.python312)
    for name in given.cases or CASES:
        maker.make(name, given.tool)


if __name__ == "__main__":
    main()
