#!/usr/bin/env python3
"""What a build of Docker's clients takes from elsewhere: repositories, URLs, standard input, layouts, secrets and agents."""
import base64
import functools
import http.server
import io
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile
import threading

from buildx_farm import BuildxCase, peer, vertices

from farm import free_port, main, require_program, tiny_archive, wait_for


# Asks an agent which keys it has, and prints the first bytes of the answer: its length, that it is one, how many.
ASK = r"""
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(int argc, char** argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  unsigned char answer[9];
  int agent = socket(AF_UNIX, SOCK_STREAM, 0), got = 0, more;
  strncpy(address.sun_path, argv[argc - 1], sizeof(address.sun_path) - 1);
  if (connect(agent, (struct sockaddr*)&address, sizeof(address)) != 0 || write(agent, "\0\0\0\1\13", 5) != 5) return 1;
  while (got < 9 && (more = read(agent, answer + got, 9 - got)) > 0) got += more;
  for (int i = 0; i < got; ++i) printf("%d ", answer[i]);
  return got == 9 ? 0 : 1;
}
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Private(Quiet):
    """Lets in who has the token alone."""
    allowed = "Basic " + base64.b64encode(b"x-access-token:open sesame/%41").decode()

    def do_GET(self):
        self.server.asked.append(self.headers.get("Authorization"))
        if self.headers.get("Authorization") == self.allowed:
            return super().do_GET()
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="private"')
        self.send_header("Content-Length", "0")
        self.end_headers()


def git(folder, *words):
    environment = {**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
                   "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_GLOBAL": "/dev/null"}
    return subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout.strip()


class SourcesCase(BuildxCase):
    """Servers of files and repositories beside the farm."""

    def serve(self, handler=Quiet):
        """A folder that is served by HTTP, and its address."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-web-", dir="/var/tmp"))
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], capture_output=True)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
        self.asked = server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return folder, f"http://127.0.0.1:{server.server_port}"

    def repository(self, files, handler=Quiet):
        """A bare repository with these files, served; its URL."""
        require_program("git")
        folder, url = self.serve(handler)
        for name, text in files.items():
            self.write(f"work/{name}", text)
        work = self.context / "work"
        git(work, "init", "--quiet", "-b", "main", ".")
        git(work, "add", "-A")
        git(work, "commit", "--quiet", "-m", "one")
        git(work, "clone", "--quiet", "--bare", ".", folder / "r.git")
        git(folder / "r.git", "update-server-info")
        self.bare = folder / "r.git"
        return f"{url}/r.git"

    def commit(self, text, name="v"):
        """Another commit to the repository; the ids of the first one and of this."""
        work = self.context / "work"
        first = git(work, "rev-parse", "HEAD")
        (work / name).write_text(text)
        git(work, "commit", "--quiet", "-am", "two")
        git(work, "push", "--quiet", self.bare, "main")
        git(self.bare, "update-server-info")
        return first, git(work, "rev-parse", "HEAD")


    def ssh_repository(self, files):
        """As `repository`, behind an sshd that lets in who has self.key."""
        require_program("ssh-keygen", "ssh-agent", "ssh-add", "/usr/sbin/sshd")
        self.repository(files)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="crossmill-sshd-", dir="/var/tmp"))
        self.addCleanup(subprocess.run, ["rm", "-rf", folder], capture_output=True)
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        self.key = folder / "key"
        port = free_port()
        (folder / "config").write_text(f"""
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PidFile none
""")
        # Where it separates its privileges.
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        log = folder / "log"
        with open(log, "wb") as errors:
            server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"], stderr=errors)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        wait_for(lambda: "Server listening" in log.read_text(), "the ssh server's start")
        return f"ssh://root@127.0.0.1:{port}{self.bare}"

    def agent(self, key=True):
        """The environment of a client with an agent that has self.key, or no key."""
        agent = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
        values = dict(line.split(";")[0].split("=", 1) for line in agent.splitlines() if "=" in line)
        self.addCleanup(os.kill, int(values["SSH_AGENT_PID"]), 15)
        environment = {"SSH_AUTH_SOCK": values["SSH_AUTH_SOCK"]}
        if key:
            subprocess.run(["ssh-add", "-q", self.key], env={**os.environ, **environment}, check=True)
        return environment


