"""A TCP proxy between a worker (or client) and the coordinator, whose connections are cut, delayed, or left half open.

It may listen inside another network namespace: who lives there reaches the coordinator over it alone, by no local door.
"""
import ctypes
import os
import socket
import threading
import time

CLONE_NEWNET = 0x40000000
PIECE = 65536


def listener(namespace=None, port=0):
    """A listening socket on 127.0.0.1, in the network namespace of that path."""
    if namespace is None:
        return socket.create_server(("127.0.0.1", port))
    made = []

    def make():
        # The namespace is the thread's, which ends with this.
        with open(namespace) as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
                made.append(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))
                return
        try:
            made.append(socket.create_server(("127.0.0.1", port)))
        except OSError as error:
            made.append(error)
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


class Proxy:
    """Faults are switched on and off while connections go through. `port` is where it listens."""

    def __init__(self, target_port, namespace=None):
        self.target = ("127.0.0.1", target_port)
        self.delay = 0.0
        self.holds = False
        self.refuses = False
        self.changed = threading.Condition()
        self.pairs = set()
        self.closed = False
        self.server = listener(namespace)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    # ---- faults ----

    def cut(self):
        """Ends every connection with a reset."""
        with self.changed:
            pairs = list(self.pairs)
        for pair in pairs:
            end(pair)

    def slow(self, seconds):
        """Each piece comes so much later."""
        self.delay = seconds

    def refuse(self, on):
        """New connections end at once, those that there are go on."""
        self.refuses = on

    def hold(self, on):
        """Half open: both ends believe in the connection, and nothing goes through. Ends with a reset, as the peers' systems
        would have given up, or forgotten each other, by then."""
        with self.changed:
            self.holds = on
            self.changed.notify_all()
        if not on:
            self.cut()

    def heal(self):
        self.slow(0.0)
        self.refuse(False)
        if self.holds:
            self.hold(False)

    def close(self):
        self.closed = True
        # Not close alone: the thread in accept would hold the socket.
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()
        self.hold(False)

    # ---- connections ----

    def _accept(self):
        while not self.closed:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            if self.refuses:
                end((near,))
                continue
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near):
        self._wait_while_held()
        try:
            far = socket.create_connection(self.target, timeout=10)
            far.settimeout(None)
        except OSError:
            end((near,))
            return
        for each in (near, far):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (near, far)
        with self.changed:
            self.pairs.add(pair)
        back = threading.Thread(target=self._carry, args=(far, near, pair), daemon=True)
        back.start()
        self._carry(near, far, pair)
        back.join()
        with self.changed:
            self.pairs.discard(pair)
        for each in pair:
            each.close()

    def _carry(self, source, target, pair):
        try:
            while piece := source.recv(PIECE):
                if self.delay:
                    time.sleep(self.delay)
                self._wait_while_held()
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            end(pair)

    def _wait_while_held(self):
        with self.changed:
            while self.holds and not self.closed:
                self.changed.wait()


def end(sockets):
    """Shuts down with a reset; who reads them closes them."""
    for each in sockets:
        try:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if len(sockets) == 1:
            each.close()
