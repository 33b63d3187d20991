#!/usr/bin/env python3
"""Checks who includes whom (docs/architecture.md, "Include rules"). Prints each breach; exit 1 if any."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
SERVICE = re.compile(r'(\.grpc\.pb\.h|_services?\.pb\.h)$')

# Folder -> folders it may include (its own is always allowed). The longest matching prefix counts.
ALLOWED = {
    "common/base": [],
    "common/service": ["common/base"],
    "common/settings": ["common/base", "common/dockerfile"],
    "common/blobs": ["common/base"],
    "common/keys": ["common/base"],
    "common/certificates": ["common/base"],
    "common/attest": ["common/base", "common/words", "common/keys"],
    "common/http": ["common/base"],
    "common/bucket": ["common/base", "common/http"],
    "common/words": ["common/base"],
    "common/filter": ["common/base", "common/words"],
    "common/pattern": ["common/base"],
    "common/dockerfile": ["common/base", "common/pattern"],
    "common/plan": ["common/base", "common/words", "common/pattern", "common/dockerfile"],
    "common/check": ["common/base", "common/words", "common/pattern", "common/dockerfile", "common/plan"],
    "common/failures": ["common/base"],
    "common/packages": ["common/base", "common/words", "common/failures"],
    "common/python": ["common/base"],
    "common/wheels": ["common/base", "common/python"],
    "common/index": ["common/base", "common/http", "common/python", "common/wheels"],
    "common/package_archive": ["common/base", "common/layer"],
    "common/predict/image": ["common/base", "common/python"],
    "common/predict/resolver": ["common/base", "common/python", "common/wheels"],
    "common/predict/locks": ["common/base", "common/python", "common/wheels", "common/predict/resolver"],
    "common/predict/commands": ["common/base", "common/python", "common/wheels", "common/predict/resolver"],
    "common/predict/matrix": ["common/base", "common/attest", "common/python", "common/wheels", "common/predict/image",
                              "common/predict/resolver", "common/predict/locks", "common/predict/commands"],
    "common/context": ["common/base", "common/pattern"],
    "common/layer": ["common/base"],
    "common/compare/formats": ["common/base", "common/layer"],
    "common/compare/neutral": ["common/base", "common/layer", "common/compare"],
    "common/compare": ["common/base", "common/words", "common/layer"],
    "common/oci": ["common/base", "common/layer"],
    "common/registry": ["common/base", "common/http", "common/layer", "common/oci"],
    "common/fetch": ["common/base", "common/http", "common/layer"],
    "common/rpc": ["common/base", "common/certificates"],
    "coordinator/core": ["common/base", "common/words", "common/pattern", "common/plan", "common/layer"],
    "coordinator/overview": ["common/base", "common/words", "common/filter", "coordinator/core"],
    "coordinator/verdict": ["common/base", "common/words", "common/plan", "common/layer", "coordinator/core"],
    "coordinator/audit": ["common/base"],
    "coordinator/account": ["common/base"],
    "coordinator/images": ["common/base", "coordinator/core", "common/layer", "common/oci", "common/registry"],
    "coordinator/sources": ["common/base", "common/http", "common/fetch", "common/context", "coordinator/images"],
    "coordinator/room": ["common/base"],
    "coordinator/health": ["common/base"],
    "coordinator/metrics": ["common/base", "common/words", "coordinator/core"],
    "coordinator/traces": ["common/base", "common/words", "common/http"],
    "coordinator/storage": ["common/base", "common/words", "common/filter", "coordinator/core", "coordinator/overview", "coordinator/images", "coordinator/sources"],
    "coordinator/people": ["common/base", "common/words", "common/certificates", "coordinator/core", "coordinator/storage"],
    "coordinator/founding": ["common/base", "common/settings", "coordinator/account", "coordinator/people", "coordinator/storage"],
    "coordinator/identity": ["common/base", "common/http", "coordinator/core", "coordinator/people", "coordinator/storage"],
    "coordinator/needs": ["common/base", "common/blobs", "common/oci", "coordinator/storage"],
    "coordinator/backup": ["coordinator/account", "common/base", "common/blobs", "coordinator/needs", "coordinator/bucket", "coordinator/storage"],
    "coordinator/retention": ["common/base", "common/blobs", "common/words", "coordinator/room", "coordinator/needs", "coordinator/bucket", "coordinator/storage"],
    "coordinator/bucket": ["common/base", "common/blobs", "common/bucket", "coordinator/room", "coordinator/storage"],
    "coordinator/wheels": ["common/base", "common/words", "common/layer", "common/python", "common/predict/commands",
                           "coordinator/core", "coordinator/storage"],
    "coordinator/statements": ["common/base", "common/keys", "common/attest", "coordinator/core", "coordinator/storage"],
    "coordinator/conclusion": ["common/base", "common/words", "common/plan", "common/layer", "common/compare", "coordinator/core", "coordinator/verdict",
                               "coordinator/storage", "coordinator/images"],
    "coordinator/rebuild": ["common/base", "common/words", "common/plan", "common/compare", "common/oci", "coordinator/core", "coordinator/verdict",
                            "coordinator/storage", "coordinator/images", "coordinator/conclusion"],
    "coordinator/engine": ["coordinator/room", "coordinator/metrics", "common/base", "common/words", "common/pattern", "common/dockerfile", "common/plan", "common/layer",
                           "common/compare", "common/oci", "common/failures", "common/packages", "common/filter", "coordinator/core", "coordinator/overview", "coordinator/storage", "coordinator/images",
                           "coordinator/sources", "coordinator/wheels", "coordinator/verdict", "coordinator/conclusion", "coordinator/rebuild", "coordinator/statements"],
    "coordinator/forecast": ["common/base", "common/words", "common/plan", "common/layer", "common/http", "common/python",
                             "common/wheels", "common/index", "common/package_archive", "common/predict",
                             "coordinator/core", "coordinator/storage", "coordinator/images", "coordinator/wheels",
                             "coordinator/engine"],
    "coordinator/submissions": ["common/base", "common/words", "coordinator/core", "common/layer", "common/context", "common/fetch"],
    "coordinator/submissions/rpc": ["common/base", "common/rpc", "common/layer", "coordinator/rpc", "coordinator/submissions"],
    "coordinator/evidence": ["common/base", "common/words", "common/oci", "common/registry", "common/keys", "common/attest", "coordinator/core",
                             "coordinator/engine", "coordinator/storage"],
    "coordinator/verification": ["common/base", "common/words", "coordinator/core", "coordinator/storage", "coordinator/rebuild",
                                 "coordinator/engine"],
    "coordinator/notices": ["common/base", "common/words"],
    "coordinator/matrices": ["common/base", "common/oci", "common/words"],
    "coordinator/webhooks": ["common/base", "common/words", "common/http", "coordinator/notices", "coordinator/storage"],
    "coordinator/rpc": ["coordinator/room", "common/certificates", "coordinator/matrices", "coordinator/bucket", "coordinator/notices", "coordinator/webhooks", "coordinator/audit", "common/base", "coordinator/verification", "coordinator/rebuild", "common/oci", "coordinator/evidence", "common/words", "common/filter", "common/python", "common/rpc", "common/index", "coordinator/core", "coordinator/overview", "coordinator/engine",
                        "coordinator/forecast", "coordinator/images", "coordinator/people", "coordinator/identity", "coordinator/retention", "coordinator/storage"],
    "coordinator/buildkit/door": ["common/base", "common/certificates", "common/rpc", "coordinator/core", "coordinator/rpc"],
    "coordinator/buildkit/session": ["common/base", "common/layer", "common/oci", "common/registry", "common/rpc", "coordinator/buildkit/door",
                                     "coordinator/core", "coordinator/engine", "coordinator/images", "coordinator/rpc"],
    "coordinator/buildkit/status": ["common/base", "common/words"],
    "coordinator/buildkit/outputs": ["common/attest", "common/base", "common/layer", "common/oci", "common/registry", "common/rpc",
                                     "coordinator/buildkit/door", "coordinator/buildkit/session", "coordinator/buildkit/status",
                                     "coordinator/core", "coordinator/evidence", "coordinator/images", "coordinator/rpc"],
    "coordinator/buildkit/history": ["common/base", "common/fetch", "coordinator/core"],
    "coordinator/buildkit/policy": ["common/base", "common/fetch", "common/oci"],
    "coordinator/buildkit/solve": ["common/base", "common/check", "common/context", "common/dockerfile", "common/fetch", "common/layer", "common/oci", "common/pattern", "common/plan",
                                   "common/rpc", "common/words", "coordinator/buildkit/door", "coordinator/buildkit/files", "coordinator/buildkit/history", "coordinator/buildkit/outputs", "coordinator/buildkit/policy",
                                   "coordinator/buildkit/session", "coordinator/buildkit/status", "coordinator/core", "coordinator/engine",
                                   "coordinator/images", "coordinator/rpc", "coordinator/sources", "coordinator/submissions"],
    "coordinator/buildkit/files": ["common/base", "common/context", "common/rpc", "coordinator/buildkit/session"],
    "coordinator/http/table": ["common/base", "common/words"],
    "coordinator/http": ["common/base", "common/words", "common/rpc", "coordinator/notices", "coordinator/metrics", "coordinator/rpc", "coordinator/http/table"],
    "coordinator": ["common", "coordinator"],
    "worker/host": ["common/base", "common/words"],
    "worker/tree": ["common/base", "common/pattern", "common/layer"],
    "worker/layers": ["common/base", "common/layer", "worker/host", "worker/tree"],
    "worker/preload": ["common/base"],
    "worker/bounds": ["common/base", "common/words", "worker/host"],
    "worker/sandbox": ["common/base", "common/words", "worker/bounds", "worker/host", "worker/tree"],
    "worker/network": ["common/base", "worker/host"],
    "worker/normalize": ["common/base", "common/words", "common/pattern", "common/layer", "worker/tree", "worker/layers",
                         "worker/sandbox"],
    "worker/budget": ["common/base"],
    "worker/mounts": ["common/base", "worker/bounds", "worker/host", "worker/tree", "worker/sandbox"],
    "worker/accelerators": ["common/base", "common/words", "worker/host", "worker/tree", "worker/sandbox"],
    "worker/accelerators/stub": ["worker/accelerators"],
    "worker/index": ["common/base", "common/http", "common/python", "common/wheels", "common/index", "worker/network"],
    "worker/task": ["common/base", "common/words", "common/layer", "worker/host", "worker/bounds", "worker/tree", "worker/layers",
                    "worker/preload", "worker/sandbox", "worker/network", "worker/mounts", "worker/accelerators", "worker/index",
                    "worker/normalize"],
    "worker/joining": ["common/base", "common/certificates", "common/rpc"],
    "worker/agent": ["worker/joining", "common/base", "common/words", "worker/bounds", "worker/budget", "common/service", "common/settings", "common/plan", "common/keys", "common/attest", "common/rpc", "worker/host", "worker/tree", "worker/layers", "worker/sandbox",
                     "worker/accelerators", "worker/network", "worker/mounts", "worker/index", "worker/task", "common/http", "common/index"],
    "worker": ["worker/agent"],
    "cli/use": ["common/base", "common/words"],
    "cli/show": ["common/base", "common/words", "common/layer", "cli/use"],
    "cli/session": ["common/base", "common/settings", "common/words", "common/rpc", "cli/show"],
    "cli/recipe": ["common", "cli/show", "cli/session"],
    "cli/images": ["common", "cli/show", "cli/session", "cli/recipe"],
    "cli/matrix": ["common/base", "common/words", "common/oci", "cli/show"],
    "cli/pipeline": ["common/base", "common/words", "common/http", "cli/show", "cli/matrix"],
    "cli/evidence": ["common/base", "common/words", "common/keys", "common/attest", "cli/show"],
    "cli/history": ["common/base", "common/words", "cli/show"],
    "cli/doctor": ["common/base", "common/words", "cli/show"],
    "cli/attribution": ["common/base", "common/plan", "common/words", "cli/show", "cli/session"],
    "cli/reproduce": ["common", "cli/show", "cli/session", "cli/recipe", "cli/images", "cli/history"],
    "cli/wheelhouse": ["common/base", "common/words", "common/python", "common/wheels", "cli/show"],
    "cli/wheelhouse/making": ["common", "cli/show", "cli/session", "cli/wheelhouse"],
    "cli/local": ["common/base"],
    "cli/admin": ["common/base", "common/filter", "common/words", "cli/show", "cli/session"],
    "cli/retention": ["common/base", "common/words", "cli/show", "cli/session"],
    "cli/buildx": ["common/base"],
    "cli/commands": ["cli/buildx", "cli/admin", "cli/local", "cli/doctor", "cli/use", "common", "cli/show", "cli/session", "cli/recipe", "cli/images", "cli/evidence", "cli/history", "cli/wheelhouse", "cli/attribution",
                     "cli/reproduce", "cli/retention", "cli/matrix", "cli/pipeline"],
    "cli": ["common/base", "cli/commands", "cli/session"],
}
# Folders that see messages, never services, SQL or sockets.
PURE = ["common/pattern", "common/filter", "common/compare", "common/compare/formats", "common/compare/neutral", "common/dockerfile", "common/plan", "common/check", "common/failures", "common/packages",
        "common/attest", "common/python", "common/wheels", "common/predict/image", "common/predict/resolver",
        "common/predict/locks", "common/predict/commands", "common/predict/matrix", "coordinator/core", "coordinator/overview", "coordinator/verdict",
        "coordinator/notices", "coordinator/matrices", "cli/matrix", "cli/wheelhouse"]
IMPURE_SYSTEM = re.compile(r'^\s*#\s*include\s+<(sqlite3\.h|curl/.*|sys/socket\.h|grpc.*|boost/.*)>')


def folder_of(path, table):
    parts = path.split("/")[:-1]
    for length in range(len(parts), 0, -1):
        name = "/".join(parts[:length])
        if name in table:
            return name
    return None


def breaches():
    for top in ("common", "coordinator", "worker", "cli"):
        for file in sorted((ROOT / top).rglob("*")):
            if file.suffix not in (".h", ".cc"):
                continue
            name = file.relative_to(ROOT).as_posix()
            home = folder_of(name, ALLOWED)
            for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
                if home in PURE and IMPURE_SYSTEM.match(line):
                    yield f"{name}:{number}: {home} does no I/O: {line.strip()}"
                match = INCLUDE.match(line)
                if not match:
                    continue
                target = match.group(1)
                if home in PURE and SERVICE.search(target):
                    yield f"{name}:{number}: {home} sees messages, never services: {target}"
                if not target.startswith(("common/", "coordinator/", "worker/", "cli/", "tests/")):
                    continue
                allowed = [home] + ALLOWED.get(home, [])
                if not any(target.startswith(folder + "/") for folder in allowed):
                    yield f"{name}:{number}: {home} must not include {target}"


def main():
    found = list(breaches())
    print("\n".join(found) if found else "include rules hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
