"""Peers that mean no good, or take as the end of a line what is none."""

import os
import re
import shutil
import socket
import socketserver
import struct
import subprocess
import threading

from .base import PATH, Process, free_port, wait_for

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST


def reset(connection):
    """Ends the connection by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()


class _Lenient(socketserver.BaseRequestHandler):
    """CR, LF and CRLF all end lines; NULs are dropped: what some servers do, all at once."""

    def setup(self):
        self.input = b""

    def line(self):
        """None at the end."""
        while True:
            end = re.search(rb"\r\n|\r(?!$)|\n", self.input)
            if end:
                line, self.input = self.input[:end.start()], self.input[end.end():]
                return line
            data = self.request.recv(65536)
            if not data:
                return None
            self.input += data.replace(b"\0", b"")

    def handle(self):
        self.request.sendall(b"220 lenient.example\r\n")
        while True:
            line = self.line()
            if line is None:
                return
            self.server.note(line)
            verb = line[:4].upper()
            if verb == b"DATA":
                self.request.sendall(b"354 go\r\n")
                if not self.content():
                    return
            if verb == b"EHLO":
                self.request.sendall(b"250-lenient.example\r\n250 8BITMIME\r\n")
                continue
            self.request.sendall(b"250 ok\r\n" if verb != b"QUIT" else b"221 bye\r\n")
            if verb == b"QUIT":
                return

    def content(self):
        lines = []
        while True:
            line = self.line()
            if line is None:
                return False
            if line == b".":
                self.server.keep(b"".join(text + b"\r\n" for text in lines))
                return True
            lines.append(line[1:] if line.startswith(b".") else line)


class Lenient(socketserver.ThreadingTCPServer):
    """An SMTP server without CHUNKING that takes many things for the end of a message."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, place):
        super().__init__(("127.0.0.1", free_port()), _Lenient)
        self.port = self.server_address[1]
        self.lock = threading.Lock()
        self.commands, self.messages = [], []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05},
                         daemon=True).start()
        place.at_end(self.stop)

    def stop(self):
        self.shutdown()
        self.server_close()

    def note(self, line):
        with self.lock:
            self.commands.append(line)

    def keep(self, data):
        with self.lock:
            self.messages.append(data)

    def find(self, token):
        with self.lock:
            return [m for m in self.messages if token.encode() in m]


class SmtpSink:
    """Postfix' smtp-sink; each message is a file."""

    def __init__(self, place):
        self.directory = place.directory("smtp-sink")
        os.chmod(place.path, 0o755)
        shutil.chown(self.directory, "nobody")
        self.port = free_port()
        self.process = Process("smtp-sink", [
            "smtp-sink", "-u", "nobody", "-d", os.path.join(self.directory, "m."),
            "127.0.0.1:%d" % self.port, "100"], place.path)
        place.at_end(self.process.kill)

    def start(self):
        self.process.start()
        wait_for(lambda: "smtp-sink listens\n" + self.process.log(), self.listens)
        return self

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def find(self, token):
        found = []
        for name in os.listdir(self.directory):
            with open(os.path.join(self.directory, name), "rb") as text:
                data = text.read()
            if token.encode() in data:
                found.append(data)
        return found


def openssl_client(port, said, *options, timeout=20):
    """What openssl s_client says when it is told this: R, k and K at the start of a line act."""
    return subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-starttls",
                           "smtp", *options], input=said, capture_output=True, timeout=timeout,
                          env=dict(os.environ, PATH=PATH)).stdout
