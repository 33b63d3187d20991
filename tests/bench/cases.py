"""What is measured. Each case is a function of the bench (see `run`) that returns rows."""
import contextlib
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import tarfile
import tempfile

import daemons
import peers
import stand_ins
from farm import Farm, free_port
from measure import Row, alternate, compare, seconds, span
from tiny_base import machine_architecture

TINY = "crossmill-bench/tiny:1"


@contextlib.contextmanager
def context_folder(files):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-bench-context-", dir="/var/tmp"))
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def build_ours(farm, context, no_cache=False):
    result = farm.cli("build", "--network", "none", *(["--no-cache"] if no_cache else []), context)
    if result.returncode != 0:
        raise RuntimeError(f"crossmill build: exit code {result.returncode}\n{result.stderr[-4000:]}\n{farm.logs()}")


def runs(count):
    return "".join([f"FROM {TINY}\n", *(f"RUN echo {number} > /f{number}\n" for number in range(count))])


def sides(bench, farm, action):
    """{name: timer of action(build)} for ours and all peers; build is a callable like Docker.build."""
    ours = {"crossmill": lambda: action(lambda *arguments: build_ours(farm, *arguments))}
    return ours | {peer.name: (lambda peer=peer: action(peer.build)) for peer in bench.peers}


def rebuild(bench):
    """Nothing has changed: what remains is the client, the look-ups and the report."""
    count = 3 if bench.smoke else 20
    with bench.farm(workers=1) as farm, context_folder({"Dockerfile": runs(count)}) as context:
        timers = sides(bench, farm, lambda build: seconds(lambda: build(context)))
        for fill in timers.values():
            fill()
        times = alternate(bench.rounds(15), timers)
    what = f"{count} RUNs, nothing changed"
    return [*compare("rebuild", what, times, "classic", 0.6), *compare("rebuild", what, times, "buildkit", 0.1),
            *compare("rebuild", what, times, "buildah", None)]


def marginal(bench):
    """What one more RUN costs: a build of many minus a build of one, by the difference."""
    count = 3 if bench.smoke else 20
    with bench.farm(workers=1) as farm, context_folder({"Dockerfile": runs(1)}) as one, \
            context_folder({"Dockerfile": runs(count)}) as many:
        def cost(build):
            single = seconds(lambda: build(one, True))
            return (seconds(lambda: build(many, True)) - single) / (count - 1)
        times = alternate(bench.rounds(5), sides(bench, farm, cost))
        steps = [step["seconds"] for stage in farm.show()["stages"] for step in stage["steps"]
                 if step["instruction"] == "RUN" and step["seconds"]]
    rows = [row for peer, target in (("buildkit", 0.8), ("classic", None), ("buildah", None))
            for row in compare("marginal", "per trivial RUN", times, peer, target)]
    if steps:
        rows.append(Row("marginal", "  of it within the worker's step", span(steps), "-", None, None))
    return rows


def stages(bench):
    """Independent stages on two workers as they are by default, against the sleep itself."""
    count, sleep = (3, 0.2) if bench.smoke else (8, 2)
    recipe = "".join(f"FROM {TINY} AS s{n}\nRUN sleep {sleep} && echo {n} > /s{n}\n" for n in range(count))
    recipe += "FROM scratch\n" + "".join(f"COPY --from=s{n} /s{n} /s{n}\n" for n in range(count))
    with bench.farm(workers=2, slots=None) as farm, context_folder({"Dockerfile": recipe}) as context:
        build_ours(farm, context)  # the workers have the base from now on, as those of a running farm do
        for peer in bench.peers:
            peer.build(context)
        times = alternate(bench.rounds(3), sides(bench, farm, lambda build: seconds(lambda: build(context, True))))
    what = f"{count} stages of sleep {sleep}"
    times["the sleep"] = [float(sleep)] * len(times["crossmill"])
    return [*compare("stages", what, times, "the sleep", 1.15), *compare("stages", what, times, "buildkit", None),
            *compare("stages", what, times, "buildah", None)]


EXAMPLE = """\
FROM {builder} AS builder
WORKDIR /src
COPY requirements.txt .
COPY package ./package
RUN {compile}
FROM {runtime}
COPY --from=builder /src/package /opt/package
COPY app.py /app/app.py
ENV PYTHONPATH=/opt
USER 1000
CMD ["python", "/app/app.py"]
"""


def example_files(builder, runtime, command, count):
    files = {"Dockerfile": EXAMPLE.format(builder=builder, runtime=runtime, compile=command),
             "requirements.txt": "package==1\n", "app.py": "import package\n", "package/__init__.py": ""}
    for number in range(count):
        lines = "".join(f"def f{line}(x):\n    return x + {number * line}\n\n" for line in range(10))
        files[f"package/p{number % 20}/m{number}.py"] = lines
    return files


