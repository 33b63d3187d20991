#!/usr/bin/env python3
"""Makes tests/golden/predict/locks: lock files of real uv, and what it exports from them for some environments.

  record_locks.py FOLDER                       (tests/golden/predict/locks)

Needs Debian's python3-venv and a package index that pip reaches by its own configuration, from which uv comes, too. Hosts are
replaced, wheels of other systems and upload times are left out, digests are cut.

  uv.lock.gz, pylock.toml.gz
  exports.json    [{"lock", "extras", "groups", "without_dev", "environment", "packages": ["name version", ...]}, ...]
"""
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile

UV = "0.13.9"
PROJECT = """
[project]
name = "example"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = ["httpx[http2]>=0.27", "pydantic>=2", "colorama; sys_platform == 'win32'",
                "numpy<2.3; python_version < '3.12'", "numpy>=2.3; python_version >= '3.12'", "netifaces"]
[project.optional-dependencies]
web = ["uvicorn[standard]"]
docs = ["jinja2"]
[dependency-groups]
dev = ["pytest"]
lint = ["black"]
"""
# As the test describes them: "PYTHON MACHINE LIBC VERSION".
ENVIRONMENTS = ["3.11 x86_64 glibc 2.36", "3.13 aarch64 glibc 2.41", "3.12 x86_64 musl 1.2", "3.10 armv7l glibc 2.36"]
QUESTIONS = [([], [], False), (["web"], [], True), (["web", "docs"], ["lint"], False), ([], ["lint"], True)]


def cut(text):
    text = "".join(line for line in text.splitlines(True) if not re.search(r"-(win|macosx|ios|android|pyodide|emscripten)\w*\.whl|-pp\d+-", line))
    text = re.sub(r"wheels = \[(\{[^\]]*)\]", lambda found: "wheels = [" + ", ".join(
        one for one in re.findall(r"\{ url = .*?\} \}", found.group(1))
        if not re.search(r"-(win|macosx|ios|android|pyodide|emscripten)\w*\.whl|-pp\d+-", one)) + "]", text)
    text = re.sub(r'https?://[^"]*/([^/"]+)"', r'https://files.example/\1"', text)
    text = re.sub(r',? upload-time = "?[\dTZ:.-]+"?', "", text)
    return re.sub(r"((?:sha256:|sha256 = \")[0-9a-f]{16})[0-9a-f]*", r"\1", text)


def exported(uv, folder, extras, groups, without_dev, environment):
    from packaging.requirements import Requirement
    python, machine, *_ = environment.split()
    options = [option for extra in extras for option in ("--extra", extra)] + [option for group in groups for option in ("--group", group)]
    text = subprocess.run([uv, "export", "-q", "--frozen", "--no-hashes", "--no-emit-project", "--no-annotate", "--no-header", *options,
                           *(["--no-dev"] if without_dev else [])], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
    variables = {"python_version": python, "python_full_version": f"{python}.5", "implementation_version": f"{python}.5",
                 "platform_machine": machine, "sys_platform": "linux", "platform_system": "Linux", "os_name": "posix",
                 "implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": ""}
    requirements = [Requirement(line) for line in text.splitlines() if line.strip()]
    return sorted(f"{one.name} {str(one.specifier)[2:]}" for one in requirements if not one.marker or one.marker.evaluate(variables))


def record(golden, uv):
    golden.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="locks-") as folder:
        work = pathlib.Path(folder)
        (work / "pyproject.toml").write_text(PROJECT)
        subprocess.run([uv, "lock", "-q", "--python", "/usr/bin/python3"], cwd=work, check=True)
        subprocess.run([uv, "export", "-q", "--frozen", "--format", "pylock.toml", "--extra", "web", "--no-dev", "--no-emit-project",
                        "-o", "pylock.toml"], cwd=work, check=True)
        exports = []
        for environment in ENVIRONMENTS:
            for extras, groups, without_dev in QUESTIONS:
                exports.append({"lock": "uv.lock", "extras": extras, "groups": groups, "without_dev": without_dev, "environment": environment,
                                "packages": exported(uv, work, extras, groups, without_dev, environment)})
            exports.append({"lock": "pylock.toml", "extras": [], "groups": [], "without_dev": True, "environment": environment,
                            "packages": exported(uv, work, ["web"], [], True, environment)})
        for name in ("uv.lock", "pylock.toml"):
            (golden / f"{name}.gz").write_bytes(gzip.compress(cut((work / name).read_text()).encode(), 9, mtime=0))
        (golden / "exports.json").write_text(json.dumps(exports, indent=1) + "\n")
        print([len(one["packages"]) for one in exports])


def main():
    if sys.argv[1] == "--inside":
        record(pathlib.Path(sys.argv[2]), str(pathlib.Path(sys.executable).parent / "uv"))
        return
    with tempfile.TemporaryDirectory(prefix="locks-") as folder:
        subprocess.run(["/usr/bin/python3", "-m", "venv", f"{folder}/uv"], check=True)
        python = f"{folder}/uv/bin/python"
        subprocess.run([python, "-m", "pip", "install", "-q", f"uv=={UV}", "packaging==26.3"], check=True)
        subprocess.run([python, __file__, "--inside", sys.argv[1]], check=True)


if __name__ == "__main__":
    main()
