"""Where this machine has Debian's archive from, of its own release or another one (for the shell: debian_archive.sh)."""
import pathlib
import re
import subprocess

KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'


def own_release(file=pathlib.Path('/etc/os-release')):
    """The codename of this machine's Debian; '' on other systems."""
    system = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', file.read_text(), re.M))
    return system.get('VERSION_CODENAME', '') if system.get('ID') == 'debian' else ''


def archives(release):
    """(uri, suite, component) of each archive that this machine's apt knows of its own release, with the suites of `release`."""
    text = subprocess.run(['apt-get', 'indextargets', '--format', '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)',
                           'Created-By: Packages'], capture_output=True, text=True, check=True).stdout
    own = own_release()
    found = set()
    for origin, uri, suite, component in (line.split('|') for line in text.splitlines()):
        if origin == 'Debian' and suite.split('-')[0] == own:
            found.add((uri, release + suite[len(own):], component))
    return sorted(found)


def source_lines(kind, chosen):
    """Lines of sources.list, of kind `deb` or `deb-src`."""
    return ''.join(f'{kind} [signed-by={KEYRING}] {uri} {suite} {component}\n' for uri, suite, component in chosen)


def private_apt(work, lines, architectures=('amd64',)):
    """Options for apt-get, by which it has lists, cache and status below the new folder `work`, knows the archives of `lines`
    only, and nothing that is installed: the first architecture is its own."""
    for folder in ('lists/partial', 'archives/partial'):
        (work / folder).mkdir(parents=True)
    (work / 'sources.list').write_text(lines)
    (work / 'status').touch()
    settings = {'Dir::Etc::sourcelist': work / 'sources.list', 'Dir::Etc::sourceparts': '/dev/null', 'Dir::State::lists': work / 'lists',
                'Dir::State::status': work / 'status', 'Dir::Cache': work, 'APT::Architecture': architectures[0],
                'APT::Architectures': ','.join(architectures), 'APT::Sandbox::User': 'root', 'Acquire::Languages': 'none'}
    return [word for name, value in settings.items() for word in ('-o', f'{name}={value}')]