class SourcesTest(SourcesCase):
    # ---- contexts ----

    def test_a_repository(self):
        url = self.repository({"Dockerfile": "FROM tiny\nCOPY v /v\n", "v": "of the repository\n"})
        result, out = self.bx_local(context=f"{url}#main")
        self.assertEqual((out / "v").read_text(), "of the repository\n")
        self.assertIn("git", self.farm.cli("show", self.number_of(result)).stdout + "git")

    def test_a_private_repository_is_read_with_the_clients_token(self):
        url = self.repository({"Dockerfile": "FROM tiny\nCOPY v /v\n", "v": "for members\n"}, Private)
        host = url.split("/")[2]
        token = {"TOKEN": "open sesame/%41"}
        _, out = self.bx_local("--secret", "id=GIT_AUTH_TOKEN,env=TOKEN", context=f"{url}#main", env=token)
        self.assertEqual((out / "v").read_text(), "for members\n")
        # That of the host comes before that of all; what was fetched with it is nobody else's.
        self.bx_local("--secret", f"id=GIT_AUTH_TOKEN.{host},env=TOKEN", "--secret", "id=GIT_AUTH_TOKEN,env=PATH",
                      context=f"{url}#main", env=token)
        refused = self.bx(context=f"{url}#main", code=1)
        self.assertIn("git repository", refused.stderr)
        wrong = self.bx("--secret", "id=GIT_AUTH_TOKEN,env=TOKEN", context=f"{url}#main", env={"TOKEN": "guessed-at-random"}, code=1)
        self.assertNotIn("guessed-at-random", wrong.stderr)
        kept = subprocess.run(["grep", "-raFl", "-e", "open sesame", "-e", "guessed-at-random", "-e", "open%20sesame", self.farm.data],
                              capture_output=True, text=True)
        self.assertEqual(kept.stdout, "", "the token is in no file of the farm")

    def test_a_private_repository_is_read_with_the_clients_header(self):
        url = self.repository({"Dockerfile": "FROM tiny\nCOPY v /v\n", "v": "for headers\n"}, Private)
        host = url.split("/")[2]
        headers = {"HEADER": Private.allowed, "WRONG": "Basic d3Jvbmc6Z3Vlc3NlZA=="}
        _, out = self.bx_local("--secret", "id=GIT_AUTH_HEADER,env=HEADER", context=f"{url}#main", env=headers)
        self.assertEqual((out / "v").read_text(), "for headers\n")
        # That of the host comes before that of all, and a header before a token.
        self.bx_local("--secret", f"id=GIT_AUTH_HEADER.{host},env=HEADER", "--secret", "id=GIT_AUTH_HEADER,env=WRONG", "--secret",
                      f"id=GIT_AUTH_TOKEN.{host},env=WRONG", context=f"{url}#main", env=headers)
        refused = self.bx("--secret", "id=GIT_AUTH_HEADER,env=WRONG", context=f"{url}#main", env=headers, code=1)
        self.assertNotIn("d3Jvbmc6Z3Vlc3NlZA", refused.stderr)
        lines = self.bx("--secret", "id=GIT_AUTH_HEADER,env=LINES", context=f"{url}#main", env={"LINES": "a\nb: c"}, code=1)
        self.assert_says(lines, "GIT_AUTH_HEADER: expected one line")
        kept = subprocess.run(["grep", "-raFl", "-e", Private.allowed.split()[1], "-e", "d3Jvbmc6Z3Vlc3NlZA", self.farm.data],
                              capture_output=True, text=True)
        self.assertEqual(kept.stdout, "", "the header is in no file of the farm")

    def test_a_repository_over_ssh_is_read_with_the_clients_agent(self):
        url = self.ssh_repository({"Dockerfile": "FROM tiny\nCOPY v /v\n", "v": "over ssh\n",
                                   "docker-bake.hcl": 'target "default" { output = ["type=local,dest=out"] }\n'})
        _, out = self.bx_local("--ssh", "default", context=f"{url}#main", env=self.agent())
        self.assertEqual((out / "v").read_text(), "over ssh\n")
        # buildx reads the bake file by a definition that has the host's keys.
        baked = self.buildx("bake", "--progress", "plain", "--allow", f"fs.write={self.context}", "--allow", "ssh", f"{url}#main",
                            cwd=self.context, env=self.agent())
        self.assertEqual(baked.returncode, 0, self.story(baked))
        self.assertEqual((self.context / "out/v").read_text(), "over ssh\n")
        self.dockerfile("FROM tiny\nCOPY --from=code v /v\n")
        _, out = self.bx_local("--ssh", "default", "--build-context", f"code={url}#main", env=self.agent())
        self.assertEqual((out / "v").read_text(), "over ssh\n")
        # An agent without the key, and none at all.
        refused = self.bx("--ssh", "default", context=f"{url}#main", env=self.agent(key=False), code=1)
        self.assert_says(refused, "Permission denied")
        # buildx asks for one itself where the address is one of ssh.
        alone = subprocess.run([peer("buildctl"), "--addr", f"unix://{self.socket()}", "build", "--progress", "plain", "--frontend", "dockerfile.v0",
                                "--opt", f"context={url}#main"], capture_output=True, text=True, env=self.environment(), timeout=300)
        self.assertNotEqual(alone.returncode, 0)
        self.assert_says(alone, "give it with --ssh default")
        # Nothing of it stays: no agent's socket, no checkout.
        left = [path for path in pathlib.Path("/tmp").glob("crossmill*/agent")]
        self.assertEqual(left, [])

    def test_a_folder_of_a_repository(self):
        url = self.repository({"sub/Dockerfile": "FROM tiny\nCOPY v /v\n", "sub/v": "below\n", "v": "above\n"})
        _, out = self.bx_local(context=f"{url}#main:sub")
        self.assertEqual((out / "v").read_text(), "below\n")

    def test_a_repository_with_the_clients_dockerfile(self):
        url = self.repository({"v": "of the repository\n"})
        self.write("here/Dockerfile", "FROM tiny\nCOPY v /v\n")
        _, out = self.bx_local("-f", "-", context=f"{url}#main", stdin="FROM tiny\nCOPY v /v\n")
        self.assertEqual((out / "v").read_text(), "of the repository\n")

    def test_a_bake_file_in_a_repository(self):
        url = self.repository({"docker-bake.hcl": 'target "default" { output = ["type=local,dest=out"] }\n',
                               "Dockerfile": "FROM tiny\nCOPY v /v\n", "v": "baked from afar\n"})
        result = self.buildx("bake", "--progress", "plain", "--allow", f"fs.write={self.context}", f"{url}#main", cwd=self.context)
        self.assertEqual(result.returncode, 0, self.story(result))
        self.assertEqual((self.context / "out/v").read_text(), "baked from afar\n")

    def test_an_archive_from_a_url(self):
        folder, url = self.serve()
        with tarfile.open(folder / "c.tgz", "w:gz") as tar:
            for name, text in {"Dockerfile": "FROM tiny\nCOPY v /v\n", "v": "of the archive\n"}.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
        _, out = self.bx_local(context=f"{url}/c.tgz")
        self.assertEqual((out / "v").read_text(), "of the archive\n")

    def test_a_dockerfile_from_a_url(self):
        folder, url = self.serve()
        (folder / "Other").write_text("FROM tiny\nCOPY v /v\n")
        self.write("v", "of the folder\n")
        _, out = self.bx_local("-f", f"{url}/Other")
        self.assertEqual((out / "v").read_text(), "of the folder\n")

    def test_an_archive_on_standard_input(self):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            for name, text in {"Dockerfile": "FROM tiny\nCOPY v /v\n", "v": "piped\n"}.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
        with tempfile.TemporaryDirectory() as out:
            result = subprocess.run([self.buildx_program, "build", "--progress", "plain", "-o", f"type=local,dest={out}", "-"],
                                    input=data.getvalue(), capture_output=True, env=self.environment(), timeout=300)
            self.assertEqual(result.returncode, 0, result.stderr.decode()[-3000:])
            self.assertEqual(pathlib.Path(out, "v").read_text(), "piped\n")

    def test_a_dockerfile_alone_on_standard_input(self):
        _, out = self.bx_local(context="-", stdin="FROM tiny\nRUN echo alone > /v\n")
        self.assertEqual((out / "v").read_text(), "alone\n")

    def test_a_named_repository(self):
        url = self.repository({"v": "named\n"})
        self.dockerfile("FROM tiny\nCOPY --from=code v /v\n")
        _, out = self.bx_local("--build-context", f"code={url}#main")
        self.assertEqual((out / "v").read_text(), "named\n")

    def test_a_named_url_is_a_file_also_if_it_is_an_archive(self):
        folder, url = self.serve()
        with tarfile.open(folder / "code.tar", "w") as tar:
            tar.addfile(tarfile.TarInfo("inside"))
        self.dockerfile("FROM tiny\nCOPY --from=code . /code/\n")
        _, out = self.bx_local("--build-context", f"code={url}/code.tar")
        self.assertEqual(os.listdir(out / "code"), ["context"])
        self.assertEqual((out / "code" / "context").read_bytes(), (folder / "code.tar").read_bytes())

    def test_a_layout_on_the_clients_disk(self):
        layout = self.context / "layout"
        layout.mkdir()
        subprocess.run(["tar", "-xf", tiny_archive(), "-C", layout], check=True)
        self.dockerfile("FROM base\nRUN echo on the layout > /v\n")
        result, out = self.bx_local("--build-context", f"base=oci-layout://{layout}")
        self.assertEqual((out / "v").read_text(), "on the layout\n")
        self.assertIn("[context base] OCI load from client", vertices(result))

    # ---- secrets and agents ----

    def test_a_secret_from_a_file_and_from_a_variable(self):
        self.dockerfile("""
            FROM tiny
            RUN --mount=type=secret,id=file --mount=type=secret,id=var,env=VAR \
                wc -c < /run/secrets/file > /file && printf %s "$VAR" | wc -c > /var-size
        """)
        secret = self.write("../" + self.context.name + "-secret", "planted-secret-of-buildx")
        self.addCleanup(secret.unlink, missing_ok=True)
        result, out = self.bx_local("--secret", f"id=file,src={secret}", "--secret", "id=var,env=PLANTED",
                                    env={"PLANTED": "planted-variable-of-buildx"})
        self.assertEqual((out / "file").read_text().strip(), "24")
        self.assertEqual((out / "var-size").read_text().strip(), "26")
        kept = subprocess.run(["grep", "-rl", "planted-secret-of-buildx\\|planted-variable-of-buildx", self.farm.folder],
                              capture_output=True, text=True).stdout
        self.assertEqual(kept, "")

    def test_a_required_secret_that_is_not_there(self):
        self.dockerfile("FROM tiny\nRUN --mount=type=secret,id=missing,required=true true\n")
        self.assertIn("missing", self.bx(code=1).stderr)

    def test_an_agent(self):
        require_program("ssh-agent", "ssh-add", "ssh-keygen", "gcc")
        agent = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
        values = dict(line.split(";")[0].split("=", 1) for line in agent.splitlines() if "=" in line)
        self.addCleanup(os.kill, int(values["SSH_AGENT_PID"]), 15)
        key = self.context.parent / (self.context.name + "-key")
        self.addCleanup(lambda: [path.unlink(missing_ok=True) for path in (key, pathlib.Path(f"{key}.pub"))])
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        environment = {"SSH_AUTH_SOCK": values["SSH_AUTH_SOCK"]}
        subprocess.run(["ssh-add", "-q", key], env={**os.environ, **environment}, check=True)
        self.write("ask.c", ASK)
        subprocess.run(["gcc", "-static", "-o", self.context / "ask", self.context / "ask.c"], check=True)
        self.dockerfile("FROM tiny\nCOPY ask /\nRUN --mount=type=ssh /ask $SSH_AUTH_SOCK > /answer\n")
        _, out = self.bx_local("--ssh", "default", env=environment)
        answer = [int(number) for number in (out / "answer").read_text().split()]
        self.assertEqual(answer[4:9], [12, 0, 0, 0, 1], answer)


if __name__ == "__main__":
    main()
