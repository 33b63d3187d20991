"""What an image is, as lines of text: the form in which images are compared and expected results are stored.

One line per path with type, mode, owner and content; equal paths of the base are left out, so that a stored
expectation shows what the case did. Times are no part of it.
"""
import json
import re

# Of the image config; everything else in it is the builder's own business.
CONFIG_KEYS = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "Healthcheck",
               "StopSignal", "Shell", "OnBuild")


def quoted(path):
    """A path on one line: printable ASCII as it is, the rest as escapes of its bytes."""
    out = []
    for byte in path.encode("utf-8", "surrogateescape"):
        if byte in b'\\" ' or not 32 < byte < 127:
            out.append(f"\\x{byte:02x}")
        else:
            out.append(chr(byte))
    return "".join(out)


def content(node):
    if node.size <= 200 and len(node.text) == node.size:
        try:
            text = node.text.decode("ascii")
        except UnicodeDecodeError:
            text = None
        if text is not None and all(character.isprintable() or character in "\n\t\r" for character in text):
            return json.dumps(text)
    return f"{node.size} bytes sha256:{node.digest}"


def line_of(path, node, first):
    what = [quoted(path), node.kind]
    if node.kind != "link":
        what.append(f"{node.mode:04o}")
    what.append(node.owner)
    if node.kind == "file":
        what.append(content(node))
    elif node.kind == "link":
        what.append(f"-> {quoted(node.target)}")
    elif node.device:
        what.append(node.device)
    for name, value in sorted(node.xattrs.items()):
        what.append(f"{name}={value.hex()}")
    if first != path:
        what.append(f"same inode as {quoted(first)}")
    return " ".join(what)


def tree_lines(nodes):
    """{path: line}; a hard link names the first path of its group."""
    first = {}
    for path in sorted(nodes):
        first.setdefault(id(nodes[path]), path)
    return {path: line_of(path, node, first[id(node)]) for path, node in nodes.items()}


def config_lines(document):
    config = document.get("config") or {}
    lines = []
    for key in CONFIG_KEYS:
        value = config.get(key)
        if key == "WorkingDir" and value == "/":
            value = None  # older builders leave it empty, newer ones write what it means
        if key == "Labels" and value:
            value = {name: text for name, text in value.items() if not name.startswith("io.buildah.")}
        if key == "Healthcheck" and value:
            value = {name: part for name, part in value.items() if part}
        if not value:
            continue
        if isinstance(value, dict):
            lines += [f"{key} {json.dumps(name)} {json.dumps(part, sort_keys=True)}" for name, part in sorted(value.items())]
        elif key == "Env":
            lines += [f"Env {json.dumps(item)}" for item in value]
        else:
            lines.append(f"{key} {json.dumps(value)}")
    return lines


def history_lines(document, server=""):
    lines = []
    for entry in document.get("history") or []:
        text = entry.get("created_by", "")
        if server:
            text = text.replace(server, "http://SERVER")
        lines.append(f"{'empty' if entry.get('empty_layer') else 'layer'} {json.dumps(text)}")
    return lines


def portrait(platform, nodes, document, base, server=""):
    """The text of an image. `base`: the nodes of the base that its tree is written relative to, when it has its shell."""
    lines = tree_lines(nodes)
    relative = base is not None and same_program(nodes, base)
    before = tree_lines(base) if relative else {}
    out = [f"image {platform}", f"  tree relative to {'the plain base' if relative else 'nothing'}"]
    for path in sorted(set(lines) | set(before)):
        if path not in lines:
            if parent_of(path) in lines or parent_of(path) == "":
                out.append(f"    {quoted(path)} removed")
        elif lines[path] != before.get(path):
            out.append(f"    {lines[path]}")
    out.append("  config")
    out += [f"    {line}" for line in config_lines(document)]
    out.append("  history")
    out += [f"    {line}" for line in history_lines(document, server)]
    return out


def findings(found):
    """The text of a check: what was found, as (line, rule, message)."""
    return ["check", *(f"  {line} {rule}: {message}" for line, rule, message in sorted(found))]


def parent_of(path):
    return path.rpartition("/")[0]


def same_program(nodes, base):
    ours, theirs = nodes.get("/bin/busybox"), base.get("/bin/busybox")
    return ours is not None and theirs is not None and ours.digest == theirs.digest


def split_history(lines):
    """(lines that must agree, history lines): the history is compared softly."""
    hard, soft, inside = [], [], False
    for line in lines:
        if re.match(r"  \S", line):
            inside = line == "  history"
        elif not line.startswith(" "):
            inside = False
        (soft if inside else hard).append(line)
    return hard, soft