def cold(bench):
    """The example's shape with nothing kept from before: pull, unpack, COPY of many files, compile, COPY --from."""
    images = sorted(stand_ins.CACHE.glob("python-amd64*.oci.tar")), sorted(stand_ins.CACHE.glob("python-slim-amd64*.oci.tar"))
    if bench.smoke or not all(images):
        if not bench.smoke:
            bench.say(f"cold: no stand-in images in {stand_ins.CACHE} (scripts/base-images makes them): "
                      "the tiny base is used, and nothing is compiled")
        builder = runtime = bench.tiny
        command = "find package -name '*.py' | xargs sha256sum > package/sums"
    else:
        builder, runtime = images[0][-1], images[1][-1]
        command = "python -m compileall -q package"
    with daemons.Registry(bench.folder, free_port()) as registry:
        names = registry.push(builder, "bench/python:1"), registry.push(runtime, "bench/python-slim:1")
        with context_folder(example_files(*names, command, 20 if bench.smoke else 2000)) as context:
            return cold_rows(bench, context)


def cold_rows(bench, context):
    def ours():
        with bench.farm(workers=2, slots=2) as farm:
            return seconds(lambda: build_ours(farm, context))

    def docker():
        with daemons.DockerDaemon(tempfile.mkdtemp(dir=bench.folder)) as daemon:
            peer = peers.Docker(daemon, buildkit=True)
            return seconds(lambda: peer.build(context))

    timers = {"crossmill": ours}
    if any(peer.name == "buildkit" for peer in bench.peers):
        timers["buildkit"] = docker
    times = alternate(bench.rounds(3), timers)
    what = "cold example, bases pulled"
    return compare("cold", what, times, "buildkit", 1.0)


def noise_layout(folder, layers, megabytes):
    """An OCI layout folder of one image whose layers do not compress."""
    layout = pathlib.Path(folder) / "noise"
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    described, diff_ids = [], []
    for number in range(layers):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            entry = tarfile.TarInfo(f"noise{number}")
            entry.size = megabytes << 20
            tar.addfile(entry, io.BytesIO(os.urandom(entry.size)))
        data = buffer.getvalue()
        diff_ids.append("sha256:" + hashlib.sha256(data).hexdigest())
        described.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                          **put(gzip.compress(data, 1, mtime=0))})
    config = put(json.dumps({"architecture": machine_architecture(), "os": "linux", "config": {},
                             "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode())
    manifest = put(json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config}, "layers": described}).encode())
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest,
         "annotations": {"org.opencontainers.image.ref.name": "1"}}]}))
    return layout


def transfer(bench):
    """An image of several layers to and from docker-registry on loopback, against skopeo with an OCI layout folder.

    Every push goes to a registry that has nothing, every pull to a farm or a folder that has nothing.
    """
    layers, megabytes = (2, 1) if bench.smoke else (6, 50)
    layout = noise_layout(bench.folder, layers, megabytes)

    def registry():
        return daemons.Registry(tempfile.mkdtemp(dir=bench.folder), free_port())

    def ours(farm, *arguments):
        result = farm.cli("image", *arguments)
        if result.returncode != 0:
            raise RuntimeError(f"crossmill image {arguments}: {result.stderr[-4000:]}\n{farm.logs()}")

    def skopeo(*arguments):
        peers.run(["skopeo", "copy", "--quiet", *arguments])

    def push_ours(farm):
        with registry() as place:
            return seconds(lambda: ours(farm, "push", "noise:1", f"{place.host}/noise:1"))

    def push_skopeo():
        with registry() as place:
            return seconds(lambda: skopeo("--dest-tls-verify=false", f"oci:{layout}:1", f"docker://{place.host}/noise:1"))

    def pull_ours(place):
        with bench.farm(workers=0) as empty:
            return seconds(lambda: ours(empty, "pull", f"{place.host}/noise:1"))

    def pull_skopeo(place):
        folder = pathlib.Path(tempfile.mkdtemp(dir=bench.folder))
        try:
            return seconds(lambda: skopeo("--src-tls-verify=false", f"docker://{place.host}/noise:1", f"oci:{folder}/x:1"))
        finally:
            shutil.rmtree(folder)

    rounds = bench.rounds(7)
    with bench.farm(workers=0) as farm, registry() as place:
        farm.import_base("noise:1", layout)
        pushes = alternate(rounds, {"crossmill": lambda: push_ours(farm), "skopeo": push_skopeo})
        skopeo("--dest-tls-verify=false", f"oci:{layout}:1", f"docker://{place.host}/noise:1")
        pulls = alternate(rounds, {"crossmill": lambda: pull_ours(place), "skopeo": lambda: pull_skopeo(place)})
    what = f"{layers} layers of {megabytes} MiB"
    return [*compare("transfer", f"push {what}", pushes, "skopeo", 1.25),
            *compare("transfer", f"pull {what}", pulls, "skopeo", 1.25)]


CASES = {"rebuild": rebuild, "marginal": marginal, "stages": stages, "cold": cold, "transfer": transfer}
