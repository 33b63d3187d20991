import time
from setuptools import setup
from setuptools.command.build_py import build_py


class Stamped(build_py):
    """Writes when it was built, as version tools do."""

    def run(self):
        super().run()
        with open(self.build_lib + "/stamped/_built.py", "w") as file:
            file.write(f"built = {int(time.time())}\n")


setup(name="stamped", version="1", packages=["stamped"], cmdclass={"build_py": Stamped})
