#!/usr/bin/env python3
"""Hostile recipes: Dockerfiles that ask too much, lead out, or try to be read as something else."""
from corpus import NASTY, Case, HostileTest, corpus
from farm import main

LIMITS = {"planning-work": 300000000, "stages": 50, "steps": 400, "instructions": 2000, "dockerfile-bytes": 200000,
          "build-arguments": 100, "contexts": 20, "platforms": 4}


def recipe(text, code=1, arguments=(), files=None):
    return {"dockerfile": text, "code": code, "arguments": arguments, "files": files or {}}


def nested(depth):
    return "${A:-" * depth + "x" + "}" * depth


CASES = [
    Case("dockerfile-of-megabytes", "a Dockerfile of 300 kB where 200 kB are allowed", "limit `dockerfile-bytes`",
         r"the Dockerfile: 300010 bytes; this farm takes at most 200000", recipe("FROM tiny\n" + "# c\n" * 75000)),
    Case("thousands-of-instructions", "2,500 instructions", "limit `instructions`", r"Dockerfile: 2501 instructions; this farm takes at most 2000",
         recipe("FROM tiny\n" + "ENV A=1\n" * 2500)),
    Case("too-many-stages", "51 stages", "limit `stages`", r"Dockerfile: 51 stages; this farm takes at most 50",
         recipe("FROM scratch\n" * 51)),
    Case("too-many-steps", "500 COPYs", "limit `steps`", r"more than 400 steps of all stages on all platforms, which is what this farm takes in one build",
         recipe("FROM tiny\n" + "COPY file /f\n" * 500, files={"file": "x"})),
    Case("too-many-arguments", "150 --build-arg", "limit `build-arguments`", r"the build: 150 build arguments; this farm takes at most 100",
         recipe("FROM tiny\nRUN true\n", arguments=[w for i in range(150) for w in ("--build-arg", f"A{i}=1")])),
    Case("too-many-platforms", "6 platforms", "limit `platforms`", r"the build: 6 platforms; this farm takes at most 4",
         recipe("FROM scratch\nCOPY file /\n", files={"file": "x"},
                arguments=["--platform", "linux/amd64,linux/arm64,linux/386,linux/s390x,linux/ppc64le,linux/riscv64"])),
    Case("doubling-value", "a variable that doubles 40 times", "limit `planning-work`; a value has at most 1 MiB", r"Dockerfile:17:1: this takes more work than a build may ask for while it is planned",
         recipe("FROM scratch\nENV A=aaaaaaaa\n" + "ENV A=$A$A\n" * 40 + "COPY file /\n", files={"file": "x"})),
    Case("pattern-of-stars", "a substitution pattern of many stars against a long value, 2,000 times", "limit `planning-work`, linear matching",
         r"Dockerfile:15:5: this takes more work than a build may ask for while it is planned; expected fewer patterns with wildcards",
         recipe("FROM scratch\nENV A=aaaaaaaaaaaaaaaa\n" + "ENV A=$A$A\n" * 12 + "ENV B=" + "${A//a*a*a*a*a*a*a*a/}" * 2000 + "\n")),
    Case("deeply-nested-expansion", "an expansion nested 20,000 deep", "length of a line", r"Dockerfile:2:1: the line has 120007 bytes; expected at most 65535",
         recipe("FROM tiny\nENV B=" + nested(20000) + "\n")),
    Case("copy-from-itself", "COPY --from the stage itself", "the plan has no cycles", r"Dockerfile:2:6: stage 'a' copies from itself; expected an earlier stage",
         recipe("FROM tiny AS a\nCOPY --from=a /x /y\n")),
    Case("copy-from-later-stage", "COPY --from a stage behind it", "stages are known from above", r"Dockerfile:2:6: stage 'b' is defined in line 3, behind this stage; expected an earlier stage",
         recipe("FROM tiny AS a\nCOPY --from=b /x /y\nFROM tiny AS b\n", code=(1, 5))),
    Case("copy-from-above", "COPY --from=stage ../../../../etc/shadow", "exports are resolved in the producer's root",
         r"COPY --from=a /etc/shadow: 'etc/shadow' is not in the stage", recipe("FROM tiny AS a\nFROM tiny\nCOPY --from=a ../../../../etc/shadow /s\n")),
    Case("copy-from-link-to-host-file", "COPY --from of an absolute link to a file of the host", "links are resolved in the producer's root",
         r"COPY --from=a /link: 'link' is not in the stage", recipe("FROM tiny AS a\nRUN ln -s /etc/hostname-of-the-host /link\nFROM tiny\nCOPY --from=a /link /s\n")),
    Case("copy-from-link-loop", "COPY --from through links that go round", "a bound on links followed", r"COPY --from=a /x/y: 'x/y' is a loop of links in the stage",
         recipe("FROM tiny AS a\nRUN ln -s b /x && ln -s x /b\nFROM tiny\nCOPY --from=a /x/y /s\n")),
    Case("copy-from-proc", "COPY --from=stage /proc/self/environ", "/proc of a step is no part of its root", r"COPY --from=a /proc/self/environ: 'proc/self/environ' is not in the stage",
         recipe("FROM tiny AS a\nRUN true\nFROM tiny\nCOPY --from=a /proc/self/environ /s\n".replace("RUN true\n", ""))),
    Case("destination-through-file", "COPY below a path that is a file", "folders are made in the step's root only", r"COPY on linux/\w+: /file is not a directory",
         recipe("FROM tiny\nRUN echo x > /file\nCOPY file /file/below/it\n", files={"file": "x"})),
    Case("destination-link-loop", "COPY to a destination of links that go round", "a bound on links followed", r"/x/y: too many levels of links",
         recipe("FROM tiny\nRUN ln -s b /x && ln -s x /b\nCOPY file /x/y\n", files={"file": "x"})),
    Case("nul-in-dockerfile", "a NUL in an instruction", "recipe reader", r"Dockerfile:2:11: byte 0x00 is no text; expected UTF-8", recipe("FROM tiny\nRUN echo a\0b\nCOPY a\0b /\n")),
    Case("escape-in-instruction-name", "an instruction whose name is an escape sequence", "recipe reader; text is made printable",
         r"Dockerfile:2:1: unknown instruction '\?\[2Ja\?\[31mred\?\]0;title\?'", recipe(f"FROM tiny\n\x1b[2J{NASTY} x\n")),
    Case("escape-in-missing-source", "COPY of a name with escapes", "text is made printable",
         r"Dockerfile:2:1: COPY: 'x\?\]0;t\?\?y' is not in the context", recipe("FROM tiny\nCOPY x\x1b]0;t\x07\u202ey /\n")),
    Case("unending-heredoc", "a heredoc that does not end", "recipe reader", r"Dockerfile:2:5: here-document 'EOF' is not closed; expected a line with only EOF",
         recipe("FROM tiny\nRUN <<EOF\n" + "echo\n" * 1000)),
    Case("heredoc-with-path", "a heredoc file whose name leads out", "recipe reader", r"Dockerfile:2",
         recipe('FROM tiny\nCOPY <<"../../../../tmp/hostile" /d/\nx\n../../../../tmp/hostile\n')),
    Case("syntax-frontend", "a frontend image (# syntax=) that would run code", "no frontend is ever run", r"Dockerfile:3: RUN on linux/\w+: exit code 37",
         recipe("# syntax=127.0.0.1:1/hostile/frontend:1\nFROM tiny\nRUN exit 37\n"),
         sentence="(the line is not followed: the recipe is read by the farm itself)"),
    Case("privileged-run", "RUN --security=insecure", "not offered", r"RUN --security=insecure is refused: steps of this farm never run outside of their sandbox", recipe("FROM tiny\nRUN --security=insecure true\n")),
    Case("device-run", "RUN --device", "not offered", r"RUN --device=vendor.com/device=one is refused: steps see no devices of their host", recipe("FROM tiny\nRUN --device=vendor.com/device=one true\n")),
    Case("mount-of-host-path", "RUN --mount=type=bind,source=/etc of the host", "sources of mounts are the context or stages",
         r"RUN --mount: 'etc/shadow' is not in the context", recipe("FROM tiny\nRUN --mount=type=bind,source=/../../etc/shadow,target=/s cat /s\n")),
    Case("mount-over-root", "RUN --mount onto /", "target of a mount", r"--mount: the target is '/'; expected a path below it", recipe("FROM tiny\nRUN --mount=type=tmpfs,target=/ true\n")),
    Case("cache-id-with-path", "a cache mount whose id leads out of the worker's folder", "ids are hashed to folder names", r"cached",
         recipe("FROM tiny\nRUN --mount=type=cache,id=../../../../../../tmp/hostile-cache,target=/c touch /c/x && echo cached && exit 3\n"),
         sentence="(the cache is one like others)"),
    Case("secret-id-with-path", "a secret mount whose id is a path", "secrets are only what the client gave", r"is required, and the build was not given it; give it with --secret id=",
         recipe("FROM tiny\nRUN --mount=type=secret,id=../../../etc/passwd,required=true cat /run/secrets/*\n")),
    Case("user-that-is-none", "USER with an escape sequence that no passwd has", "resolved in the step's root", r"unable to find user \?\[31mnobody: no matching entries in /etc/passwd",
         recipe("FROM tiny\nUSER \x1b[31mnobody\nRUN true\n")),
    Case("user-number-too-large", "USER 99999999999", "range of user ids", r"unable to find user 99999999999: no matching entries in /etc/passwd", recipe("FROM tiny\nUSER 99999999999\nRUN true\n")),
    Case("workdir-leads-out", "WORKDIR ../../../../..", "paths are cleaned in the root", r"at /$|\| at /",
         recipe("FROM tiny\nWORKDIR ../../../../..\nRUN echo at $(pwd) && exit 3\n"), sentence="at /"),
    Case("expansion-cuts-a-character", "a value of which an expansion takes half a character", "variables are text: what is none becomes U+FFFD", r"held-as-said",
         recipe("FROM tiny\nENV A=\u00e9\nENV B=${A#?} C=${A%?}\nRUN echo held-as-said; exit 3\n"), sentence="(the farm goes on; the value is the recipe's)"),
    Case("onbuild-chain", "an ONBUILD of ONBUILD", "recipe reader", r"Dockerfile:2:9: ONBUILD cannot be a trigger", recipe("FROM tiny\nONBUILD ONBUILD RUN true\n")),
    Case("shell-that-is-none", "SHELL that names no program", "the step fails", r"/no/such/shell: not found in the image", recipe('FROM tiny\nSHELL ["/no/such/shell"]\nRUN true\n')),
    Case("add-file-url", "ADD file:///etc/passwd", "only http, https and git are fetched", r"ADD: 'file:/etc/passwd' is not in the context", recipe("FROM tiny\nADD file:///etc/passwd /p\n")),
    Case("add-wrong-checksum", "ADD --checksum of something else", "checksums", r"Dockerfile:2:5: ADD --checksum of the path 'file'; expected a URL or git repository", recipe("FROM tiny\nADD --checksum=sha256:00 file /p\n", files={"file": "x"})),
    Case("add-git-option", "ADD of a git URL that is an option of git", "URLs are checked and passed behind --", r"ADD: 'git@--upload-pack=touch/tmp/hostile:x.git' is not in the context",
         recipe("FROM tiny\nADD git@--upload-pack=touch${IFS}/tmp/hostile:x.git /p\n", code=(1, 5))),
    Case("tag-with-path", "an image name that leads out", "image names", r"-t ../../x: image reference '../../x': '..' is not a registry host", recipe("FROM tiny\nRUN true\n", arguments=["-t", "../../x"])),
    Case("step-that-ends-never", "a step that sleeps for ever", "`--step-timeout`", r"step timeout of 2s reached",
         recipe("FROM tiny\nRUN sleep 100000\n", arguments=["--step-timeout", "2"])),
    Case("build-that-ends-never", "a build that sleeps for ever", "`--timeout`", r"(the client ended the build at its|the build took longer than its) --timeout",
         recipe("FROM tiny\nRUN sleep 100001\n", code=124, arguments=["--timeout", "2"])),
]


@corpus("recipes", CASES)
class RecipesTest(HostileTest):
    farm_options = {"workers": 1, "coordinator_options": [
        *HostileTest.farm_options["coordinator_options"],
        *[word for name, number in LIMITS.items() for word in ("--limit", f"{name}={number}")]]}

    def run_case(self, case):
        for name, content in case.data["files"].items():
            self.write(name, content)
        self.write("Dockerfile", case.data["dockerfile"])
        result = self.build(*case.data["arguments"])
        codes = case.data["code"] if isinstance(case.data["code"], tuple) else (case.data["code"],)
        self.assertIn(result.returncode, codes, self.story(result))
        self.assert_case(case, result.stdout + result.stderr, self.story(result))


if __name__ == "__main__":
    main()
