"""What must hold after a round, one function each: given the round, they return sentences about what does not hold.

Those of the first list ask the farm after everything is healed and all builds are over, those of the second look at what it
leaves when it was stopped in order.
"""
import gzip
import hashlib
import re
import shutil
import subprocess
import zlib

import agents
import leftovers
import record as records
import recipes

# An execution of a step that counted for its build, and the field of BuildEvent that says so.
STEP_CHANGED, STATUS_CHANGED = 6, 3
EXECUTED = 3


# ---- of the running farm ----

def acknowledged_builds_exist(round_):
    """Every number that a client was told is a build of its key, and a key has one build."""
    wrong = []
    builds = round_.record.builds()
    for each in round_.submissions:
        rows = round_.record.number_of(each.key)
        if len(rows) > 1:
            wrong.append(f"{each.name}: its key has the builds {rows}")
        for number in each.told - set(each.new_builds):
            if number not in builds:
                wrong.append(f"{each.name}: build {number} was told and is not in the record")
            elif number not in rows:
                wrong.append(f"{each.name}: build {number} was told, and its key has {rows}")
        if not rows:
            wrong.append(f"{each.name} could not be submitted: it ended with {each.exits}, {each.said()[-500:]}")
    return wrong


def builds_have_ended(round_):
    return [f"build {number} is still {records.STATUS[row['status']]} after {round_.END_LIMIT} s"
            for number, row in round_.record.builds().items() if row["status"] < 4]


def clients_have_ended(round_):
    return [f"{each.name}: its client still runs after {round_.END_LIMIT} s; it said {each.said()[-500:]}"
            for each in round_.submissions if each.stuck]


def builds_end_as_they_should(round_):
    wrong = []
    for each, number, row in round_.built():
        status = records.STATUS[row["status"]]
        wanted = recipes.end_of(each.build.kind)
        if status == wanted or row["status"] < 4:
            continue
        if wanted == recipes.CANCELLED and not each.cancel_acknowledged:
            continue
        if status == "infrastructure-failed" and justified(round_, each, number, row["message"]):
            round_.count("infrastructure-failed, justified")
            continue
        wrong.append(f"{each.name} is build {number}: {status} instead of {wanted}: {row['message']}")
    return wrong


def justified(round_, submission, number, message):
    """An infrastructure failure is, if the farm really was hit as often as it says (docs/operations.md)."""
    if any(digest in message for digest in round_.damaged):
        return True
    if "given up after 3 infrastructure failures" in message:
        # Whoever joined an execution that is lost counts it where it was begun.
        alike = [found for each, found, _ in round_.built()
                 if (each.build.kind, each.build.salt) == (submission.build.kind, submission.build.salt)]
        lost = sum(max((len(reasons) for reasons in round_.record.losses(build).values()), default=0) for build in alike)
        return lost >= 3 or bool(round_.damaged)
    if "coordinator" in message and "plan" in message:
        return round_.farm.coordinator_starts >= 3
    return False


def clients_are_told_the_end(round_):
    """A client that followed its build to the end says what the record says; none says that the recipe failed when not."""
    wrong = []
    for each, number, row in round_.built():
        status = records.STATUS[row["status"]]
        last = each.exits[-1] if each.exits else None
        wanted = {**recipes.EXITS, "infrastructure-failed": 5}.get(status)
        if not each.followed or last is None or last == wanted:
            continue
        wrong.append(f"{each.name} is build {number}, {status}, and its client ended with {last}: {each.said()[-500:]}")
    return wrong


def images_are_what_they_should_be(round_):
    wrong = []
    for number, view in round_.views.items():
        kind, salt = round_.recipe_of(number)
        if view["status"] != "succeeded":
            continue
        wanted = round_.references[kind, salt]
        found = [cell["image_digest"] for cell in view["cells"]]
        if found != [wanted]:
            wrong.append(f"build {number} ({kind}-{salt}) gave {found} instead of {wanted}")
    return wrong


def verdicts_are_not_lost(round_):
    wrong = []
    for number, view in round_.views.items():
        if view["status"] != "succeeded" or view["verify"] < 2:
            continue
        round_.count("verified")
        verdict = view["cells"][0]["verdict"]
        if verdict == "reproducible":
            continue
        reason = view["cells"][0]["comparison"]["reason"]
        if verdict == "inconclusive":
            round_.count("inconclusive")
            round_.note(f"build {number} is inconclusive: {reason}")
            if not round_.strict:
                continue
        wrong.append(f"build {number} is {verdict}: {reason}")
    return wrong


