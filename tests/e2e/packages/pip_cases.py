"""Installs with pip: origins, options, places, shell forms, and what must not be believed."""
from packages.case import Case, below
from packages.tiny_files import source_tree

PIP = "pip install --no-cache-dir"
GHOST = "/usr/local/lib/python3.11/dist-packages/ghost-1.0.dist-info"
APPLICATION = below("application", source_tree("application", "4.2"))
HASH_OF_PURE = "{sha256:purepkg-1.2.0-py3-none-any.whl}"
HASH_OF_SOURCE = "{sha256:puresrc-3.1.tar.gz}"


def across(tools, name, *run, **more):
    """The same install with several releases of pip; `tools` maps the stage to the part that it belongs to."""
    return [Case(f"{name}-{tool}", run, tool=tool, part=part, **more) for tool, part in tools.items()]


QUICK = {"pip20": "quick", "pip": "quick", "pipnew": "quick"}
MOST = {**QUICK, "pip20.0": "slow", "pip21": "slow", "pip22": "slow", "pip24": "slow", "pip25": "slow"}

ORIGINS = [
    *across(MOST, "mixed", f"{PIP} purepkg binpkg cextpkg puresrc"),
    *across(MOST, "silent", f"{PIP} -q purepkg cextpkg puresrc"),
    *across(QUICK, "oldstyle", f"{PIP} oldstyle"),
    *across(QUICK, "vcs", f"{PIP} git+{{host}}/git/vcspkg.git@v1.0"),
    *across(QUICK, "local", f"{PIP} ./application", files=APPLICATION),
    Case("both-prefers-the-wheel", (f"{PIP} bothpkg",)),
    Case("newer-source-beats-wheel", (f"{PIP} aheadpkg",)),
    Case("prefer-binary", (f"{PIP} --prefer-binary aheadpkg",)),
    Case("no-binary-all", (f"{PIP} --no-binary bothpkg bothpkg",)),
    Case("only-binary", (f"{PIP} --only-binary :all: aheadpkg",)),
    Case("stable-abi", (f"{PIP} stablepkg",)),
    Case("two-stages-of-build-requirements", (f"{PIP} twostage",)),
    Case("two-stages-silent", (f"{PIP} -q twostage",)),
    Case("no-build-isolation", (f"{PIP} stampbackend", f"{PIP} --no-build-isolation puresrc")),
    Case("zipped-source", (f"{PIP} zippedsrc",)),
    Case("odd-name", (f"{PIP} odd-name.pkg",)),
    Case("epoch-and-post", (f"{PIP} epochpkg",)),
    Case("pre-release", (f"{PIP} --pre prepkg",)),
    Case("local-version-of-an-index", (f"{PIP} localver",)),
    # Published by its index under the tag of what is compiled here.
    Case("plain-tag-of-an-index", (f"{PIP} ownindex",)),
    Case("plain-tag-of-an-index-silent", (f"{PIP} -q ownindex",)),
    # Compiled here, though its own record says that it was published.
    Case("boasting", (f"{PIP} boasting",)),
    Case("boasting-silent", (f"{PIP} -q boasting",)),
    Case("vcs-silent", (f"{PIP} -q git+{{host}}/git/vcspkg.git",)),
    Case("vcs-native", (f"{PIP} 'vcsnative @ git+{{host}}/git/vcsnative.git@v1.0'",)),
    Case("vcs-editable", (f"{PIP} -e git+{{host}}/git/vcspkg.git#egg=vcspkg",)),
    Case("local-silent", (f"{PIP} -q /case/application",), files=APPLICATION),
    Case("editable", (f"{PIP} -e ./application",), files=APPLICATION, tool="pipnew"),
    Case("editable-silent", (f"{PIP} -q -e ./application",), files=APPLICATION),
    Case("url-of-a-wheel", (f"{PIP} {{host}}/files/purepkg-1.1.0-py3-none-any.whl",)),
    Case("url-of-a-source", (f"{PIP} 'puresrc @ {{host}}/files/puresrc-3.0.tar.gz'",)),
    Case("url-of-a-source-silent", (f"{PIP} -q 'puresrc @ {{host}}/files/puresrc-3.0.tar.gz'",)),
    Case("around-the-index", (f"{PIP} --trusted-host index.example -i {{index}} purepkg puresrc",)),
    Case("around-the-index-silent", (f"{PIP} -q --trusted-host index.example -i {{index}} purepkg puresrc",)),
    Case("recipes-own-variable", (f"{PIP} -q purepkg puresrc",),
         before="ENV PIP_INDEX_URL={index} PIP_TRUSTED_HOST=index.example\n"),
]

