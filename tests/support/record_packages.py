#!/usr/bin/env python3
"""Makes the recordings below tests/golden/packages: runs real pip and uv and keeps console and dist-infos.

  record_packages.py FOLDER [CASE...]

Needs Debian's python3-venv, gcc, git and, for the cases marked `index`, a package index that pip reaches by
its own configuration. Each case becomes a folder with console.txt (record_console.py) and dist_infos.json. What
the C++ code makes of them (outcomes.txt beside them) is written by the tests with CROSSMILL_ACCEPT=1.
"""
import email.parser
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WORK = pathlib.Path(tempfile.mkdtemp(prefix="packages-"))
PLAIN = {"HOME": str(WORK / "home"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
         "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
# The machine's own way to its index, for the cases that need one.
MACHINE = {name: value for name, value in os.environ.items()
           if name.startswith(("PIP_CERT", "PIP_INDEX", "SSL_", "REQUESTS_CA", "HTTP", "http", "no_proxy"))}


def run(*command, environment=None):
    subprocess.run(command, check=True, env=environment or {**PLAIN, **MACHINE}, stdout=subprocess.DEVNULL)


def template(name, *packages):
    """A virtual environment, made once; cases work on copies of it."""
    folder = WORK / "templates" / name
    if not folder.exists():
        run("/usr/bin/python3", "-m", "venv", str(folder))
        if packages:
            run(str(folder / "bin/python"), "-m", "pip", "install", "-q", *packages)
    return folder


def dist_infos(root, before):
    found = []
    for folder in sorted(root.rglob("*.dist-info")):
        name = folder.relative_to(root).as_posix()
        if name in before:
            continue
        read = lambda file: (folder / file).read_text() if (folder / file).exists() else ""
        metadata = email.parser.Parser().parsestr(read("METADATA"))
        wheel = email.parser.Parser().parsestr(read("WHEEL"))
        found.append({
            "path": name, "name": metadata["Name"], "version": metadata["Version"],
            "tags": wheel.get_all("Tag") or [], "generator": wheel["Generator"] or "",
            "installer": read("INSTALLER").strip(), "direct_url": read("direct_url.json"),
            "uv_build": (folder / "uv_build.json").exists(), "requested": (folder / "REQUESTED").exists(),
        })
    for folder in sorted(root.rglob("*.egg-info")):
        name = folder.relative_to(root).as_posix()
        if name in before or not (folder / "PKG-INFO").exists():
            continue
        metadata = email.parser.Parser().parsestr((folder / "PKG-INFO").read_text())
        found.append({"path": name, "name": metadata["Name"], "version": metadata["Version"], "tags": [], "generator": "",
                      "installer": "", "direct_url": "", "uv_build": False, "requested": False, "egg_info": True,
                      "setup_py_install": (folder / "installed-files.txt").exists()})
    return found


class Recorder:
    def __init__(self, output, index_url):
        self.output, self.index_url = output, index_url

    def record(self, name, base, *arguments, local=True, path="/usr/bin:/bin", cache=None, tool="pip", setup=(),
               action="install"):
        venv = WORK / "cases" / name / "venv"
        shutil.copytree(base, venv, symlinks=True)
        environment = {**PLAIN, "PATH": path, "VIRTUAL_ENV": str(venv)}
        environment.update({"PIP_INDEX_URL": self.index_url, "UV_DEFAULT_INDEX": self.index_url} if local else MACHINE)
        environment.update({"PIP_CACHE_DIR": str(cache), "UV_CACHE_DIR": str(cache)} if cache
                           else {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"})
        python = str(venv / "bin/python")
        command = [python, "-m", "pip", action] if tool == "pip" else \
            [str(template("uv", "uv") / "bin/uv"), "pip", "install", "--python", python]
        for earlier in setup:
            run(*command, "-q", *earlier, environment=environment)
            run(python, "-m", "pip", "uninstall", "-q", "-y", *earlier, environment=environment)
        before = {p.relative_to(venv).as_posix() for p in venv.rglob("*-info")}
        folder = self.output / name
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, str(HERE / "record_console.py"), str(folder / "console.txt"),
                        *command, *arguments], env=environment, check=True)
        infos = dist_infos(venv, before)
        (folder / "dist_infos.json").write_text(json.dumps(infos, indent=1) + "\n")
        print(f"{name}: {(folder / 'console.txt').read_text().splitlines()[-1]}, {len(infos)} dist-infos", flush=True)


def local_cases(recorder):
    old, new = template("old"), template("new", "--upgrade", "pip", "setuptools")
    everything = ["purepkg", "binpkg", "cextpkg", "puresrc", "intree"]
    no_compiler = WORK / "no-compiler"
    no_compiler.mkdir()
    for tool in ("rm", "sh", "uname"):
        (no_compiler / tool).symlink_to(f"/bin/{tool}")
    source = WORK / "checkout"
    shutil.copytree(unpacked("intree-0.1.tar.gz"), source)
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "import"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *command], cwd=source, check=True)
    return {
        "pip23-mixed": lambda name: recorder.record(name, old, *everything),
        "pip-new-mixed": lambda name: recorder.record(name, new, *everything),
        "pip-new-verbose": lambda name: recorder.record(name, new, "-v", "cextpkg", "purepkg"),
        "pip-missing-header": lambda name: recorder.record(name, new, "purepkg", "headerless"),
        "pip-missing-compiler": lambda name: recorder.record(name, new, "cextpkg", path=str(no_compiler)),
        "pip-cached-wheel": lambda name: recorder.record(
            name, new, "cextpkg", "purepkg", cache=WORK / "cache", setup=[["cextpkg"]]),
        "pip-no-match": lambda name: recorder.record(name, new, "purepkg==9.9", "binpkg"),
        "pip-vcs": lambda name: recorder.record(name, new, f"git+file://{source}"),
        "pip-local": lambda name: recorder.record(name, new, str(source)),
        "pip-hash": lambda name: recorder.record(name, new, "--require-hashes", "-r", str(requirements(
            "purepkg==1.2.0 --hash=sha256:" + "0" * 64))),
        "pip-quiet": lambda name: recorder.record(name, new, "-q", "purepkg", "cextpkg"),
        "uv-mixed": lambda name: recorder.record(name, old, *everything, tool="uv"),
        "uv-missing-header": lambda name: recorder.record(name, old, "headerless", tool="uv"),
        "uv-cached": lambda name: recorder.record(
            name, old, "cextpkg", "purepkg", tool="uv", cache=WORK / "uv-cache", setup=[["cextpkg"]]),
    }