def cancelled_stay_cancelled(round_):
    return [f"{each.name} is build {number}: its cancellation was acknowledged, and it {records.STATUS[row['status']]}"
            for each, number, row in round_.built()
            # One that had ended before is not cancelled by it.
            if each.cancel_acknowledged and row["status"] not in (6, 7)]


# ---- of the record, after the stop ----

def database_is_whole(round_):
    wrong = [f"integrity_check: {row[0]}" for row in round_.record.rows("PRAGMA integrity_check") if row[0] != "ok"]
    return wrong + [f"foreign_key_check: {tuple(row)}" for row in round_.record.rows("PRAGMA foreign_key_check")]


def nothing_is_open(round_):
    wrong = [f"lease {row['number']} of build {row['build']} has no end"
             for row in round_.record.rows("SELECT number, build FROM leases WHERE outcome IS NULL")]
    return wrong + [f"execution {row['id']} of build {row['build']} neither ended nor was given up"
                    for row in round_.record.rows(
                        "SELECT id, build FROM executions WHERE finished_at IS NULL AND abandoned = 0")]


def events_are_numbered(round_):
    return [f"build {row['build']} has {row['count']} events, the last is number {row['last']}"
            for row in round_.record.rows("SELECT build, COUNT(*) AS count, MAX(number) AS last FROM events GROUP BY build")
            if row["count"] != row["last"]]


def builds_end_once(round_):
    """One event says that a build has ended, and nothing follows that; lists and sums have it once."""
    wrong = []
    for number, row in round_.record.builds().items():
        ends = []
        for event in round_.record.rows("SELECT number, event FROM events WHERE build = ? ORDER BY number", number):
            changed = records.first(event["event"], STATUS_CHANGED)
            if changed is not None and records.first(changed, 1, 0) >= 4:
                ends.append(records.STATUS[records.first(changed, 1)])
        if ends != [records.STATUS[row["status"]]]:
            wrong.append(f"build {number} is {records.STATUS[row['status']]}, and its events say {ends}")
    for table in ("ended_builds", "build_list", "build_heads"):
        listed = sorted(row["build"] for row in round_.record.rows(f"SELECT build FROM {table}"))
        ended = sorted(number for number, row in round_.record.builds().items() if row["status"] >= 4)
        if listed != ended:
            wrong.append(f"{table} has {listed}, and these have ended: {ended}")
    return wrong


def steps_count_once(round_):
    """A step that succeeded is not executed again, under one lease no step is twice, and no build counts one twice.

    Replicas repeat steps by right, and a layer that was damaged has to be made again.
    """
    wrong = [f"lease {row['lease']} has {row['times']} executions of step {row['step_number']}"
             for row in round_.record.rows("SELECT lease, step_number, COUNT(*) AS times FROM executions "
                                           "WHERE lease IS NOT NULL GROUP BY lease, step_number HAVING times > 1")]
    if not round_.damaged:
        wrong += repeated_steps(round_)
    for number in round_.record.builds():
        seen = set()
        for event in round_.record.rows("SELECT event FROM events WHERE build = ?", number):
            changed = records.first(event["event"], STEP_CHANGED)
            if changed is None or records.first(changed, 2, 0) != 0:
                continue
            step = records.first(changed, 3, b"")
            if records.first(step, 5) != EXECUTED:
                continue
            place = records.first(changed, 1, 0), records.first(step, 1, 0), records.first(step, 13, 0)
            if place in seen:
                wrong.append(f"build {number} counts the step {place[1]} of stage {place[0]} twice")
            seen.add(place)
    return wrong


def repeated_steps(round_):
    """Steps of which two first executions succeeded: whoever came later would have waited for the earlier one, or found it.

    Builds with secrets are not joined, as each has values of its own.
    """
    apart = {number for each, number, _ in round_.built() if each.build.kind == "secret"}
    rows = {}
    for row in round_.record.rows("SELECT id, key, build FROM executions WHERE replica = 0 AND finished_at IS NOT NULL "
                                  "AND failure = '' AND exit_code = 0 ORDER BY id"):
        rows.setdefault((row["key"], row["build"] if row["build"] in apart else 0), []).append(row["id"])
    return [f"the step {key[:12]} was executed {len(ids)} times with success: {ids}"
            for (key, _), ids in rows.items() if len(ids) > 1]


