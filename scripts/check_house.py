#!/usr/bin/env python3
"""Checks that rooms stay small and stand above each other (docs/architecture.md, "Conventions"). Prints each breach.

- a folder of sources has at most 40 files, a source at most 600 lines, a class at most 50 methods;
- sources of a library compile in one group too (CROSSMILL_UNITY, cmake/targets.cmake): what anonymous namespaces declare
  has a name of its own in its library, which is a folder with a CMakeLists.txt and those below it without;
- no loop walks what a temporary StatusOr holds;
- what the command line writes goes through Session, which makes it printable;
- lines of the log name what they are about in the form that a store of logs finds it by;
- neither the table of scripts/check_layers.py nor the real includes go round in a circle, between rooms and between files.
"""
import pathlib
import re
import sys

import check_layers

ROOT = check_layers.ROOT
MOST_FILES = 40
MOST_LINES = 600
MOST_METHODS = 50
SOURCES = {".h", ".cc", ".proto", ".py"}
TOPS = ("common", "coordinator", "worker", "cli", "proto", "tests", "scripts")
# Inputs of tests, however they are called.
DATA = ("tests/golden/", "tests/fuzz/corpus/", "tests/e2e/conformance/cases/",
        "tests/e2e/reproducibility/cases/")
# Classes that are still too large, with what they may have until they are divided. A number only shrinks, and an
# entry that is not needed any more is a breach too.
LARGE_CLASSES = {}
# Likewise sources, by lines.
LONG_FILES = {}


def sources():
    for top in TOPS:
        for file in sorted((ROOT / top).rglob("*")):
            name = file.relative_to(ROOT).as_posix()
            if name.startswith(DATA) or not file.is_file():
                continue
            if file.suffix in SOURCES or (top == "scripts" and not file.suffix):
                yield name, file.read_text(errors="replace")


# ---- size ----

def size_breaches(files, long=None):
    long = dict(LONG_FILES if long is None else long)
    folders = {}
    for name, text in files:
        folder = name.rsplit("/", 1)[0]
        folders[folder] = folders.get(folder, 0) + 1
        lines = text.count("\n")
        limit = long.pop(name, None)
        if limit is not None and lines <= MOST_LINES:
            yield f"{name}: {lines} lines: take it out of LONG_FILES in scripts/check_house.py"
        elif lines > (limit or MOST_LINES):
            yield f"{name}: {lines} lines; at most {limit or MOST_LINES}"
    for folder, count in folders.items():
        if count > MOST_FILES:
            yield f"{folder}/: {count} sources; at most {MOST_FILES}"
    for name in long:
        yield f"scripts/check_house.py: LONG_FILES names {name}, which is not there"


def without_comments(text):
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|^[ \t]*#(?:[^\n]|\\\n)*', "", text, flags=re.S | re.M)


def body_after(text, begin):
    """The text inside the braces that open at `begin`."""
    depth = 0
    for index in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return text[begin + 1:index]
    return text[begin + 1:]


def without_inner(text, opening, closing):
    """Text with what stands between brackets left out, the brackets too."""
    depth, kept = 0, []
    for char in text:
        if char == opening:
            depth += 1
        elif char == closing and depth:
            depth -= 1
            # The body of a function or type ends a declaration as `;` does.
            kept.append(";" if closing == "}" and depth == 0 else "")
        elif depth == 0:
            kept.append(char)
    return "".join(kept)


METHOD = re.compile(r"(?:~?\w+|operator\s*\S+?)\s*\(")


def is_method(declaration):
    declaration = re.sub(r"\b(?:ABSL_\w+|__attribute__|alignas|noexcept|decltype|explicit)\s*\([^()]*\)", "", declaration)
    declaration = re.sub(r"\b(?:public|private|protected)\s*:", "", declaration).strip()
    # A deleted function is what a class has not.
    if declaration.endswith("= delete"):
        return False
    if re.match(r"(?:using|friend|static_assert|typedef|enum|struct|class|union)\b", declaration):
        return False
    if "operator" not in declaration:
        # Angle brackets of types; arrows of trailing results are behind the parenthesis.
        declaration = without_inner(declaration.split("->")[0], "<", ">")
        before = declaration.split("(")[0]
        if "=" in before:
            return False
    return METHOD.search(declaration) is not None


