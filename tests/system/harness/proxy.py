"""A line between two programs that can be cut, hang or be slow."""

import socket
import threading

from .base import free_port
from .hostile import reset

CHUNK = 16384


class Proxy:
    """
    Listens on port and passes on to the target. One word says what becomes of connections, those
    that are open and new ones:
      pass    all goes through
      hang    they are accepted, and not a byte more moves in either direction
      slow    so many bytes a second and direction
      refuse  those that are open are reset, new ones too
    """

    def __init__(self, place, target_port):
        self.target = ("127.0.0.1", target_port)
        self.port = free_port()
        self.accepted = 0
        self._mode, self._rate = "pass", 0
        self._changed = threading.Condition()
        self._open, self._held = set(), set()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        place.at_end(self._close)

    def _close(self):
        self.set("refuse")
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def set(self, mode, rate=0):
        with self._changed:
            self._mode, self._rate = mode, rate
            self._changed.notify_all()
        if mode == "refuse":
            self.cut()

    def lead_to(self, target_port):
        """Somebody else answers from now on; what is open is reset."""
        self.target = ("127.0.0.1", target_port)
        self.cut()

    def cut(self):
        """What is open is reset; what comes next goes as before."""
        with self._changed:
            ended, self._open = self._open, set()
        for connection in ended:
            try:
                connection.shutdown(socket.SHUT_RDWR)
                reset(connection)
            except OSError:
                pass

    def hold(self):
        """What is open does not move until it is released; what comes next goes as before."""
        with self._changed:
            self._held = set(self._open)

    def release(self):
        with self._changed:
            self._held = set()
            self._changed.notify_all()

    def connections(self):
        with self._changed:
            return len(self._open) // 2

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self._mode == "refuse":
                reset(client)
                continue
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        try:
            self._wait_moving(client)
            server = socket.create_connection(self.target, 10)
            server.settimeout(None)
        except OSError:
            reset(client)
            return
        with self._changed:
            self._open |= {client, server}
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pair in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _wait_moving(self, source):
        with self._changed:
            self._changed.wait_for(lambda: self._mode != "hang" and source not in self._held)

    def _pump(self, source, sink):
        """One direction; the other one may go on when this one has ended."""
        try:
            while True:
                data = source.recv(CHUNK)
                self._wait_moving(source)
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                self._pass(data, source, sink)
        except OSError:
            with self._changed:
                self._open -= {source, sink}
            for one in (source, sink):
                one.close()

    def _pass(self, data, source, sink):
        while data:
            size = len(data)
            self._wait_moving(source)
            with self._changed:
                if self._mode == "slow":
                    size = max(1, self._rate // 20)
                    self._changed.wait_for(lambda: self._mode != "slow", 0.05)
            sink.sendall(data[:size])
            data = data[size:]