REQUIREMENTS = [
    Case("requirements-file", (f"{PIP} -r requirements.txt",),
         files={"requirements.txt": "purepkg==1.1.0\nneedypkg[more]==1.0  # both\n"}),
    Case("constraints", (f"{PIP} -c constraints.txt purepkg puresrc",),
         files={"constraints.txt": "purepkg<1.2\npuresrc==3.0\n"}),
    Case("extras", (f"{PIP} 'needypkg[more]'",)),
    Case("extras-silent", (f"{PIP} -qq 'needypkg[more]'",)),
    Case("hashes", (f"{PIP} --require-hashes -r requirements.txt",),
         files={"requirements.txt": f"purepkg==1.2.0 --hash=sha256:{HASH_OF_PURE}\n"
                                    f"puresrc==3.1 \\\n    --hash=sha256:{HASH_OF_SOURCE}\n"}),
    Case("yanked-is-passed-over", (f"{PIP} yankedpkg",)),
    Case("yanked-and-pinned", (f"{PIP} yankedpkg==2.0",)),
    Case("requires-another-python", (f"{PIP} futurepkg",)),
    Case("no-dependencies", (f"{PIP} --no-deps needypkg",)),
    Case("extra-index", (f"{PIP} --trusted-host index.example --extra-index-url {{host}}/own/ purepkg",)),
]

PLACES = [
    Case("target", (f"{PIP} --target /t purepkg puresrc",), search=("/t",)),
    Case("target-relative-silent", (f"mkdir -p deep && cd deep && {PIP} -q -t ../lib purepkg cextpkg",), search=("/case/lib",)),
    Case("user", (f"{PIP} --user purepkg cextpkg",)),
    Case("another-user", (f"{PIP} --user purepkg puresrc",), before="RUN useradd -m app\nUSER app\n"),
    Case("prefix", (f"{PIP} --prefix=/opt/p purepkg cextpkg",), search=("/opt/p/lib/python3.11/site-packages",
                                                                     "/opt/p/local/lib/python3.11/dist-packages")),
    Case("root", (f"{PIP} --root /r --prefix /usr purepkg",), search=("/r/usr/lib/python3.11/site-packages",
                                                                    "/r/usr/local/lib/python3.11/dist-packages",
                                                                    "/r/usr/lib/python3/dist-packages")),
    Case("variable-target", (f"{PIP} purepkg",), before="ENV PIP_TARGET=/vt\n", search=("/vt",)),
    Case("venv", (f"python3 -m venv /v && /v/bin/{PIP} purepkg cextpkg",)),
    Case("venv-activated", (f"python3 -m venv /v && . /v/bin/activate && {PIP} -q purepkg cextpkg && deactivate",)),
    Case("venv-with-new-pip", ("python3 -m venv /v && /v/bin/pip install -q --upgrade pip purepkg",), tool="pipnew"),
    Case("two-environments", (f"python3 -m venv /a && python3 -m venv /b && /a/bin/{PIP} purepkg==1.1.0 puresrc && "
                              f"/b/bin/{PIP} purepkg==1.2.0 bothpkg && /b/bin/{PIP} --no-binary :all: bothpkg==1.0",),
         again=("bothpkg",)),
    Case("same-in-two-environments", (f"python3 -m venv /a && python3 -m venv /b && /a/bin/{PIP} bothpkg && "
                                      f"/b/bin/{PIP} --no-binary bothpkg bothpkg",)),
    Case("same-in-two-environments-silent", (f"python3 -m venv /a && python3 -m venv /b && /a/bin/{PIP} -q cextpkg && "
                                             f"/b/bin/{PIP} -q cextpkg purepkg",)),
    Case("distribution", ("apt-get update && apt-get install -y --no-install-recommends python3-six && "
                          "rm -rf /var/lib/apt/lists/*", f"{PIP} purepkg")),
]

