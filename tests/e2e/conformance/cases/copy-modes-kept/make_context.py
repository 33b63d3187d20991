"""Permission bits of the context are kept, setuid included; the owner is not."""
import os
for mode in (0o000, 0o400, 0o600, 0o755, 0o777, 0o4755, 0o2755, 0o1644):
    name = f"mode-{mode:04o}"
    with open(name, "w") as file:
        file.write(name)
    os.chown(name, 1234, 2345)
    os.chmod(name, mode)
os.mkdir("folder-1777")
os.chmod("folder-1777", 0o1777)
os.mkdir("folder-0700")
os.chown("folder-0700", 1234, 2345)
os.chmod("folder-0700", 0o2700)
