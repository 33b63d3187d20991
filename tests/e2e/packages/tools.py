"""The installers of the truth set: each a stage of its own, made of a base by installing a real release."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Tool:
    # What is counted in the report: "pip 20.3.4".
    title: str
    base: str = "python:3.11"
    # Shell text of the RUN that makes it; empty: the base as it is.
    make: str = ""
    before: str = ""
    part: str = "quick"
    # It takes releases from the machine's own index.
    real: bool = True
    # Another base that it copies from.
    also: str = ""


def own_pip(version):
    return f"python3 -m venv /opt/tool && /opt/tool/bin/python -m pip install -q --no-cache-dir {version}"


def program(requirement):
    return f"python3 -m venv /opt/tool && /opt/tool/bin/pip install --no-cache-dir {requirement}"


TOOL_PATH = "ENV PATH=/opt/tool/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"

TOOLS = {
    "pip": Tool("pip 23.0.1", real=False),
    "slim": Tool("pip 23.0.1", base="python:3.11-slim", real=False),
    "pip20.0": Tool("pip 20.0.2", make=own_pip("pip==20.0.2"), before=TOOL_PATH, part="slow"),
    "pip20": Tool("pip 20.3.4", make=own_pip("pip==20.3.4 setuptools==57.5.0 wheel==0.37.1"), before=TOOL_PATH),
    "pip21": Tool("pip 21.3.1", make=own_pip("pip==21.3.1"), before=TOOL_PATH, part="slow"),
    "pip22": Tool("pip 22.3.1", make=own_pip("pip==22.3.1"), before=TOOL_PATH, part="slow"),
    "pip24": Tool("pip 24.0", make=own_pip("pip==24.0"), before=TOOL_PATH),
    "pip25": Tool("pip 25.0.1", make=own_pip("pip==25.0.1"), before=TOOL_PATH, part="slow"),
    "pipnew": Tool("pip, newest", make=own_pip("--upgrade pip"), before=TOOL_PATH),
    "uv": Tool("uv, newest", make=program("uv"), before=TOOL_PATH + "ENV VIRTUAL_ENV=/opt/tool\n"),
    "uv04": Tool("uv 0.4.30", make=program("uv==0.4.30"), before=TOOL_PATH + "ENV VIRTUAL_ENV=/opt/tool\n", part="slow"),
    "build": Tool("build, newest", make=program("build"), before=TOOL_PATH),
    "poetry": Tool("poetry, newest", make=program("poetry"), before=TOOL_PATH, part="slow"),
    "pdm": Tool("pdm, newest", make=program("pdm"), before=TOOL_PATH, part="slow"),
    "pipenv": Tool("pipenv, newest", make=program("pipenv"), before=TOOL_PATH, part="slow"),
    # Python on musl: without a compiler, as the published image is, and beside Debian's tools with one.
    "musl": Tool("pip 22.3.1, musl", base="python:3.11-alpine", part="slow", real=False),
    "muslcc": Tool("pip 22.3.1, musl", make="apt-get update && apt-get install -y --no-install-recommends musl-tools && "
                   "rm -rf /var/lib/apt/lists/*", part="slow", real=False, also="python:3.11-alpine",
                   before="COPY --from=python:3.11-alpine /usr/local /usr/local\n"
                          "COPY --from=python:3.11-alpine /lib/ld-musl-x86_64.so.1 /lib/\nENV CC=musl-gcc\n"),
    "virtualenv": Tool("virtualenv, newest", make=program("virtualenv"), before=TOOL_PATH, part="slow"),
}
