"""Runs in an image after a step: which packages do its interpreters find, and what do the records of those say?

`collect.py OUT.json [FOLDER]...`; further folders are searched as interpreters would if they were told. Standard library
only, Python 3.7 and later. Nothing of Crossmill is asked.
"""
import glob
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import time
import zipfile

KEPT = ("METADATA", "PKG-INFO", "WHEEL", "RECORD", "INSTALLER", "direct_url.json", "built.json", "installed-files.txt")
# The wheels that what makes a virtual environment puts into it.
BUNDLED = {"ensurepip": ("/usr/share/python-wheels/*.whl", "/usr/local/lib/python3*/ensurepip/_bundled/*.whl"),
           "virtualenv": ("/opt/*/lib/python3*/site-packages/virtualenv/seed/wheels/embed/*.whl",)}
ASK = "import json, site, sys; print(json.dumps([sys.prefix, sys.path, site.getusersitepackages()]))"


def interpreters():
    found = {}
    for pattern in ("/usr/bin/python3.*", "/usr/local/bin/python3.*", "/opt/*/bin/python3", "/opt/*/bin/python"):
        for path in glob.glob(pattern):
            if os.access(path, os.X_OK) and not path.endswith("-config"):
                found.setdefault(os.path.dirname(path) + "\0" + os.path.realpath(path), path)
    for folder in virtual_environments():
        for name in ("python", "python3"):
            path = os.path.join(folder, "bin", name)
            if os.path.exists(path):
                found[folder] = path
                break
    return sorted(set(found.values()))


def virtual_environments():
    """Prefix -> its pyvenv.cfg."""
    found = {}
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in ("proc", "sys", "dev", "facts")]
        # What `uv run` makes is its cache's.
        if folder.endswith("/.cache/uv"):
            folders[:] = []
        if "pyvenv.cfg" in files:
            found[folder] = read(os.path.join(folder, "pyvenv.cfg"))
            folders[:] = []
    return found


def search_path():
    """Folders in which some interpreter of the image looks for packages."""
    folders = []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    asked = [(path, subprocess.Popen([path, "-c", ASK], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
                                     env=environment)) for path in interpreters()]
    for path, process in asked:
        out = process.communicate()[0]
        if process.returncode != 0:
            continue
        prefix, searched, user = json.loads(out)
        folders += searched + [user]
    folders += glob.glob("/home/*/.local/lib/python*/site-packages")
    kept = []
    for folder in folders:
        # Not the standard library, nor folders that a .pth names: editable installs have a record of their own.
        if os.path.basename(folder) in ("site-packages", "dist-packages") and os.path.isdir(folder):
            folder = os.path.realpath(folder)
            if folder not in kept:
                kept.append(folder)
    return kept


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except (OSError, ValueError):
        return None


def records(folder):
    for found in importlib.metadata.distributions(path=[folder]):
        path = str(found._path)
        if not found.metadata["Name"]:
            continue
        files = {name: read(os.path.join(path, name)) for name in KEPT}
        yield {"folder": folder, "path": path, "name": found.metadata["Name"], "version": found.version,
               "files": {name: text for name, text in files.items() if text is not None}}
    for link in glob.glob(os.path.join(glob.escape(folder), "*.egg-link")):
        target = (read(link) or "").splitlines()[:1]
        for found in importlib.metadata.distributions(path=target):
            yield {"folder": folder, "path": link, "name": found.metadata["Name"], "version": found.version,
                   "files": {"egg-link": target[0]}}


def owned_by_the_distribution():
    """Paths of records that dpkg or apk says are its own."""
    owned = []
    for path in glob.glob("/var/lib/dpkg/info/*.list"):
        owned += [line for line in (read(path) or "").splitlines() if line.endswith((".dist-info", ".egg-info"))]
    return sorted(owned)


def wheels(folder):
    """Wheels that lie in a folder, with their digest and the stamp of a build in them."""
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.whl"))):
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        with zipfile.ZipFile(path) as archive:
            stamps = [name for name in archive.namelist() if name.endswith(".dist-info/built.json")]
            built = archive.read(stamps[0]).decode() if stamps else None
        yield {"path": path, "file_name": os.path.basename(path), "sha256": digest, "built": built}


def main():
    folders = search_path() + [folder for folder in sys.argv[2:] if os.path.isdir(folder)]
    facts = {"time": time.time(), "records": [record for folder in folders for record in records(folder)],
             "wheels": [wheel for folder in sys.argv[2:] for wheel in wheels(folder)],
             "distribution": owned_by_the_distribution(),
             "environments": virtual_environments(),
             "bundled": {maker: sorted(os.path.basename(path) for pattern in patterns for path in glob.glob(pattern))
                         for maker, patterns in BUNDLED.items()}}
    os.makedirs(os.path.dirname(sys.argv[1]), exist_ok=True)
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(facts, file)


if __name__ == "__main__":
    main()
