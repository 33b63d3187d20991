"""The builds that the fault driver submits: recipes whose images are the same in every farm, by kind and salt.

They sleep so that faults find something running, and look at what busybox wrote: its seq and sha256sum end with 0 on a full disk. What a kind has to end with is in ENDS.
"""
import io
import random
import shutil
import tarfile
import textwrap

import agents

SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
ENDS = {"failing": FAILED, "cancelled": CANCELLED}
# Exits of `crossmill build` that say so.
EXITS = {SUCCEEDED: 0, FAILED: 1, CANCELLED: 130}

TEXTS = {
    "stages": """
        FROM tiny AS left
        RUN sleep 0.4 && echo left {salt} > /left && seq 1 20000 > /numbers && test "$(tail -n 1 /numbers)" = 20000
        RUN sleep 0.3 && sha256sum /numbers > /sum && test -s /sum
        FROM tiny AS right
        RUN sleep 0.6 && mkdir -p /right/deep && echo right {salt} > /right/deep/file
        FROM tiny
        COPY --from=left /left /sum /from-left/
        COPY --from=right /right /from-right
        RUN cat /from-left/left /from-right/deep/file > /both
        """,
    "chain": """
        FROM tiny
        RUN sleep 0.3 && echo 1 {salt} > /1
        RUN sleep 0.3 && cat /1 > /2 && echo 2 >> /2
        RUN sleep 0.3 && cat /2 > /3 && echo 3 >> /3
        RUN sleep 0.3 && cat /3 > /4 && echo 4 >> /4
        RUN sleep 0.3 && cat /4 > /5 && rm /1
        """,
    "secret": """
        FROM tiny
        RUN sleep 0.2 && echo before {salt} > /before
        RUN --mount=type=secret,id=planted,required=true --mount=type=secret,id=planted,env=PLANTED \\
            sleep 0.5 && test "$PLANTED" = "$(cat /run/secrets/planted)" && echo "it is $PLANTED" && echo used > /used
        {agent}
        RUN sleep 0.2 && cat /before /used > /after
        """,
    "verify": """
        FROM tiny
        RUN sleep 0.5 && echo verified {salt} > /1
        RUN sleep 0.5 && cat /1 /1 > /2
        RUN sleep 0.5 && cat /1 /2 > /3
        """,
    "twins": """
        FROM tiny
        RUN sleep 0.8 && echo twins {salt} > /1
        RUN sleep 0.5 && cat /1 > /2
        """,
    "cancelled": """
        FROM tiny
        RUN sleep 0.2 && echo cancelled {salt} > /1
        RUN sleep 60 && echo never > /2
        """,
    "failing": """
        FROM tiny
        RUN sleep 0.3 && echo failing {salt} > /1
        RUN sleep 0.3 && echo it fails here && exit 7
        """,
    "context": """
        FROM tiny
        COPY . /all
        RUN cd /all && sleep 0.3 && find . -type f | sort | xargs sha256sum > /sums && \\
            test "$(find . -type f | wc -l)" = "$(wc -l < /sums)"
        COPY large /again
        """,
    "archive": """
        FROM tiny
        ADD files.tar /unpacked
        RUN sleep 0.4 && du -s /unpacked > /dev/null && cat /unpacked/folder/9 > /nine && echo {salt} >> /nine
        """,
    "long": """
        FROM tiny
        RUN sleep 2.5 && echo long {salt} > /1
        """,
}
# Of "secret", where there is an agent.
ASK_AGENT = "RUN --mount=type=bind,source=ask,target=/ask --mount=type=ssh,required=true /ask && sleep 0.3 && /ask && echo asked > /asked"
OPTIONS = {"verify": ("--verify", "2", "--allow-same-host"), "secret": ("--secret", "id=planted,env=PLANTED")}


def end_of(kind):
    return ENDS.get(kind, SUCCEEDED)


def options_of(kind):
    agent = ("--ssh", f"default={agents.key()}") if kind == "secret" and agents.key() else ()
    return (*OPTIONS.get(kind, ()), *agent)


def write(folder, kind, salt):
    """The context of a kind of build."""
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(textwrap.dedent(TEXTS[kind]).lstrip("\n").format(salt=salt, agent=ASK_AGENT if agents.question() else ""))
    bytes_of = random.Random(f"{kind}:{salt}")
    if kind == "context":
        (folder / "large").write_bytes(bytes_of.randbytes(3 << 20))
        (folder / "half").write_bytes(bytes_of.randbytes(300_000))
        for number in range(200):
            small = folder / f"folder{number % 7}" / f"file{number}"
            small.parent.mkdir(exist_ok=True)
            small.write_bytes(bytes_of.randbytes(bytes_of.randrange(0, 4000)))
    if kind == "secret" and agents.question():
        shutil.copy(agents.question(), folder / "ask")
    if kind == "archive":
        (folder / "files.tar").write_bytes(archive(bytes_of))


def archive(bytes_of):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for number in range(60):
            content = bytes_of.randbytes(20_000)
            info = tarfile.TarInfo(f"folder/{number}")
            info.size, info.mtime = len(content), 1_600_000_000
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def secret_of(seed, number):
    """No two builds have the same; short enough for a line, and unlike anything else."""
    digits = random.Random(f"secret:{seed}:{number}").randbytes(9).hex()
    return f"planted-{digits}-value"