def index_cases(recorder):
    old, new = template("old"), template("new", "--upgrade", "pip", "setuptools")
    return {
        "index-mixed": lambda name: recorder.record(
            name, new, "six==1.17.0", "numpy==2.2.6", "--no-binary=markupsafe", "markupsafe==3.0.2", local=False),
        "index-legacy-setup-py": lambda name: recorder.record(name, old, "docopt==0.6.2", local=False),
        "index-setuptools-no-compiler": lambda name: recorder.record(
            name, new, "six==1.17.0", "--no-binary=regex", "regex==2024.11.6", local=False, path=str(WORK / "none")),
        "index-pg-config": lambda name: recorder.record(
            name, new, "psycopg2==2.9.9", local=False, path=str(WORK / "none")),
        "index-backtracking": lambda name: recorder.record(
            name, new, "requests==2.25.1", "urllib3", local=False),
        "index-wheel-command": lambda name: recorder.record(
            name, new, "-w", str(WORK / "wheels"), "six==1.17.0", "docopt==0.6.2", local=False, action="wheel"),
        "index-uv-mixed": lambda name: recorder.record(
            name, old, "six==1.17.0", "numpy==2.2.6", "docopt==0.6.2", local=False, tool="uv"),
    }


def unpacked(file_name):
    run(sys.executable, str(HERE / "package_index.py"), "--folder", str(WORK / "files"))
    run("tar", "-xf", str(WORK / "files" / file_name), "-C", str(WORK))
    return WORK / file_name.removesuffix(".tar.gz")


def requirements(text):
    path = WORK / "requirements.txt"
    path.write_text(text + "\n")
    return path


def main():
    output, chosen = pathlib.Path(sys.argv[1]), sys.argv[2:]
    (WORK / "home").mkdir()
    index = subprocess.Popen([sys.executable, str(HERE / "package_index.py")], stdout=subprocess.PIPE, text=True)
    try:
        recorder = Recorder(output, index.stdout.readline().strip())
        cases = {**local_cases(recorder), **index_cases(recorder)}
        for name in chosen or cases:
            cases[name](name)
    finally:
        index.terminate()
        index.wait()
        shutil.rmtree(WORK)


if __name__ == "__main__":
    main()
