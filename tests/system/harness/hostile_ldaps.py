"""Servers on a port for LDAP over TLS whose answers make no sense."""

import socket
import ssl
import threading

from .base import free_port

SUCCESS, UNWILLING = 0, 53
BIND, UNBIND, SEARCH, ABANDON, EXTENDED = 0x60, 0x42, 0x63, 0x50, 0x77
ANSWERS = {BIND: 0x61, SEARCH: 0x65, 0x66: 0x67, 0x68: 0x69, 0x4a: 0x6b, EXTENDED: 0x78}


def ber(tag, content):
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x84" + size.to_bytes(4, "big")
    return bytes([tag]) + length + content


def message(number, tag, content):
    return ber(0x30, ber(2, number.to_bytes(4, "big")) + ber(tag, content))


def result(number, request, code=SUCCESS, text=b""):
    return message(number, ANSWERS[request],
                   ber(10, bytes([code])) + ber(4, b"") + ber(4, text))


def entry(number, dn, **attributes):
    return message(number, 0x64, ber(4, dn) + ber(0x30, b"".join(
        ber(0x30, ber(4, name.encode()) + ber(0x31, b"".join(ber(4, v) for v in values)))
        for name, values in attributes.items())))


def _read(stream, size):
    data = stream.read(size)
    if data is None or len(data) < size:
        raise EOFError
    return data


def request(stream):
    """(number, tag) of the next one."""
    _, length = _read(stream, 2)
    if length & 0x80:
        length = int.from_bytes(_read(stream, length & 0x7f), "big")
    body = _read(stream, length)
    size = body[1]
    return int.from_bytes(body[2:2 + size], "big"), body[2 + size]


# Each is given the stream and a number and tag of every request; what comes back is sent.

def garbage(number, tag):
    return bytes(range(256)) * 64


def endless_length(number, tag):
    return b"\x30\x84\x7f\xff\xff\xff" + bytes(1 << 20)


def refuses(number, tag):
    return result(number, tag, UNWILLING, b"\xff\x00\r\n evil \x1b[31m" + b"x" * 500000)


def says_yes(number, tag):
    """To everything, and shows nothing."""
    return result(number, tag)


def wrong_number(number, tag):
    return result(number + 7, tag) + result(0, tag)


def other_tree(number, tag):
    """Entries that nobody asked for."""
    if tag != SEARCH:
        return result(number, tag)
    return b"".join(
        entry(number, dn, objectClass=[b"hubEdgeState", b"\xff"], hubLeaseHolder=[b"\0", b"=,=,"],
              hubLeaseExpiry=[b"99999999999999Z"], cn=[b"x" * 70000])
        for dn in (b"cn=Edge State,cn=Transport,o=Edge", b"not a name", b"", b"cn=" + b"a" * 9000)
    ) + result(number, tag)


def flood(number, tag):
    """More entries than anybody wants."""
    if tag != SEARCH:
        return result(number, tag)
    return b"".join(entry(number, b"cn=%d,cn=Accepted Domains,cn=Transport,o=Edge" % n, cn=[
        b"x" * 1000], objectClass=[b"hubAcceptedDomain"]) for n in range(20000)) + result(
            number, tag)


def entries(number, tag):
    """To binds and writes too."""
    return entry(number, b"cn=x", cn=[b"x"]) + result(number, tag)


def intermediate(number, tag):
    """Nothing is final, and then it is."""
    return message(number, 0x79, ber(0x81, b"")) + result(number, tag)


def below_zero(number, tag):
    return result(number, tag, 0xff)


def closes(number, tag):
    return b""


MANNERS = {manner.__name__: manner for manner in (
    garbage, endless_length, refuses, says_yes, wrong_number, other_tree, flood, entries,
    intermediate, below_zero, closes)}


class Server:
    """manners: names of MANNERS; every connection has the next one."""

    def __init__(self, place, key, *manners):
        self.answers = [MANNERS[manner] for manner in manners]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(key.certificate, key.key)
        self.port = free_port()
        self.sessions = 0
        self._heard = b""
        self._open = set()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()
        place.at_end(self.close)

    def heard(self):
        """Kinds of the requests, a byte each."""
        return self._heard

    def close(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        self._listener.close()
        for one in list(self._open):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with self.context.wrap_socket(connection, server_side=True) as session:
                answer = self.answers[self.sessions % len(self.answers)]
                self.sessions += 1
                self._talk(session, answer)
        except (OSError, EOFError, IndexError):
            pass
        self._open.discard(connection)

    def _talk(self, session, answer):
        stream = session.makefile("rb")
        while True:
            number, tag = request(stream)
            self._heard += bytes([tag])
            if tag in ANSWERS:
                said = answer(number, tag)
                session.sendall(said)
                if not said:
                    return
