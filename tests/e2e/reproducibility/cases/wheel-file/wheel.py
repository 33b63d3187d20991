"""Writes a wheel with fixed times."""
import base64
import hashlib
import time
import zipfile

files = {"stamped/__init__.py": f"built = {int(time.time())}\n", "stamped/same.py": "x = 1\n",
         "stamped-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: stamped\nVersion: 1\n",
         "stamped-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
record = ""
with zipfile.ZipFile("/stamped-1-py3-none-any.whl", "w") as wheel:
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(text)}\n"
        wheel.writestr(zipfile.ZipInfo(name), text)
    wheel.writestr(zipfile.ZipInfo("stamped-1.dist-info/RECORD"), record + "stamped-1.dist-info/RECORD,,\n")
