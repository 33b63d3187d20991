"""What a replica's programs see otherwise than the first execution's (docs/formats.md, "Variations"), on roots with glibc.

What depends on it must never pass as reproducible; what is honest must never fail or differ because of it.
CROSSMILL_ROUNDS: how often each is tried (default 5; scripts/check reproducibility: 20).
"""
import json
import os
import pathlib
import tarfile
import tempfile
import unittest
import zipfile

import stand_ins
from farm import FarmTestCase, main

ROUNDS = int(os.environ.get("CROSSMILL_ROUNDS") or 5)
DEPENDENT = {
    "day": "date +%d >/1",
    "weekday": "date +%a >/2",
    "minute": "date +%M >/3",
    "second": "date +%s >/4",
    "day in Python": "python3 -c \"import time; open('/5', 'w').write(time.strftime('%F'))\"",
    "day in Perl": "perl -e 'print((localtime)[3])' >/6",
    "host name": "hostname >/7",
    "list": "mkdir /l && cd /l && touch a b c && ls -U >/8 && rm -r /l",
    "list in Python": "python3 -c \"import os; open('/9', 'w').write(' '.join(os.listdir('/usr')))\"",
    "tar without sort": "mkdir /t && cd /t && touch -d @0 a b c && touch -d @0 . && tar -cf /10 . && rm -r /t",
}
SETUP = """from setuptools import setup, Extension
setup(name="plain", version="1", py_modules=["plain"], ext_modules=[Extension("spam", ["spam.c"], extra_compile_args=["-g0"])])
"""
WAITS = """import queue, threading, time
begun = time.monotonic()
sleeper = threading.Thread(target=time.sleep, args=(3,), daemon=True)
sleeper.start()
for wait in (threading.Semaphore(0).acquire, threading.Event().wait, sleeper.join):
    wait(timeout=0.2)
try:
    queue.Queue().get(timeout=0.2)
except queue.Empty:
    pass
time.sleep(0.2)
assert 0.7 < time.monotonic() - begun < 60
"""
HONEST = """
FROM python:3.11
COPY . /c
RUN sleep 0.3 && timeout 20 true && ! timeout 0.2 sleep 20 && echo waited >/waited
RUN python3 /c/waits.py && echo waited >/python-waited
RUN mkdir /m && cd /m && printf 'b: a\\n\\tcp a b\\na:\\n\\techo x >a\\n' >Makefile && make 2>log && make -q && test ! -s log
RUN cd /m && echo 'int main(){return 0;}' >m.c && gcc -O2 -o m m.c && ./m
RUN cd / && tar --sort=name --mtime=@0 -cf /m.tar m && tar -tf m.tar >/members
RUN cp -a /m /copy && rm -r /m && find /copy -newermt @0 | sort >/newer && rm -r /copy
RUN cd /c && git init -q . && git add plain.py && GIT_COMMITTER_DATE='1000000000 +0000' GIT_AUTHOR_DATE='1000000000 +0000' \\
    git -c user.name=a -c user.email=b commit -qm x && git rev-parse HEAD >/head && git status --short >/state && rm -r .git
RUN useradd --no-create-home app && su app -s /bin/sh -c 'id -u' >/user
RUN pip install --no-index --no-deps --no-compile /c/wheels/*.whl
RUN cp -r /c /s && pip install --no-index --no-deps --no-build-isolation --no-compile /s && rm -r /s
RUN python3 -c 'import plain, spam' && python3 -m compileall -q --invalidation-mode unchecked-hash /c
RUN ls /etc >/etc-list && test ! -e /c/missing && find /usr/lib /etc -xdev | sort >/all
"""


