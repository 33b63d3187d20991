"""The ssh agent that builds of a round lend to their steps: its key, and the program with which a step asks for it.

The program (agent_question.c) is compiled here; without a C compiler or ssh's tools no build has an agent, and the driver says so.
"""
import functools
import pathlib
import shutil
import subprocess
import tempfile


@functools.cache
def _folder():
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not all(map(shutil.which, ("ssh-keygen", "ssh-agent", "ssh-add"))):
        print("rounds without ssh agents: needs a C compiler and ssh's tools", flush=True)
        return None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-agents-", dir="/var/tmp"))
    subprocess.run([compiler, "-Os", "-static", "-s", "-o", folder / "ask", pathlib.Path(__file__).with_name("agent_question.c")],
                   check=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "planted-key", "-f", folder / "id"], check=True)
    return folder


def question():
    """The path of the program, or None."""
    return _folder() and _folder() / "ask"


def key():
    """The path of the private key, which is outside of every farm's folder; or None."""
    return _folder() and _folder() / "id"


def remove():
    if _folder.cache_info().currsize and _folder():
        shutil.rmtree(_folder(), ignore_errors=True)
    _folder.cache_clear()
