"""Steps executed by the real worker in its real sandbox, outside of a farm: for scripts that prove or measure something of them."""
import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tarfile

PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


def fail(text):
    sys.exit(f'{pathlib.Path(sys.argv[0]).name}: {text}')


def digest_of(data):
    return hashlib.sha256(data).hexdigest()


class Blobs:
    def __init__(self, folder):
        self.folder = folder

    def add(self, data):
        name = digest_of(data)
        (self.folder / f'sha256-{name}').write_bytes(data)
        return {'tar': {'hash': name, 'sizeBytes': str(len(data))}}

    def read(self, name):
        return (self.folder / f'sha256-{name}').read_bytes()


def base_layers(archive, architecture, blobs):
    """The layers of an image for the architecture, of an OCI archive."""
    with tarfile.open(archive) as image:
        def read(name):
            return image.extractfile(name).read()

        def blob(digest):
            return read(f'blobs/sha256/{digest.split(":")[1]}')
        document = json.loads(read('index.json'))
        while 'manifests' in document:
            fitting = [each for each in document['manifests']
                       if each.get('platform', {}).get('architecture', architecture) == architecture]
            if not fitting:
                fail(f'{archive} has no image for linux/{architecture}')
            document = json.loads(blob(fitting[0]['digest']))
        layers = []
        for layer in document['layers']:
            data = blob(layer['digest'])
            if layer['mediaType'].endswith('zstd'):
                data = subprocess.run(['zstd', '-dc'], input=data, capture_output=True, check=True).stdout
            layers.append(blobs.add(gzip.decompress(data) if data[:2] == b'\x1f\x8b' else data))
        return layers


def folder_layer(folder, name, blobs):
    """(a folder as a layer that has it as /NAME, its digest)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=tarfile.PAX_FORMAT) as tar:
        for file in [folder, *sorted(folder.rglob('*'))]:
            entry = tar.gettarinfo(file, f'{name}/' + file.relative_to(folder).as_posix() if file != folder else name)
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ''
            entry.mode = 0o755 if file.is_dir() or file.stat().st_mode & 0o100 else 0o644
            if entry.isreg():
                with file.open('rb') as content:
                    tar.addfile(entry, content)
            elif entry.isdir():
                tar.addfile(entry)
    layer = blobs.add(buffer.getvalue())
    return layer, layer['tar']['hash']


class Runner:
    def __init__(self, worker, sets, architecture, blobs, work):
        self.worker, self.sets, self.architecture, self.blobs, self.work = worker, sets, architecture, blobs, work

    def run(self, parents, command, accelerate, sets=True):
        """The worker's result of one RUN: v1.StepResult as JSON. Without `sets` only the emulator is another one."""
        platform = {'os': 'linux', 'architecture': self.architecture, **({'variant': 'v7'} if self.architecture == 'arm' else {})}
        task = {'name': f'step/{accelerate}', 'platform': platform,
                'parents': parents, 'stepTimeout': 24 * 3600, 'sourceDateEpoch': '1700000000',
                'steps': [{'number': 2, 'instruction': 'RUN', 'text': 'RUN step', 'clampTime': '1700000001',
                           'run': {'argv': ['/bin/sh', '-c', command], 'cwd': '/', 'network': 'NETWORK_MODE_NONE',
                                   'env': [f'PATH={PATH}']}}]}
        file = self.work / 'task.json'
        file.write_text(json.dumps(task))
        argv = [self.worker, 'run', file, '--blobs', self.blobs.folder, '--data', self.work / 'data',
                '--accelerate', accelerate, *(['--accelerators', self.sets] if sets else [])]
        result = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False)
        if result.returncode != 0:
            fail(f'the worker ended with {result.returncode}:\n{result.stderr[-3000:]}')
        return json.loads(result.stdout)['steps'][0]

    def files(self, step, folder):
        """{path below the folder: content} of what a step left there."""
        found = {}
        with tarfile.open(fileobj=io.BytesIO(self.blobs.read(step['layer']['tar']['hash']))) as tar:
            for entry in tar:
                name = entry.name.lstrip('./')
                if entry.isreg() and name.startswith(f'{folder}/'):
                    found[name[len(folder) + 1:]] = tar.extractfile(entry).read()
        return found


def seconds_of(step):
    return (int(step['finishedAt']) - int(step['startedAt'])) / 1e9