FORMS = [
    Case("chain", (f"set -ex; cd /tmp && {PIP} purepkg && python3 -c 'import purepkg' || exit 3; {PIP} cextpkg",)),
    Case("script", ("sh ./install.sh",), files={"install.sh": f"set -e\nfor p in purepkg puresrc; do\n  {PIP} -q $p\ndone\n"}),
    Case("makefile", ("make -s install",), files={"Makefile": f"install:\n\t@{PIP} -q purepkg cextpkg\n"}),
    Case("heredoc", (f"<<EOF\nset -e\n{PIP} purepkg\nif true; then\n  {PIP} -q puresrc\nfi\nEOF",)),
    Case("heredoc-python", ("<<EOF python3\nimport subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', "
                            "'--no-cache-dir', 'purepkg', 'cextpkg'], check=True)\nEOF",)),
    Case("exec-form", ('["python3", "-m", "pip", "install", "--no-cache-dir", "purepkg", "puresrc"]',)),
    Case("into-a-log", (f"{PIP} purepkg cextpkg > /var/log/pip.log 2>&1",)),
    Case("prefixed", (f"{PIP} purepkg puresrc 2>&1 | sed 's/^/[install] /'",)),
    Case("in-parallel", (f"python3 -m venv /a && python3 -m venv /b && {{ /a/bin/{PIP} purepkg puresrc & "
                         f"/b/bin/{PIP} bothpkg cextpkg & wait; }}",)),
    Case("verbose", (f"{PIP} -v purepkg cextpkg",)),
    Case("build-then-install", (f"pip wheel --no-cache-dir -w /wheels purepkg cextpkg puresrc",
                                f"{PIP} --no-index --find-links /wheels purepkg cextpkg puresrc"), wheels=("/wheels",)),
    Case("build-then-install-at-once", (f"pip wheel -q --no-cache-dir -w /wheels purepkg cextpkg puresrc && "
                                        f"{PIP} -q --no-index --find-links /wheels purepkg cextpkg puresrc && rm -r /wheels",)),
    Case("build-elsewhere", (f"{PIP} --no-index --find-links /w purepkg cextpkg puresrc",),
         stages="FROM tool_pip AS wheels\nRUN pip wheel --no-cache-dir -w /w purepkg cextpkg puresrc\n",
         before="COPY --from=wheels /w /w\n"),
    Case("build-elsewhere-silent", (f"--network=none {PIP} -q --no-index --find-links /w purepkg cextpkg puresrc",),
         stages="FROM tool_pip AS wheels_silent\nRUN pip wheel -q --no-cache-dir -w /w purepkg cextpkg puresrc\n",
         before="COPY --from=wheels_silent /w /w\n"),
    Case("wheel-by-path", (f"pip wheel --no-cache-dir -w /w puresrc purepkg",
                           f"{PIP} /w/puresrc-3.1-py3-none-any.whl /w/purepkg-1.2.0-py3-none-any.whl"), wheels=("/w",)),
    Case("downloaded-first", (f"pip download --no-cache-dir -d /d purepkg puresrc",
                              f"{PIP} --find-links /d --no-index --no-build-isolation purepkg && "
                              f"{PIP} /d/puresrc-3.1.tar.gz"),
         # Installed by the path of an archive, which the layer calls a file of this machine.
         says={"puresrc": "local"}),
]

CHANGES = [
    Case("removed-in-the-same-step", (f"{PIP} purepkg puresrc && pip uninstall -y puresrc",)),
    Case("removed-silently", (f"{PIP} -q purepkg puresrc && pip uninstall -q -y puresrc",)),
    Case("removed-later", (f"{PIP} purepkg puresrc", "pip uninstall -y puresrc")),
    Case("upgraded-twice", (f"{PIP} purepkg==1.1.0 puresrc==3.0 && {PIP} -U purepkg puresrc",)),
    Case("upgraded-later", (f"{PIP} purepkg==1.1.0", f"{PIP} -q -U purepkg")),
    Case("downgraded-to-source", (f"{PIP} aheadpkg==1.0", f"{PIP} -U aheadpkg")),
    Case("forced-again", (f"{PIP} bothpkg && {PIP} --force-reinstall --no-binary bothpkg bothpkg",)),
    Case("forced-again-silent", (f"{PIP} -q bothpkg && {PIP} -q --force-reinstall --no-binary bothpkg bothpkg",)),
    Case("already-there", (f"{PIP} purepkg", f"{PIP} purepkg")),
    Case("vendored-copies", (f"{PIP} bundler",)),
    Case("record-deleted", (f"{PIP} purepkg puresrc && rm -rf /usr/local/lib/python3.11/dist-packages/puresrc-3.1.dist-info",)),
    Case("installer-missing", (f"{PIP} purepkg puresrc && rm /usr/local/lib/python3.11/dist-packages/*-[13].[0-9]*.dist-info/INSTALLER",)),
    Case("installer-missing-silent", (f"{PIP} -q purepkg cextpkg && rm /usr/local/lib/python3.11/dist-packages/*.dist-info/INSTALLER",)),
    Case("cached-wheel", ("pip install -q puresrc cextpkg && pip uninstall -q -y puresrc cextpkg", "pip install puresrc cextpkg")),
    Case("cached-wheel-silent", ("pip install -q puresrc cextpkg && pip uninstall -q -y puresrc cextpkg",
                                 "pip install -q puresrc cextpkg")),
    Case("cache-mount", ("--mount=type=cache,target=/root/.cache/pip pip install puresrc && pip uninstall -q -y puresrc",
                         "--mount=type=cache,target=/root/.cache/pip pip install puresrc")),
    # A compiled wheel comes from a cache that no layer shows, the installer is silent, and nothing is fetched.
    Case("cache-mount-silent", ("--mount=type=cache,id=silent,target=/root/.cache/pip pip install -q cextpkg puresrc && "
                                "pip uninstall -q -y cextpkg puresrc",
                                "--mount=type=cache,id=silent,target=/root/.cache/pip pip install -q cextpkg puresrc"),
         unprovable=("puresrc",)),
]

