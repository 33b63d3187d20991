"""What a farm that was stopped in order may not leave: processes, mounts, namespaces, cgroups, temporary files."""
import os
import pathlib


def users_of(folder, own_mounts):
    """Processes with a mount of the farm's, its own disks apart, and mounts of this machine below its folder.

    A step's process has nothing of the farm in its arguments; the mounts that it sees name the folder. The disks of other
    farms' rounds are seen by every namespace that was made since, so a tmpfs of ours is nothing.
    """
    found = []
    own = {str(path) for path in own_mounts}
    for file in pathlib.Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            lines = file.read_text().splitlines()
            command = (file.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        for line in lines:
            point = line.split()[4]
            below = point.startswith(f"{folder}/") and point not in own
            if below or f"={folder}/" in line or f":{folder}/" in line:
                found.append(f"process {file.parent.name} ({command}) has the mount {line}")
                break
    return found


def processes_named(folder, apart):
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in command and int(file.parent.name) not in apart:
            found.append(f"process {file.parent.name} is left: {command}")
    return found


def residents(namespace, holder):
    """Processes in a network namespace beside its holder."""
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/ns/net"):
        try:
            if os.readlink(file) == namespace and int(file.parts[2]) != holder:
                found.append(f"process {file.parts[2]} lives in the worker's network namespace")
        except OSError:
            continue
    return found


def cgroups(folder):
    """Steps run without cgroups where crun does; one that names the farm or a step would be ours."""
    name = pathlib.Path(folder).name
    # Other farms' come and go meanwhile: what cannot be listed any more is not left.
    return [f"the cgroup {path}/{each} is left" for path, below, _ in os.walk("/sys/fs/cgroup") for each in below if name in each]


# Of a worker's folder; what is in them is made for a task and goes with it.
WORKER_FOLDERS = ("sandbox", "spool", "upload", "mounts/work", "snapshots/work", "network")


def temporary_files(farm):
    folders = [farm.data / "content" / "tmp", farm.temporary]
    folders += [farm.folder / name / below for name in farm.plan.worker_names() for below in WORKER_FOLDERS]
    found = []
    for folder in folders:
        if not folder.exists():
            continue
        found += [f"{path} is left" for path in sorted(folder.iterdir())]
    return found
