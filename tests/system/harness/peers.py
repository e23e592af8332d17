"""Peers of the hubs: a sink that keeps every byte, and a real DNS server."""

import collections
import contextlib
import io
import os
import signal
import socket
import socketserver
import ssl
import subprocess
import threading

from .base import Process, free_port, run, wait_for

Message = collections.namedtuple("Message", "sender recipients data helo tls session")


class _Handler(socketserver.StreamRequestHandler):
    timeout = 120
    disable_nagle_algorithm = True

    def reply(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        sink = self.server.sink
        with sink.changed:
            sink.sessions += 1
            self.number = sink.sessions
            sink.peers.append(self.client_address[0])
        self.tls = False
        self.helo = None
        self.reset()
        try:
            banner = self.scripted("(banner)")
            if banner is None:
                self.reply("220 sink.example ESMTP")
            while banner is not False and self.command():
                pass
        except (OSError, ValueError):
            pass

    def reset(self):
        self.sender, self.recipients = None, []

    def scripted(self, line):
        """What the script has for the line is said: None nothing, False it ends the session."""
        reply = self.server.sink.scripted(line)
        if callable(reply):
            reply = reply()
        if reply is None:
            return None
        said = reply.removesuffix("close").rstrip()
        if said:
            self.reply(said)
        return not reply.endswith("close") and not reply.startswith("421")

    def command(self):
        line = self.rfile.readline(4096)
        if not line.endswith(b"\r\n"):
            return False
        text = line[:-2].decode("utf-8", "replace")
        verb = text.split(" ", 1)[0].upper()
        self.server.sink.note(text, self.tls)
        scripted = self.scripted(text)
        if scripted is not None:
            return scripted
        handler = getattr(self, "on_" + verb.lower(), None)
        if handler is None:
            self.reply("502 5.5.1 not here")
            return True
        return handler(text)

    def on_ehlo(self, text):
        self.helo = text.split(" ", 1)[1]
        offers = ["sink.example"] + [o for o in self.server.sink.offers
                                     if o != "STARTTLS" or not self.tls]
        for offer in offers[:-1]:
            self.reply("250-" + offer)
        self.reply("250 " + offers[-1])
        return True

    on_lhlo = on_ehlo

    def on_helo(self, text):
        self.helo = text.split(" ", 1)[1]
        self.reply("250 sink.example")
        return True

    def on_starttls(self, text):
        sink = self.server.sink
        self.reply("220 go")
        if sink.staple is not None:
            self.rfile, self.wfile = sink.staple.session(self.connection)
        else:
            self.connection = sink.tls_context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = socketserver._SocketWriter(self.connection)
            with sink.changed:
                sink.clients.append(self.connection.getpeercert(True))
                sink.resumed.append(self.connection.session_reused)
        self.tls = True
        return True

    def on_mail(self, text):
        self.sender = text[text.index("<") + 1:text.index(">")]
        self.reply("250 2.1.0 ok")
        return True

    def on_rcpt(self, text):
        if self.sender is None:
            self.reply("503 5.5.1 no sender")
            return True
        self.recipients.append(text[text.index("<") + 1:text.index(">")])
        self.reply("250 2.1.5 ok")
        return True

    def on_data(self, text):
        if not self.recipients:
            self.reply("554 5.5.1 no recipients")
            return True
        self.reply("354 go")
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return False
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        return self.take(b"".join(lines))

    chunks = b""

    def on_bdat(self, text):
        words = text.split()
        size = int(words[1])
        data = self.rfile.read(size)
        if len(data) != size:
            return False
        self.chunks += data
        if len(words) > 2:
            data, self.chunks = self.chunks, b""
            if self.recipients:
                return self.take(data)
            self.reply("554 5.5.1 no recipients")
        else:
            self.reply("250 2.0.0 chunk")
        return True

    def take(self, data):
        sink, taken = self.server.sink, self.recipients
        scripted = None if sink.lmtp else self.scripted("(body)")
        if scripted is not None:
            self.reset()
            return scripted
        message = Message(self.sender, taken, data, self.helo, self.tls, self.number)
        self.reset()
        sink.keep(message)
        if not sink.lmtp:
            self.reply("250 2.0.0 taken")
        for recipient in taken if sink.lmtp else ():
            scripted = self.scripted("(body) " + recipient)
            if scripted is None:
                self.reply("250 2.0.0 taken")
            elif not scripted:
                return False
        return True

    def on_rset(self, text):
        self.reset()
        self.reply("250 2.0.0 ok")
        return True

    def on_noop(self, text):
        self.reply("250 2.0.0 ok")
        return True

    def on_quit(self, text):
        self.reply("221 2.0.0 bye")
        return False


class Staple:
    """TLS for a sink by OpenSSL's own server, which can staple; Python's cannot."""

    def __init__(self, place, certificate, response):
        self.place = place
        self.command = ["openssl", "s_server", "-quiet", "-naccept", "1", "-verify", "1",
                        "-verify_quiet", "-cert",
                        certificate.certificate, "-key", certificate.key]
        if response is not None:
            self.command += ["-status_file", response]

    def session(self, connection):
        """What is said inside: a file to read and one to write."""
        port = free_port()
        server = subprocess.Popen(self.command + ["-accept", "127.0.0.1:%d" % port],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, bufsize=0)
        self.place.at_end(lambda: (server.kill(), server.wait()))
        inner = wait_for("openssl s_server listens", lambda: self.connect(port))
        for one, other in ((connection, inner), (inner, connection)):
            threading.Thread(target=self.pump, args=(one, other), daemon=True).start()
        return io.BufferedReader(server.stdout), server.stdin

    @staticmethod
    def connect(port):
        try:
            return socket.create_connection(("127.0.0.1", port), 5)
        except OSError:
            return None

    @staticmethod
    def pump(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class _Server6(_Server):
    address_family = socket.AF_INET6


class Sink:
    """SMTP or LMTP; keeps messages byte for byte as they were before dot stuffing."""

    handler = _Handler

    def __init__(self, place, lmtp=False, address="127.0.0.1", port=None, key=None,
                 offers=("PIPELINING", "8BITMIME", "SIZE 0", "ENHANCEDSTATUSCODES")):
        self.lmtp = lmtp
        self.offers = list(offers)
        self.tls_context = None
        if key is not None:
            self.tls_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls_context.load_cert_chain(key.certificate, key.key)
            self.offers.append("STARTTLS")
        self.staple = None
        self.clients = []  # of each TLS session the certificate that we were shown, DER
        self.resumed = []
        self.changed = threading.Condition()
        self.messages = []
        self.commands = []
        self.in_clear = []
        self.sessions = 0
        self.peers = []     # addresses, one of each session
        self.script = {}
        self.address = (address, port or free_port(address))
        self.server = None
        self.start()
        place.at_end(self.stop)
        place.at_failure("sink-%s-%d" % self.address, self.tell)

    @property
    def port(self):
        return self.address[1]

    def tell(self):
        """What was said last, and of each message the first of the header."""
        with self.changed:
            return "\n".join([
                "%d sessions, script %r, last commands:" % (self.sessions, self.script),
                *self.commands[-300:], "messages:", *("%s -> %s %r" % (
                    m.sender, m.recipients, m.data[:500]) for m in self.messages[-100:])])

    def start(self):
        self.server = (_Server6 if ":" in self.address[0] else _Server)(self.address, self.handler)
        self.server.sink = self
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05},
                         daemon=True).start()

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def answer(self, prefix, reply, times=None):
        """
        Lines that begin with prefix get reply instead, so many times; None takes that back. Besides
        commands there are "(banner)", "(body)" for what follows the final dot, and for LMTP
        "(body) address". A reply that ends in "close" is said without that word, then the
        connection is closed; of a function that result counts, so a session can be held.
        """
        with self.changed:
            if reply is None:
                self.script.pop(prefix, None)
            else:
                self.script[prefix] = [reply, times]

    def scripted(self, line):
        with self.changed:
            for prefix, entry in self.script.items():
                if not line.upper().startswith(prefix.upper()) or entry[1] == 0:
                    continue
                if entry[1] is not None:
                    entry[1] -= 1
                return entry[0]
        return None

    def note(self, line, tls):
        with self.changed:
            self.commands.append(line)
            if not tls:
                self.in_clear.append(line)

    def keep(self, message):
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def find(self, token):
        token = token if isinstance(token, bytes) else token.encode()
        with self.changed:
            return [m for m in self.messages if token in m.data]

    def wait(self, token, count=1, deadline=None):
        """The messages whose data holds token, once there are count of them."""
        return wait_for(lambda: "%d message(s) with %r at port %d, have %d in all" % (
            count, token, self.port, len(self.messages)),
            lambda: self.find(token) if len(self.find(token)) >= count else None, deadline)


