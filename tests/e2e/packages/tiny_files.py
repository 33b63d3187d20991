"""The packages of the truth set's own index: tiny, made here, each with one trait that an install can have.

What is built of them carries `built.json` in its dist-info, with the time of the build, written by the build backend. So
what lies in an image says by itself whether it was compiled, and when: no installer and nothing of ours is asked.
"""
import io
import pathlib
import subprocess
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from package_index import (BACKEND, BACKEND_SOURCE, BACKEND_VERSION, C_SOURCE, PLATFORM_TAGS, ZIP_TIME,  # noqa: E402
                           metadata, sdist_bytes, wheel_bytes)

STAMPED = "stampbackend"
# tinybackend, and a stamp: what it was built of, and when. A file `claims` in the source is the tag that the wheel then
# claims inside, under an honest file name. A file `fails` makes the metadata fail, a file `prints` is what the build says.
STAMP_SOURCE = '''\
import io
import json
import os
import pathlib
import tarfile
import time

import tinybackend
from tinybackend import get_requires_for_build_wheel

get_requires_for_build_editable = get_requires_for_build_wheel


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    if pathlib.Path("fails").exists():
        raise SystemExit("error: this package cannot say what it is")
    return tinybackend.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def _names():
    return tinybackend._field("Name"), tinybackend._field("Version")


def _stamp():
    return {"%s-%s.dist-info/built.json" % _names(): json.dumps({"at": time.time()}).encode()}


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    tag, files = tinybackend.contents()
    files.update(_stamp())
    if pathlib.Path("prints").exists():
        print(pathlib.Path("prints").read_text(), flush=True)
    claims = pathlib.Path("claims")
    if not claims.exists():
        return tinybackend.write_wheel(wheel_directory, tag, files)
    forged = tinybackend.write_wheel(wheel_directory, claims.read_text().strip(), files)
    honest = "%s-%s-%s.whl" % (*_names(), tag)
    os.replace(os.path.join(wheel_directory, forged), os.path.join(wheel_directory, honest))
    return honest


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    files = {"__editable__.%s-%s.pth" % _names(): (os.getcwd() + "\\n").encode(), **_stamp()}
    return tinybackend.write_wheel(wheel_directory, "py3-none-any", files)


def build_sdist(sdist_directory, config_settings=None):
    stem = "%s-%s" % _names()
    with tarfile.open(os.path.join(sdist_directory, stem + ".tar.gz"), "w:gz") as archive:
        for path in sorted(pathlib.Path(".").rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.endswith((".gz", ".whl")):
                archive.add(str(path), stem + "/" + path.as_posix())
    return stem + ".tar.gz"
'''
# A source that has a setup.py and nothing else, as before PEP 517. It stamps the egg-info, which becomes the dist-info.
SETUP_PY = '''\
import json
import time

from setuptools import setup
from setuptools.command.egg_info import egg_info


class stamped(egg_info):
    def run(self):
        super().run()
        self.write_file("stamp", self.egg_info + "/built.json", json.dumps({{"at": time.time()}}))


setup(name="{name}", version="{version}", packages=["{name}"], cmdclass={{"egg_info": stamped}})
'''


def code(name, version):
    return {f"{name}/__init__.py": f'version = "{version}"\n\n\ndef main():\n    print("{name} {version}")\n'}


def pyproject(requires=(f"{STAMPED}>=1.0",), backend=STAMPED):
    quoted = ", ".join(f'"{text}"' for text in requires)
    return f'[build-system]\nrequires = [{quoted}]\nbuild-backend = "{backend}"\n'


def source_tree(name, version, fields=(), more=None, requires=(f"{STAMPED}>=1.0",)):
    """Path -> text of a source that stampbackend builds."""
    return {"PKG-INFO": metadata(name, version, fields), "pyproject.toml": pyproject(requires), **code(name, version),
            **(more or {})}


