"""Hosts out of network namespaces: each has its own addresses, and processes in it reach the others only over the net."""
import os
import subprocess
import unittest

from farm import require_program, require_root_and_user


class Hosts:
    """A net of hosts, the first of which carries the bridge. close() ends it, also where it was half made."""

    NET = "10.213.7"

    def __init__(self, names):
        require_root_and_user()
        require_program("ip", "nsenter")
        self.names = {name: f"cm{os.getpid()}{name}" for name in names}
        self.addresses = {name: f"{self.NET}.{number}" for number, name in enumerate(names, start=1)}
        made = subprocess.run(["ip", "netns", "add", self.names[names[0]]], capture_output=True, text=True)
        if made.returncode != 0:
            raise unittest.SkipTest(f"needs network namespaces: {made.stderr.strip()}")
        try:
            self._connect(names)
        except BaseException:
            self.close()
            raise

    def _ip(self, name, *words):
        subprocess.run(["ip", "-n", self.names[name], *words], check=True, capture_output=True)

    def _connect(self, names):
        first, *others = names
        self._ip(first, "link", "set", "lo", "up")
        self._ip(first, "link", "add", "br0", "type", "bridge")
        self._ip(first, "addr", "add", f"{self.addresses[first]}/24", "dev", "br0")
        self._ip(first, "link", "set", "br0", "up")
        for name in others:
            subprocess.run(["ip", "netns", "add", self.names[name]], check=True, capture_output=True)
            self._ip(first, "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", self.names[name])
            self._ip(first, "link", "set", f"to-{name}", "master", "br0", "up")
            self._ip(name, "link", "set", "lo", "up")
            self._ip(name, "addr", "add", f"{self.addresses[name]}/24", "dev", "eth0")
            self._ip(name, "link", "set", "eth0", "up")

    def on(self, name, *words):
        """The command line that runs words on a host. nsenter leaves the mounts as they are, which workers need: a /proc with something
        mounted in it, or another /sys, is one that steps cannot have. So all hosts have one boot id, the kernel's."""
        return ["nsenter", f"--net=/run/netns/{self.names[name]}", "--", *map(str, words)]

    def close(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