def wheel(folder):
    """A wheel of one module."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "some-1-py3-none-any.whl", "w") as archive:
        for name, text in {"some.py": "x = 1\n",
                           "some-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: some\nVersion: 1\n",
                           "some-1.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                           "some-1.dist-info/RECORD": "some.py,,\n"}.items():
            archive.writestr(zipfile.ZipInfo(name), text)


class VariationsTest(FarmTestCase):
    farm_options = {"workers": 2}
    tiny_architectures = ()

    @classmethod
    def setUpClass(cls):
        archive = stand_ins.find("python:3.11")
        if archive is None:
            raise unittest.SkipTest(stand_ins.why_missing("python:3.11"))
        super().setUpClass()
        cls.farm.import_base("python:3.11", archive)

    def verify(self, text, *options):
        self.dockerfile(text)
        result = self.build("--json", "--verify", "2", "--allow-same-host", *options)
        self.assert_exit(result, 0)
        cell, = json.loads(result.stdout)["cells"]
        return cell

    def test_what_depends_on_it_never_passes(self):
        """Each step is judged alone, so one build tries all of them."""
        commands = dict(DEPENDENT)
        if len(os.sched_getaffinity(0)) > 1:
            commands["processors"] = "nproc >/11"
        text = "FROM python:3.11\n" + "".join(f"RUN {command}\n" for command in commands.values())
        for number in range(ROUNDS):
            cell = self.verify(text, "--no-cache")
            self.assertEqual(cell["verdict"], "unreproducible")
            lines = {step["range"]["first_line"] for step in cell["comparison"]["steps"] if not step["agrees"]}
            passed = [name for line, name in enumerate(commands, 2) if line not in lines]
            self.assertFalse(passed, f"round {number}")

    def test_what_is_honest_agrees(self):
        context = pathlib.Path(self.context)
        (context / "plain.py").write_text("x = 1\n")
        (context / "waits.py").write_text(WAITS)
        (context / "setup.py").write_text(SETUP)
        (context / "spam.c").write_text("#include <Python.h>\nstatic struct PyModuleDef m = {PyModuleDef_HEAD_INIT, \"spam\"};\n"
                                        "PyMODINIT_FUNC PyInit_spam(void) { return PyModule_Create(&m); }\n")
        wheel(context / "wheels")
        cell = self.verify(HONEST)
        different = [(step["range"]["first_line"], [each["path"] for each in step["differences"][:5]])
                     for step in cell["comparison"]["steps"] if not step["agrees"]]
        self.assertEqual((cell["verdict"], different), ("reproducible", []))
        self.assertRegex(cell["comparison"]["circumstances"], r"^clock at least 25 h apart \(at least \d+ .* for programs .*file order varied")
        self.assertIn("file-order", cell["comparison"]["varied"])

    def test_nothing_of_it_is_in_the_image(self):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            self.dockerfile("FROM python:3.11\nRUN touch /made\n")
            result = self.build("--verify", "2", "--allow-same-host", "--require", "reproducible", "-o", f"type=tar,dest={folder}/out.tar")
            self.assert_exit(result, 0)
            with tarfile.open(f"{folder}/out.tar") as tar:
                names = tar.getnames()
        self.assertIn("made", [name.lstrip("./") for name in names])
        self.assertFalse([name for name in names if "preload" in name])

    def test_a_recipe_that_writes_the_loaders_list_can(self):
        cell = self.verify("FROM python:3.11\nRUN echo $(ls /lib/*-linux-gnu/libm.so.6) >/etc/ld.so.preload\nRUN date +%d >/day\n")
        steps = cell["comparison"]["steps"]
        self.assertEqual([step["agrees"] for step in steps], [True, False], steps)

    def test_a_secret_is_not_used_at_another_time(self):
        pathlib.Path(self.context, "secret").write_text("hunter22\n")
        self.dockerfile("FROM python:3.11\nRUN --mount=type=secret,id=s cat /run/secrets/s >/dev/null; date +%d >/day\n")
        result = self.build("--json", "--verify", "2", "--allow-same-host", "--secret", f"id=s,src={self.context}/secret")
        self.assert_exit(result, 0)
        cell, = json.loads(result.stdout)["cells"]
        self.assertNotRegex(cell["comparison"]["circumstances"], r"\d+ (h|days) apart")


if __name__ == "__main__":
    main()