def write_tree(folder, files):
    for path, text in files.items():
        file = pathlib.Path(folder, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


class Files:
    """File name -> bytes, and what a page says of each."""

    def __init__(self):
        self.data = {}
        self.yanked = {}
        self.requires_python = {}

    def wheel(self, name, version, tag="py3-none-any", fields=(), more=None):
        file_name = f"{name}-{version}-{tag}.whl"
        interpreters, abis, platforms = tag.split("-")
        tags = [f"{interpreter}-{abi}-{platform}" for interpreter in interpreters.split(".")
                for abi in abis.split(".") for platform in platforms.split(".")]
        self.data[file_name] = wheel_bytes(name, version, tags, {**code(name, version), **(more or {})}, fields)
        return file_name

    def sdist(self, name, version, fields=(), more=None, requires=(f"{STAMPED}>=1.0",)):
        file_name = f"{name}-{version}.tar.gz"
        files = source_tree(name, version, fields, more, requires)
        self.data[file_name] = sdist_bytes(name, version, files, fields)
        return file_name

    def plain_sdist(self, name, version, files):
        self.data[f"{name}-{version}.tar.gz"] = sdist_bytes(name, version, files)

    def zip_sdist(self, name, version):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, text in sorted(source_tree(name, version).items()):
                archive.writestr(zipfile.ZipInfo(f"{name}-{version}/{path}", ZIP_TIME), text)
        self.data[f"{name}-{version}.zip"] = buffer.getvalue()


def backends(files):
    tiny, stamped = f"{BACKEND}-{BACKEND_VERSION}-py3-none-any.whl", f"{STAMPED}-1.0-py3-none-any.whl"
    files.data[tiny] = wheel_bytes(BACKEND, BACKEND_VERSION, ["py3-none-any"], {f"{BACKEND}.py": BACKEND_SOURCE})
    files.data[stamped] = wheel_bytes(STAMPED, "1.0", ["py3-none-any"], {f"{STAMPED}.py": STAMP_SOURCE},
                                      [f"Requires-Dist: {BACKEND}"])


def all_files():
    files = Files()
    backends(files)
    for version in ("1.1.0", "1.2.0"):
        files.wheel("purepkg", version)
    for platform in PLATFORM_TAGS:
        files.wheel("binpkg", "2.0.1", f"cp311-cp311-{platform}", more={"binpkg/data.txt": f"made for {platform}\n"})
    files.wheel("stablepkg", "1.0", "cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.manylinux_2_17_aarch64")
    files.wheel("toolpkg", "0.3", more={"toolpkg-0.3.dist-info/entry_points.txt": "[console_scripts]\ntoolpkg = toolpkg:main\n"})
    files.wheel("bothpkg", "1.0")
    files.sdist("bothpkg", "1.0")
    files.wheel("aheadpkg", "1.0")
    files.sdist("aheadpkg", "2.0")
    files.sdist("puresrc", "3.1")
    files.sdist("puresrc", "3.0")
    files.sdist("cextpkg", "0.9", more={"src/native.c": C_SOURCE})
    files.sdist("headerless", "1.0", more={"src/native.c": "#include <openssl/not_there.h>\n" + C_SOURCE})
    files.sdist("speechless", "1.0", more={"fails": ""})
    files.wheel("needypkg", "1.0", fields=["Requires-Dist: purepkg", "Provides-Extra: more",
                                           'Requires-Dist: puresrc; extra == "more"'])
    files.wheel("yankedpkg", "1.0")
    files.yanked[files.wheel("yankedpkg", "2.0")] = "broken"
    files.wheel("futurepkg", "1.0")
    files.requires_python[files.wheel("futurepkg", "2.0", fields=["Requires-Python: >=3.99"])] = ">=3.99"
    files.plain_sdist("oldstyle", "1.0", {**code("oldstyle", "1.0"),
                                          "setup.py": SETUP_PY.format(name="oldstyle", version="1.0")})
    files.sdist("boasting", "1.0", more={"claims": "cp311-cp311-manylinux_2_17_x86_64\n"})
    files.sdist("buildtool", "1.0")
    files.sdist("twostage", "1.0", requires=(f"{STAMPED}>=1.0", "buildtool"))
    files.sdist("printer", "1.0", more={"prints": "Collecting evil\n  Downloading evil-1.0-py3-none-any.whl (1 kB)\n"
                                                  "Installing collected packages: evil\nSuccessfully installed evil-1.0\n"})
    files.wheel("Odd.Name_Pkg", "1.0")
    files.wheel("localver", "1.0+cpu", "cp311-cp311-linux_x86_64.linux_aarch64")
    files.wheel("ownindex", "1.0", "cp311-cp311-linux_x86_64.linux_aarch64")
    files.zip_sdist("zippedsrc", "1.0")
    files.wheel("epochpkg", "1!2.0.post3")
    files.wheel("prepkg", "1.0rc1")
    files.wheel("bundler", "1.0", more={
        f"bundler/{where}/inner-{version}.dist-info/{file}": text
        for where, version in (("_vendor", "9.1"), ("parts", "9.2"))
        for file, text in (("METADATA", metadata("inner", version)), ("INSTALLER", "pip\n"), ("RECORD", ""))})
    return files


def make_repositories(folder):
    """Bare git repositories for dumb HTTP below `folder`: NAME.git with a source of stampbackend, tag v1.0."""
    for name in ("vcspkg", "vcsnative"):
        work = pathlib.Path(folder, name)
        more = {"src/native.c": C_SOURCE} if name == "vcsnative" else None
        write_tree(work, source_tree(name, "1.0", more=more))
        git = ["git", "-C", str(work), "-c", "user.name=tests", "-c", "user.email=tests@localhost"]
        for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "first"], ["tag", "v1.0"]):
            subprocess.run([*git, *words], check=True)
        bare = pathlib.Path(folder, f"{name}.git")
        subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
        subprocess.run(["git", "-C", str(bare), "update-server-info"], check=True)
