"""Installs of whole projects (poetry, pdm, pipenv), wheels made first (build), other environments (virtualenv), Python on
musl, and the other architecture."""
from packages.case import Case, below, project
from packages.tiny_files import source_tree

APPLICATION = below("application", source_tree("application", "4.2"))
PIP = "pip install --no-cache-dir"


def poetry_project(dependencies):
    lines = "".join(f'{name} = "{version}"\n' for name, version in dependencies.items())
    return ('[tool.poetry]\npackage-mode = false\n\n[tool.poetry.dependencies]\npython = "^3.11"\n' + lines +
            '\n[[tool.poetry.source]]\nname = "own"\nurl = "{index}"\npriority = "primary"\n')


PDM_SOURCE = '\n[[tool.pdm.source]]\nname = "pypi"\nurl = "{index}"\nverify_ssl = false\n\n[tool.pdm]\ndistribution = false\n'
PIPFILE = ('[[source]]\nname = "own"\nurl = "{index}"\nverify_ssl = false\n\n[packages]\npurepkg = "==1.1.0"\npuresrc = "*"\n\n'
           '[requires]\npython_version = "3.11"\n')
IN_PROJECT = "ENV POETRY_VIRTUALENVS_IN_PROJECT=true PIPENV_VENV_IN_PROJECT=1\n"
EVERYTHING = {"purepkg": "1.1.0", "puresrc": "3.1", "binpkg": "2.0.1"}

PROJECTS = [
    Case("poetry", ("poetry install --no-interaction",), tool="poetry", files={"pyproject.toml": poetry_project(EVERYTHING)},
         before=IN_PROJECT),
    Case("poetry-silent", ("poetry install --no-interaction -q",), tool="poetry", before=IN_PROJECT,
         files={"pyproject.toml": poetry_project({"purepkg": "1.2.0", "cextpkg": "0.9"})}),
    Case("poetry-vcs", ("poetry install --no-interaction",), tool="poetry", before=IN_PROJECT,
         files={"pyproject.toml": poetry_project({"purepkg": "1.2.0"}).replace(
             "\n[[tool", 'vcspkg = {git = "{host}/git/vcspkg.git", tag = "v1.0"}\n\n[[tool')}),
    Case("pdm", ("pdm install",), tool="pdm", files={"pyproject.toml": project(["purepkg", "puresrc", "binpkg"], PDM_SOURCE)}),
    Case("pdm-silent", ("pdm install -q",), tool="pdm", files={"pyproject.toml": project(["purepkg", "cextpkg"], PDM_SOURCE)}),
    Case("pipenv", ("pipenv install",), tool="pipenv", files={"Pipfile": PIPFILE}, before=IN_PROJECT),
    Case("pipenv-system", ("pipenv lock && pipenv install --system --deploy",), tool="pipenv", files={"Pipfile": PIPFILE}),
    Case("virtualenv", (f"virtualenv /x && /x/bin/{PIP} purepkg puresrc",), tool="virtualenv"),
    Case("build-then-path", ("python -m build application", f"/usr/bin/python3 -m {PIP} application/dist/*.whl"), tool="build",
         files=APPLICATION, wheels=("/case/application/dist",), part="quick"),
    Case("build-wheel-silent", ("python -m build -w application > /dev/null 2>&1", f"/usr/bin/python3 -m {PIP} -q application/dist/*.whl"),
         tool="build", files=APPLICATION, wheels=("/case/application/dist",)),
]

MUSL = [
    Case("musl-wheels", (f"{PIP} purepkg binpkg puresrc",), tool="musl"),
    Case("musl-silent", (f"{PIP} -q purepkg binpkg puresrc",), tool="musl"),
    Case("musl-no-wheel-for-it", (f"{PIP} stablepkg",), tool="musl", fails="stablepkg"),
    Case("musl-no-compiler", (f"{PIP} cextpkg",), tool="musl", fails="cextpkg"),
    Case("musl-compiled", (f"{PIP} purepkg binpkg cextpkg",), tool="muslcc"),
    Case("musl-compiled-silent", (f"{PIP} -q cextpkg",), tool="muslcc"),
    Case("musl-venv", (f"python3 -m venv /v && /v/bin/{PIP} cextpkg",), tool="muslcc"),
]

EMULATED = [
    Case("emulated-mixed", (f"{PIP} purepkg binpkg cextpkg puresrc",), part="emulated"),
    Case("emulated-silent", (f"{PIP} -q purepkg binpkg cextpkg",), part="emulated"),
    Case("emulated-vcs", (f"{PIP} git+{{host}}/git/vcspkg.git",), part="emulated"),
    Case("emulated-venv", (f"python3 -m venv /v && /v/bin/{PIP} bothpkg aheadpkg",), part="emulated"),
    Case("emulated-pip-newest", (f"{PIP} purepkg cextpkg",), tool="pipnew", part="emulated"),
    Case("emulated-uv", ("uv pip install purepkg binpkg cextpkg",), tool="uv", part="emulated"),
]

CASES = [*PROJECTS, *MUSL, *EMULATED]