def classes(text, outer=""):
    """(name, number of methods declared or defined in the body) of each class and struct."""
    text = without_comments(text)
    for match in re.finditer(r"(?<!enum )\b(?:class|struct)\s+(?:ABSL_\w+(?:\([^)]*\))?\s+)?(\w+)\s*(?:final\s*)?(?::[^;{()]*)?\{", text):
        body = body_after(text, match.end() - 1)
        declarations = without_inner(body, "{", "}").split(";")
        yield match.group(1), sum(map(is_method, declarations))


def class_breaches(files, large=None):
    large = dict(LARGE_CLASSES if large is None else large)
    for name, text in files:
        if not name.endswith(".h"):
            continue
        for title, methods in classes(text):
            limit = large.pop(f"{name}:{title}", None)
            if limit is not None and methods <= MOST_METHODS:
                yield f"{name}: class {title} has {methods} methods: take it out of LARGE_CLASSES in scripts/check_house.py"
            elif methods > (limit or MOST_METHODS):
                yield f"{name}: class {title} has {methods} methods; at most {limit or MOST_METHODS}"
    for entry in large:
        yield f"scripts/check_house.py: LARGE_CLASSES names {entry}, which is not there"


# ---- names ----

# Each source there is a program.
PROGRAMS = ("tests/fuzz", "tests/bench")


def without_parameter_names(parameters):
    types = [re.sub(r"\s*=.*", "", parameter).strip() for parameter in without_inner(parameters, "<", ">").split(",")]
    return ", ".join(re.sub(r"(?<=[\w&*>\s])\s*\b(?<!::)\w+$", "", one) if re.search(r"[\s&*]\w+$", one) else one
                     for one in types)


def hidden_names(text):
    """{(namespace around, what an anonymous namespace in it declares): its text}; functions with their types."""
    text = without_comments(text)
    found = {}
    for match in re.finditer(r"\bnamespace\s*\{", text):
        around = re.findall(r"\bnamespace\s+([\w:]+)\s*\{", text[:match.start()])
        for declaration in without_inner(body_after(text, match.end() - 1), "{", "}").split(";"):
            declaration = " ".join(declaration.split())
            plain = without_inner(declaration, "<", ">")
            if type_name := re.match(r"(?:template )?(?:(?:enum class|enum|class|struct) (\w+)|using (\w+) =|"
                                     r"using (?:\w+::)+(\w+)$)", plain):
                name = next(filter(None, type_name.groups()))
            elif constant := re.match(r"(?:inline |static )?const(?:expr|init)? [^=(]*?(\w+)(?:\[\w*\])? ?(?:=|$)", plain):
                name = constant.group(1)
            elif function := re.search(r"[\w&*>] ?\b(\w+)\((.*)\)", declaration):
                name = f"{function.group(1)}({without_parameter_names(function.group(2))})"
            else:
                continue
            found[around[-1] if around else "", name] = declaration
    return found


def library_of(folder, libraries):
    """The folder whose CMakeLists.txt names what is in this one."""
    while folder not in libraries and "/" in folder:
        folder = folder.rpartition("/")[0]
    return folder


def name_breaches(files, libraries=()):
    declared = {}
    for name, text in files:
        folder, _, base = name.rpartition("/")
        if not name.endswith(".cc") or base == "main.cc" or folder.startswith(PROGRAMS):
            continue
        if libraries:
            folder = library_of(folder, libraries)
        for (around, hidden), declaration in hidden_names(text).items():
            other, its = declared.setdefault((folder, around, hidden), (name, declaration))
            # The same abbreviation twice is allowed.
            if other != name and not (declaration.startswith("using ") and its == declaration):
                yield f"{name}: {hidden} is in an anonymous namespace of {other} too"


# ---- circles ----

def circle(graph):
    """One circle of a graph {node: neighbours} as a list that ends where it begins, or None."""
    state, path = {}, []

    def visit(node):
        state[node] = "open"
        path.append(node)
        for neighbour in sorted(graph.get(node, ())):
            if state.get(neighbour) == "open":
                return path[path.index(neighbour):] + [neighbour]
            if neighbour not in state and (found := visit(neighbour)):
                return found
        path.pop()
        state[node] = "done"
        return None

    for node in sorted(graph):
        if node not in state and (found := visit(node)):
            return found
    return None


def table_graph(table):
    """Who may include whom, with entries that mean a folder and all below it spelled out."""
    return {room: {other for other in table for allowed in entries
                   if other != room and (other == allowed or other.startswith(allowed + "/"))}
            for room, entries in table.items()}


