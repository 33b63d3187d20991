#!/usr/bin/env python3
"""Makes the recordings step-* below tests/golden/packages: RUN steps with their console and what their layer holds.

  record_steps.py DOCKERFILE ROOT OUTPUT READ_PACKAGES STEP=NAME...

Runs the RUN steps of the Dockerfile's first stage (USER is heeded) in overlays over the unpacked root file system
ROOT, with this machine's network, and keeps steps by their number: STEP=NAME writes OUTPUT/NAME/console.txt
(record_console.py) and step.json with the command, the facts that a worker would report (READ_PACKAGES is
the program of read_packages.cc) and, to be filled in by hand, what earlier steps did with wheels. Needs root. What the
C++ code makes of them (outcomes.txt beside them) is written by the tests with CROSSMILL_ACCEPT=1.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MACHINE = {name: value for name, value in os.environ.items()
           if name.startswith(("PIP_CERT", "PIP_INDEX", "SSL_", "REQUESTS_CA", "HTTP", "http", "no_proxy"))}
BINDS = ("proc", "dev", "etc/ssl/certs")


def steps(dockerfile):
    """(number, user, command) of each RUN of the first stage."""
    user, number = "root", 0
    for line in dockerfile.read_text().replace("\\\n", "").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, rest = line.split(None, 1)
        number += 1
        if word == "FROM" and number > 1:
            return
        if word == "USER":
            user = rest.strip()
        if word == "RUN":
            yield number, user, re.sub(r"^(--\S+ )+", "", rest)


def mount(lower, point, upper=None, work=None):
    options = "lowerdir=" + ":".join(str(layer) for layer in reversed(lower))
    if upper:
        options += f",upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(point)], check=True)


def execute(lower, folder, user, command):
    upper, work, root = (folder / name for name in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir(parents=True)
    mount(lower, root, upper, work)
    mounted = [root]
    try:
        for bind in BINDS:
            (root / bind).mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--bind", f"/{bind}", str(root / bind)], check=True)
            mounted.append(root / bind)
        (root / "etc/resolv.conf").write_bytes(pathlib.Path("/etc/resolv.conf").read_bytes())
        environment = {"HOME": "/root" if user == "root" else f"/home/{user}", "PATH": PATH, "LANG": "C.UTF-8",
                       "PIP_DISABLE_PIP_VERSION_CHECK": "1", **MACHINE}
        switch = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        subprocess.run([sys.executable, str(HERE / "record_console.py"), str(folder / "console.txt"), "chroot", str(root),
                        *switch, "/bin/sh", "-c", f"cd /; {command}"], env=environment, check=True)
    finally:
        for path in reversed(mounted):
            subprocess.run(["umount", str(path)], check=True)
    (upper / "etc/resolv.conf").unlink(missing_ok=True)
    return upper


def read(program, layers, folder):
    upper, changed, view = layers[-1], folder / "changed", folder / "root"
    changed.write_text("".join(f"{path.relative_to(upper)}\n" for path in sorted(upper.rglob("*")) if path.is_file()))
    mount(layers, view)
    try:
        return json.loads(subprocess.run([program, str(view), str(changed)], stdout=subprocess.PIPE, check=True).stdout)
    finally:
        subprocess.run(["umount", str(view)], check=True)


def main():
    dockerfile, root, output, program, *chosen = sys.argv[1:]
    names = dict(choice.split("=", 1) for choice in chosen)
    with tempfile.TemporaryDirectory(prefix="steps-") as scratch:
        layers = [pathlib.Path(root).resolve()]
        for number, user, command in steps(pathlib.Path(dockerfile)):
            folder = pathlib.Path(scratch) / str(number)
            layers.append(execute(layers, folder, user, command))
            name = names.get(str(number))
            if not name:
                continue
            target = pathlib.Path(output) / name
            target.mkdir(parents=True, exist_ok=True)
            (target / "console.txt").write_bytes((folder / "console.txt").read_bytes())
            run = {"argv": ["/bin/sh", "-c", command], "cwd": "/", "user": "" if user == "root" else user}
            document = {"run": run, "result": read(program, layers, folder), "earlier": []}
            (target / "step.json").write_text(json.dumps(document, indent=1) + "\n")
            print(f"{name}: {command[:80]}", flush=True)


if __name__ == "__main__":
    main()