LIES = [
    Case("echoed-success", ('echo "Successfully installed evil-1.0"',), says={"evil": None}),
    Case("echoed-build", ("printf 'Collecting evil\\n  Downloading evil-1.0.tar.gz (1 kB)\\n"
                          "Building wheel for evil (setup.py): started\\n"
                          "Building wheel for evil (setup.py): finished with status %sdone%s\\n"
                          "  Created wheel for evil: filename=evil-1.0-py3-none-any.whl size=1 sha256=00\\n"
                          "Successfully built evil\\nSuccessfully installed evil-1.0\\n' \"'\" \"'\"",), says={"evil": None}),
    Case("echoed-uv", ("printf '   Building evil==1.0\\n      Built evil==1.0\\n + evil==1.0\\n'",), says={"evil": None}),
    Case("echoed-failure", ("echo 'ERROR: No matching distribution found for evil'",), says={"evil": None}),
    Case("echoed-over-the-truth", (f"{PIP} -q purepkg && printf 'Collecting purepkg\\n  Downloading purepkg-1.2.0.tar.gz (1 kB)\\n"
                                   "Building wheel for purepkg (setup.py): started\\n"
                                   "Building wheel for purepkg (setup.py): finished with status %sdone%s\\n"
                                   "Successfully installed purepkg-1.2.0\\n' \"'\" \"'\"",)),
    Case("a-package-that-prints", (f"{PIP} -v printer",), says={"evil": None}),
    Case("forged-record", (f"mkdir -p {GHOST} && printf 'Metadata-Version: 2.1\\nName: ghost\\nVersion: 1.0\\n' > {GHOST}/METADATA && "
                           f"printf 'Wheel-Version: 1.0\\nTag: cp311-cp311-manylinux_2_17_x86_64\\n' > {GHOST}/WHEEL && "
                           f"echo pip > {GHOST}/INSTALLER",),
         # Nothing tells it from a wheel that lay in a folder: its tag is what only published wheels have.
         says={"ghost": "wheel"}),
    Case("dry-run-and-download", (f"pip install --no-cache-dir --dry-run puresrc && pip download -q -d /d cextpkg",),
         says={"puresrc": None, "cextpkg": None}),
    Case("failed-but-went-on", (f"{PIP} headerless || true; {PIP} purepkg",), says={"headerless": "failed"}),
    Case("failed-then-other", (f"{PIP} -q purepkg && ({PIP} -q speechless || {PIP} -q puresrc)",),
         says={"speechless": "failed"}),
]

UNSEEN = [
    # pip 23 says of build dependencies only that they are installed.
    Case("host-network", (f"--network=host {PIP} -i http://127.0.0.1:{{port}}/simple/ purepkg cextpkg puresrc",),
         build_deps_seen=False),
    Case("host-network-silent", (f"--network=host {PIP} -q -i http://127.0.0.1:{{port}}/simple/ purepkg binpkg cextpkg puresrc",),
         unprovable=("purepkg", "puresrc"), build_deps_seen=False),
    Case("no-network-context-wheels", (f"--network=none {PIP} --no-index --find-links . purepkg",),
         files={"purepkg-1.2.0-py3-none-any.whl": "{bytes:purepkg-1.2.0-py3-none-any.whl}"},
         # A file of the context: no step says where it came from.
         says={"purepkg": "local"}),
]

FAILURES = [
    Case("does-not-compile", (f"{PIP} purepkg headerless",), fails="headerless"),
    Case("does-not-compile-silent", (f"{PIP} -q purepkg headerless",), fails="headerless"),
    Case("no-metadata", (f"{PIP} purepkg speechless",), fails="speechless", tool="pipnew"),
    Case("no-such-version", (f"{PIP} 'purepkg>9'",), fails="purepkg"),
    Case("wrong-hash", (f"{PIP} --require-hashes -r requirements.txt",), fails="purepkg",
         files={"requirements.txt": f"purepkg==1.2.0 --hash=sha256:{'0' * 64}\n"}),
    Case("no-compiler", (f"{PIP} cextpkg",), fails="cextpkg", tool="slim"),
    Case("source-forbidden", (f"{PIP} --only-binary :all: puresrc",), fails="puresrc"),
    Case("another-python-only", (f"{PIP} futurepkg==2.0",), fails="futurepkg"),
]

CASES = [*ORIGINS, *REQUIREMENTS, *PLACES, *FORMS, *CHANGES, *LIES, *UNSEEN, *FAILURES]
