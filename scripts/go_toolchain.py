"""The official Go toolchains of one version for two architectures, fetched as modules by the Go that is here, which checks them."""
import json
import os
import pathlib
import re
import subprocess
import zipfile

MODULE = 'golang.org/toolchain'


class NoToolchain(Exception):
    pass


def fetch(version, architecture, work):
    """The module's archive, below `work`."""
    if not re.fullmatch(r'1\.\d+(\.\d+)?', version):
        raise NoToolchain(f'{version} is no version of Go such as 1.22.12')
    environment = {**os.environ, 'GOTOOLCHAIN': 'local', 'GOFLAGS': '-modcacherw', 'GOMODCACHE': str(work / 'modules'), 'GO111MODULE': 'on'}
    module = f'{MODULE}@v0.0.1-go{version}.linux-{architecture}'
    try:
        done = subprocess.run(['go', 'mod', 'download', '-json', module], capture_output=True, text=True, check=False, cwd=work,
                              env=environment)
    except FileNotFoundError:
        raise NoToolchain('there is no Go on this machine to fetch toolchains with') from None
    try:
        return pathlib.Path(json.loads(done.stdout)['Zip'])
    except (ValueError, KeyError):
        raise NoToolchain(f'{module}: {(done.stdout + done.stderr).strip()[-500:]}') from None


def names(archive):
    """{path below the toolchain's root: name in the archive}"""
    with zipfile.ZipFile(archive) as content:
        return {entry.partition('/')[2].partition('/')[2]: entry for entry in content.namelist()}


def read(archive, path):
    """A file of the toolchain's root."""
    found = names(archive).get(path)
    if found is None:
        raise NoToolchain(f'{archive.name} has no {path}')
    with zipfile.ZipFile(archive) as content:
        return content.read(found)


def unpack(archive, folder, wanted):
    """The files for which wanted(path) holds; programs are executable."""
    with zipfile.ZipFile(archive) as content:
        for path, entry in names(archive).items():
            if not path or entry.endswith('/') or not wanted(path):
                continue
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            data = content.read(entry)
            file.write_bytes(data)
            file.chmod(0o755 if data[:4] == b'\x7fELF' or data[:2] == b'#!' else 0o644)
