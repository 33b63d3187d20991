"""Dockerfiles of many installs at once: each is a stage that begins with its installer's, and after each of its steps the
image is looked at by collect.py. What was seen leaves the build as an image of nothing but that."""
import hashlib
import pathlib
import re
import shutil

from packages.tiny_files import write_tree
from packages.tools import TOOLS

HERE = pathlib.Path(__file__).resolve().parent
LOOK = "RUN --mount=type=bind,source=collect.py,target=/run/collect.py python3 /run/collect.py /facts/{name}.json "
HOST_NAME = "index.example"


class Recipe:
    """Cases of one build. `port` is the index's."""

    def __init__(self, cases, index):
        self.cases = list(cases)
        self.index = index

    def fill(self, text):
        text = text.replace("{index}", f"http://{HOST_NAME}:{self.index.port}/simple/")
        text = text.replace("{host}", f"http://{HOST_NAME}:{self.index.port}").replace("{port}", str(self.index.port))
        return re.sub(r"\{sha256:([^}]*)\}", lambda match: hashlib.sha256(self.index.file(match[1])).hexdigest(), text)

    def tools(self):
        wanted = []
        for case in self.cases:
            if case.tool not in wanted:
                wanted.append(case.tool)
        if any("FROM tool_pip " in case.stages for case in self.cases) and "pip" not in wanted:
            wanted.append("pip")
        return wanted

    def dockerfile(self):
        lines, looks = ["# syntax=docker/dockerfile:1\n"], []
        tools = self.tools()
        bases = sorted({TOOLS[name].base for name in tools})
        for base in bases:
            lines.append(f"FROM {base} AS base_{bases.index(base)}\n" + LOOK.format(name="base") + "\n")
        for name in tools:
            tool = TOOLS[name]
            lines.append(f"FROM base_{bases.index(tool.base)} AS tool_{name}\n{tool.before}")
            if tool.make:
                lines.append(f"RUN {tool.make}\n")
            lines.append(LOOK.format(name="tool") + "\n")
            looks.append((f"tool_{name}", f"tool_{name}"))
        for case in self.cases:
            lines.append(self.fill(case.stages) + "\n".join(self.stage(case)[0]) + "\n")
            looks.append((f"case_{case.name}", case.name))
        if not any(case.fails for case in self.cases):
            lines.append("FROM scratch\n" + "".join(f"COPY --from={stage} /facts /{name}\n" for stage, name in looks))
        return "\n".join(lines)

    def stage(self, case):
        """Instructions of a case's own stage, and the number of each of its steps -> which of its RUNs that is."""
        instructions = [f"FROM tool_{case.tool} AS case_{case.name}", "WORKDIR /case"]
        if case.files:
            instructions.append(f"COPY cases/{case.name}/ /case/")
        instructions += self.fill(case.before).splitlines()
        look = LOOK + " ".join([*case.search, *case.wheels])
        # The folder of what was seen is root's.
        user = ["USER app"] if "USER app" in case.before else []
        as_root = ["USER root"] if user else []
        if case.stages:
            instructions += [*as_root, look.format(name="0"), *user]
        steps = {}
        for number, command in enumerate(case.run, 1):
            instructions.append(f"RUN {self.fill(command)}")
            steps[len(instructions)] = number
            if not case.fails:
                instructions += [*as_root, look.format(name=number), *user]
        return instructions, steps

    def write(self, context):
        context = pathlib.Path(context)
        shutil.copy(HERE / "collect.py", context / "collect.py")
        for case in self.cases:
            folder = context / "cases" / case.name
            for name, text in case.files.items():
                match = re.fullmatch(r"\{bytes:(.*)\}", text)
                if match:
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_bytes(self.index.file(match[1]))
                else:
                    write_tree(folder, {name: self.fill(text)})
        (context / "Dockerfile").write_text(self.dockerfile())
