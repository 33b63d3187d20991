"""What a build's JSON says of a case against what the case expects: every deviation as a sentence. Pure."""
import fnmatch


def to_blame(cell):
    """{(stage, line)} of the steps that the cell's comparison blames for what reaches the image."""
    return {place(step) for step in blamed_steps(cell)}


def place(step):
    return step["stage_name"], step["range"]["first_line"]


def blamed_steps(cell):
    """Those whose difference reaches the image, or that failed in some of their executions."""
    return [step for step in cell["comparison"].get("steps", [])
            if not step["agrees"] and (step["reaches_image"] or any(each["failure"] for each in step["witnesses"]))]


def differing_paths(cell):
    return {difference["path"] for step in blamed_steps(cell) for difference in step["differences"]}


def verdict_problems(case, cell):
    """Verdict, step and line."""
    if cell["verdict"] != case.verdict:
        yield f"verdict {cell['verdict']}, expected {case.verdict} ({cell['comparison']['reason'] or cell['message']})"
        return
    if case.verdict == "failed":
        return
    blamed = to_blame(cell)
    if blamed != case.places:
        yield f"blames {sorted(blamed)}, expected {sorted(case.places)}"


def path_problems(case, cell):
    """Each path is expected, and what is expected is there: the case has this cause only."""
    if not case.causes:
        return
    seen = differing_paths(cell)
    expected = (*case.paths, *case.derived)
    for path in sorted(seen):
        if not any(fnmatch.fnmatchcase(path, glob) for glob in expected):
            yield f"{path} differs, which nobody expects"
    for glob in expected:
        if not any(fnmatch.fnmatchcase(path, glob) for path in seen):
            yield f"no path {glob} differs"


def cause_groups(cell):
    return [group for step in blamed_steps(cell) for group in step["causes"]]


def cause_problems(case, cell):
    """The gravest cause is the case's only one, its paths are named and what is derived is folded under them."""
    groups = cause_groups(cell)
    classes = [group["cause"]["class"] for group in groups]
    if not groups:
        yield "no cause is named"
        return
    wrong = [each for each in classes if each not in case.causes]
    if wrong:
        yield f"says {', '.join(classes)}; {groups[classes.index(wrong[0])]['cause']['evidence']}"
    named = [path for group in groups for path in group["paths"]]
    for glob in case.paths:
        if not any(fnmatch.fnmatchcase(path, glob) for path in named):
            yield f"names no path {glob}"
    folded = [path for group in groups for path in group["derived"]]
    for glob in case.derived:
        if not any(fnmatch.fnmatchcase(path, glob) for path in folded):
            yield f"does not fold {glob} under its root"