def include_graphs(files):
    """({file: files}, {room: rooms}) of the real includes."""
    by_file, by_room = {}, {}
    for name, text in files:
        room = check_layers.folder_of(name, check_layers.ALLOWED)
        if room is None or name.startswith("tests/"):
            continue
        for line in text.splitlines():
            match = check_layers.INCLUDE.match(line)
            target = match and check_layers.folder_of(match.group(1), check_layers.ALLOWED)
            if not target:
                continue
            by_file.setdefault(name, set()).add(match.group(1))
            if target != room:
                by_room.setdefault(room, set()).add(target)
    return by_file, by_room


def circle_breaches(files):
    by_file, by_room = include_graphs(files)
    for what, graph in (("the table of scripts/check_layers.py", table_graph(check_layers.ALLOWED)),
                        ("includes between rooms", by_room), ("includes between files", by_file)):
        if found := circle(graph):
            yield f"{what} go round: {' -> '.join(found)}"


WALKS_TEMPORARY = re.compile(r"\bfor \([^;{}]*[^:]:\s(?:[^;{}]*\)\.value\(\)(?:\.\w+\(\))?|"
                             # What a message gives to be changed lives on in it.
                             r"\*(?![^;{}]*\bmutable_)[^;{}]*\w\([^;{}]*\))\)\s")


def loop_breaches(files):
    """`for (x : f().value())` and `for (x : *f())` walk what is gone before the first turn: C++20 keeps only the outermost temporary."""
    for name, text in files:
        if not name.endswith((".h", ".cc")):
            continue
        text = without_comments(text)
        for match in WALKS_TEMPORARY.finditer(text):
            # A member of what lives on (a message's `secret.value()`) is called on no call's result.
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: the loop walks the value of a temporary, which is gone; give it a name"


# Where the command line may write as it is: what makes printable itself, bytes of an image, and a console that is piped.
RAW_OUTPUT = ("cli/session/session.h", "cli/session/session.cc", "cli/session/environment.cc", "cli/session/build_follow.cc",
              "cli/images/image_output.cc", "cli/commands/watch_commands.cc")


def output_breaches(files):
    for name, text in files:
        if not name.startswith("cli/") or name in RAW_OUTPUT:
            continue
        text = without_comments(text)
        for match in re.finditer(r"\benv(?:_|ironment_?)?(?:\.|->)(?:Err|Out)\(|\bstd::(?:cout|cerr)\b|\bf?printf\(|\bf?puts\(", text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: it may repeat what others say: Session's Print, Tell and PrintJson make that printable"


# What lines of the log are about, as members of their JSON form have it (common/base/logging/log_fields.h).
LOG_CALL = re.compile(r'\bLog(?:Debug|Info|Warning|Error|Critical)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
LOG_PROSE = re.compile(r"\b(build|worker|lease|task|stage|step|platform|execution|client)s? '?\{")
# About a task or a lease of the coordinator's: the build is known there.
LOG_WITHOUT_BUILD = re.compile(r"\b(task|stage|step)=\{")


def log_breaches(files):
    """`build={}` is a member that a store of logs finds a build by; "build {}" is not."""
    for name, text in files:
        if not name.endswith((".h", ".cc")) or name.startswith("tests/"):
            continue
        for match in LOG_CALL.finditer(text):
            if "//" in text[text.rfind("\n", 0, match.start()) + 1:match.start()]:
                continue
            format_text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match.group(1)))
            line = text.count("\n", 0, match.start()) + 1
            if prose := LOG_PROSE.search(format_text):
                yield f"{name}:{line}: a line of the log names it as '{prose.group(1)}={{}}', which becomes a member of its JSON form"
            elif LOG_WITHOUT_BUILD.search(format_text) and "build={" not in format_text:
                yield f"{name}:{line}: a line about a task, stage or step says of which build: 'build={{}}'"


def main():
    files = list(sources())
    libraries = {file.parent.relative_to(ROOT).as_posix() for top in TOPS for file in (ROOT / top).rglob("CMakeLists.txt")}
    found = [*size_breaches(files), *class_breaches(files), *name_breaches(files, libraries), *circle_breaches(files),
             *loop_breaches(files), *output_breaches(files), *log_breaches(files)]
    print("\n".join(found) if found else "the house is in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