# What the coordinator's garbage collection says when it has removed something of the cache.
REMOVED = re.compile(r"coordinator I removed blobs=(\d+)")
OF_IMAGES = ("SELECT root_hash FROM images", "SELECT manifest_hash FROM image_manifests")
OF_THE_CACHE = ("SELECT tar_hash FROM executions WHERE tar_hash IS NOT NULL",
                "SELECT manifest_hash FROM executions WHERE manifest_hash IS NOT NULL",
                "SELECT blob_hash FROM exports", "SELECT blob_hash FROM compressed_layers")


def named_blobs_are_there(round_):
    """A disk that is full is made room on: after a jump of the clock by a day, what no image needs is old enough to go. Of the
    cache as many may be missing as the coordinator says that it has removed, and of images none."""
    wrong, missing = [], []
    of_images, of_the_cache = ({row[0] for statement in statements for row in round_.record.rows(statement)}
                               for statements in (OF_IMAGES, OF_THE_CACHE))
    for digest in sorted((of_images | of_the_cache) - round_.damaged):
        found = records.content(round_.farm.data, digest)
        if found is None:
            # What lists a damaged blob is missing with it.
            if not round_.damaged:
                (wrong if digest in of_images else missing).append(f"the record names the blob {digest}, which is not in the store")
        elif hashlib.sha256(found).hexdigest() != digest and not round_.damaged:
            wrong.append(f"the blob {digest} has other bytes")
    log = "".join(path.read_text(errors="replace") for path in round_.farm.folder.glob("coordinator.log"))
    return wrong + (missing if len(missing) > sum(map(int, REMOVED.findall(log))) else [])


def secrets_are_nowhere(round_):
    needles = {each.secret.encode(): each.name for each in round_.submissions if each.build.kind == "secret"}
    if not needles:
        return []
    if agents.key():
        needles[agents.key().read_bytes().splitlines()[2]] = "the agent's key"
    wrong, files = [], 0
    for path in round_.farm.folder.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        files += 1
        for data in plain_forms(path):
            wrong += [f"the secret of {name} is in {path}" for needle, name in needles.items() if needle in data]
    if files < 10:
        wrong.append(f"only {files} files were searched for secrets: the search looks in the wrong place")
    return wrong


def plain_forms(path):
    data = path.read_bytes()
    yield data
    if data[:2] == b"\x1f\x8b":
        try:
            yield gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            pass
    if data[:4] == b"\x28\xb5\x2f\xfd" and shutil.which("zstd"):
        yield subprocess.run(["zstd", "-dcq"], input=data, capture_output=True).stdout


def nothing_is_left(round_):
    farm = round_.farm
    disks = [farm.data, *(farm.folder / name for name in farm.plan.worker_names())]
    wrong = leftovers.processes_named(farm.folder, set()) + leftovers.users_of(farm.folder, disks)
    wrong += leftovers.cgroups(farm.folder) + leftovers.temporary_files(farm)
    if farm.holder is not None:
        wrong += leftovers.residents(farm.namespace, farm.holder.pid)
    return wrong


def processes_die_of_faults_only(round_):
    """The coordinator may give up on a full disk, with 5 and the reason; nothing crashes."""
    return [f"{name} ended by itself with {code}" for name, code, full in round_.farm.deaths
            if not (code == 5 and full)]


def logs_tell_of_no_crash(round_):
    crash = re.compile(r"terminate called|Sanitizer|Assertion|Segmentation|stack smashing|std::bad_", re.IGNORECASE)
    return [f"{path.name}: {line}" for path in round_.farm.folder.glob("*.log")
            for line in path.read_text(errors="replace").splitlines() if crash.search(line)]


OF_RUNNING_FARM = (acknowledged_builds_exist, builds_have_ended, clients_have_ended, builds_end_as_they_should,
                   clients_are_told_the_end, images_are_what_they_should_be, verdicts_are_not_lost, cancelled_stay_cancelled)
OF_STOPPED_FARM = (database_is_whole, nothing_is_open, events_are_numbered, builds_end_once, steps_count_once,
                   named_blobs_are_there, secrets_are_nowhere, nothing_is_left, processes_die_of_faults_only,
                   logs_tell_of_no_crash)
