"""Go toolchains for two architectures: the official ones of a version, fetched as modules by the Go that is here, which checks them, and
those that Debian built itself, fetched by apt."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import zipfile

import debian_archive

MODULE = 'golang.org/toolchain'
# Which version is in the packages of each release without a version in their name.
DEBIAN = {'bookworm': '1.19', 'trixie': '1.24'}


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


def is_wanted(path):
    """What a build needs of a toolchain's root, by the path below it."""
    return not path.startswith(('test/', 'api/', 'doc/')) and '/testdata/' not in path and not path.endswith('_test.go')


class Official:
    """Of a version such as 1.22.12. It may lie anywhere."""

    def __init__(self, version, work):
        self.name, self.version, self.work = f'go-{version}', version, work

    def make_root(self, architecture, folder):
        """A root in the new folder `folder`, as far as it is wanted."""
        unpack(fetch(self.version, architecture, self.work), folder, is_wanted)


class OfDebian:
    """Debian's own of a release; its name has the package's version."""

    def __init__(self, release, architectures, work):
        archives = debian_archive.archives(release)
        if not archives:
            raise NoToolchain("this machine's apt knows no archive of Debian: run apt-get update")
        self.root, self.work = debian_root(release), work / 'debian'
        options = debian_archive.private_apt(self.work, debian_archive.source_lines('deb', archives), ('amd64', *architectures))
        package = f'golang-{DEBIAN[release]}'
        for words in (['update'], ['download', f'{package}-src', *(f'{package}-go:{each}' for each in ('amd64', *architectures))]):
            done = subprocess.run(['apt-get', *options, *words], capture_output=True, text=True, check=False, cwd=self.work)
            if done.returncode != 0 and words != ['update']:
                raise NoToolchain(f'apt-get {words[0]}: {done.stderr.strip()[-500:]}')
        (source,) = self.work.glob(f'{package}-src_*.deb')
        for each in ('amd64', *architectures):
            for file in (source, *self.work.glob(f'{package}-go_*_{each}.deb')):
                subprocess.run(['dpkg-deb', '--extract', file, self.work / each], check=True)
        version = subprocess.run(['dpkg-deb', '--field', source, 'Version'], capture_output=True, text=True, check=True).stdout
        self.name = debian_name(version)

    def make_root(self, architecture, folder):
        root = self.work / architecture / self.root[1:]

        def unwanted(place, files):
            paths = {name: (pathlib.Path(place) / name).relative_to(root).as_posix() + '/' * (pathlib.Path(place) / name).is_dir() for name in files}
            # Packages that were compiled before would be used as they are.
            return [name for name, path in paths.items() if not is_wanted(path) or path.startswith(('misc/', 'pkg/linux_'))]

        # Its parts are links to what is of every architecture.
        shutil.copytree(root, folder, ignore=unwanted)


def debian_root(release):
    return f'/usr/lib/go-{DEBIAN[release]}'


def debian_name(version):
    """Of a package's version; how often it was built again makes no other source of it."""
    return 'go-' + re.sub(r'\+b\d+$', '', version.strip())


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