class Dns:
    """Debian's knotd with zones of our own on a free port."""

    def __init__(self, place, zones, name="knot"):
        self.place = place
        self.port = free_port()
        self.zones, self.written = dict(zones), set()
        directory = place.directory(name)
        self.directory = directory
        os.chmod(directory, 0o777)
        conf = ["server:", "  listen: 127.0.0.1@%d" % self.port, "  rundir: %s" % directory,
                "  pidfile: %s/pid" % directory, "log:", "  - target: stderr", "    any: info",
                "database:", "  storage: %s" % directory, "template:", "  - id: default",
                "    storage: %s" % directory, "    file: %s/%%s.zone" % directory,
                "    zonefile-sync: -1", "    journal-content: none", "zone:"]
        for zone in zones:
            conf.append("  - domain: " + zone)
        self.conf = os.path.join(directory, "knot.conf")
        with open(self.conf, "w") as out:
            out.write("\n".join(conf) + "\n")
        for zone, records in zones.items():
            if records is not None:  # without a file the server fails for that zone
                self.write(zone, records)
        self.process = Process(name, ["knotd", "-c", self.conf], place.path)
        place.at_end(self.process.kill)

    @property
    def server(self):
        return "127.0.0.1:%d" % self.port

    def write(self, zone, records):
        self.written.add(zone)
        with open(os.path.join(self.directory, zone + ".zone"), "w") as out:
            out.write("$ORIGIN %s.\n$TTL 1\n@ SOA ns hostmaster 1 60 60 60 1\n@ NS ns\n"
                      "ns A 127.0.0.1\n%s\n" % (zone, records))

    def reload(self):
        """Files written anew are in force on return."""
        def loads():
            log = self.process.log()
            return [log.count("[%s.] loaded, " % zone) for zone in self.written]
        before = loads()
        self.process.signal(signal.SIGHUP)
        wait_for("knot reloads", lambda: all(now > then for now, then in zip(loads(), before)))
        self.written.clear()

    def answers(self):
        query = bytes.fromhex("123401000001000000000000") + b"\x00\x00\x06\x00\x01"  # . SOA
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            try:
                probe.sendto(query, ("127.0.0.1", self.port))
                return len(probe.recv(512)) >= 12
            except OSError:
                return False

    def start(self):
        self.process.start()
        self.written.clear()
        wait_for(lambda: "knot answers\n" + self.process.log()[-2000:], self.answers)
        return self

    def stop(self):
        self.process.stop()
