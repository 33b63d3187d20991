"""Writes a wheel with the time of the build in its zip headers, which installing does not keep."""
import time
import zipfile

files = {"plain/__init__.py": "x = 1\n", "plain-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: plain\nVersion: 1\n",
         "plain-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
         "plain-1.dist-info/RECORD": "plain/__init__.py,,\nplain-1.dist-info/METADATA,,\nplain-1.dist-info/WHEEL,,\nplain-1.dist-info/RECORD,,\n"}
with zipfile.ZipFile("/tmp/plain-1-py3-none-any.whl", "w") as wheel:
    for name, text in files.items():
        wheel.writestr(zipfile.ZipInfo(name, time.localtime()[:6]), text)
