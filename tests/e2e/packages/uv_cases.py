"""Installs with uv: its pip commands, its projects and tools, its cache."""
from packages.case import Case, below, project
from packages.tiny_files import source_tree

APPLICATION = below("application", source_tree("application", "4.2"))
INSTALL = "uv pip install"
# uv asks no index of the farm's in a project, whose lock file would name it.
OWN_INDEX = "ENV UV_DEFAULT_INDEX={index}\n"


def uv(name, *run, tools=("uv",), **more):
    return [Case(name if tool == "uv" else f"{name}-{tool}", run, tool=tool, **more) for tool in tools]


BOTH = ("uv", "uv04")

CASES = [
    *uv("uv-mixed", f"{INSTALL} purepkg binpkg cextpkg puresrc", tools=BOTH),
    *uv("uv-silent", f"{INSTALL} -q purepkg cextpkg puresrc", tools=BOTH),
    *uv("uv-no-cache", f"{INSTALL} --no-cache purepkg puresrc"),
    *uv("uv-no-cache-silent", f"{INSTALL} -q --no-cache purepkg puresrc"),
    *uv("uv-vcs", f"{INSTALL} git+{{host}}/git/vcspkg.git@v1.0", tools=BOTH),
    *uv("uv-local", f"{INSTALL} ./application", files=APPLICATION, tools=BOTH),
    *uv("uv-local-silent", f"{INSTALL} -q ./application", files=APPLICATION),
    *uv("uv-editable", f"{INSTALL} -e ./application", files=APPLICATION),
    *uv("uv-url-of-a-wheel", f"{INSTALL} {{host}}/files/purepkg-1.1.0-py3-none-any.whl"),
    *uv("uv-url-of-a-source", f"{INSTALL} 'puresrc @ {{host}}/files/puresrc-3.0.tar.gz'"),
    *uv("uv-extras", f"{INSTALL} 'needypkg[more]'"),
    *uv("uv-constraints", f"{INSTALL} -c constraints.txt purepkg puresrc",
        files={"constraints.txt": "purepkg<1.2\npuresrc==3.0\n"}),
    *uv("uv-no-binary", f"{INSTALL} --no-binary bothpkg bothpkg"),
    *uv("uv-yanked", f"{INSTALL} yankedpkg"),
    *uv("uv-local-version", f"{INSTALL} localver"),
    *uv("uv-boasting", f"{INSTALL} boasting"),
    *uv("uv-boasting-silent", f"{INSTALL} -q boasting"),
    *uv("uv-two-stages", f"{INSTALL} twostage"),
    *uv("uv-target", f"{INSTALL} --target /t purepkg puresrc", search=("/t",)),
    *uv("uv-system", f"{INSTALL} --python /usr/bin/python3 --break-system-packages purepkg cextpkg"),
    *uv("uv-venv", f"uv venv /u && {INSTALL} --python /u/bin/python purepkg puresrc"),
    *uv("uv-two-environments", f"uv venv /a && uv venv /b && {INSTALL} --python /a/bin/python puresrc && "
                               f"{INSTALL} --python /b/bin/python puresrc purepkg"),
    *uv("uv-removed", f"{INSTALL} purepkg puresrc && uv pip uninstall puresrc"),
    *uv("uv-again-from-its-cache", f"{INSTALL} puresrc cextpkg && uv pip uninstall puresrc cextpkg", f"{INSTALL} puresrc cextpkg"),
    *uv("uv-cache-mount", f"--mount=type=cache,id=uv,target=/root/.cache/uv UV_LINK_MODE=copy {INSTALL} puresrc purepkg",
        f"--mount=type=cache,id=uv,target=/root/.cache/uv uv venv /u && UV_LINK_MODE=copy {INSTALL} --python /u/bin/python puresrc purepkg"),
    # A pure wheel from a cache that no layer shows.
    *uv("uv-cache-mount-silent", f"--mount=type=cache,id=uvq,target=/root/.cache/uv UV_LINK_MODE=copy {INSTALL} -q puresrc purepkg",
        f"--mount=type=cache,id=uvq,target=/root/.cache/uv uv venv -q /u && UV_LINK_MODE=copy {INSTALL} -q --python /u/bin/python puresrc purepkg",
        unprovable=("purepkg",)),
    *uv("uv-sync-of-requirements", "uv pip sync requirements.txt --python /usr/bin/python3 --break-system-packages --target /s",
        files={"requirements.txt": "purepkg==1.1.0\npuresrc==3.1\n"}, search=("/s",)),
    *uv("uv-project", "uv sync", files={"pyproject.toml": project(["purepkg", "puresrc"])}, before=OWN_INDEX),
    *uv("uv-project-locked", "uv lock && uv sync --frozen -q", files={"pyproject.toml": project(["needypkg[more]"])},
        before=OWN_INDEX),
    *uv("uv-tool", "uv tool install toolpkg"),
    *uv("uv-run-leaves-nothing", "uv run --no-project --with purepkg python -c 'import purepkg'", says={"purepkg": None},
        before=OWN_INDEX),
    *uv("uv-failed-but-went-on", f"{INSTALL} headerless || {INSTALL} purepkg", says={"headerless": "failed"}),
    *uv("uv-does-not-compile", f"{INSTALL} purepkg headerless", fails="headerless"),
    *uv("uv-no-such-version", f"{INSTALL} 'purepkg>9'", fails="purepkg"),
    *uv("uv-no-metadata", f"{INSTALL} speechless", fails="speechless"),
]
