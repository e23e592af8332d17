"""An SMTP client that sends any bytes and shows every reply."""

import base64
import socket
import ssl


class Client:
    """Takes the greeting; every wait is bounded."""

    def __init__(self, port, address="127.0.0.1", source=None, timeout=10):
        self.socket = socket.create_connection((address, port), timeout,
                                               (source, 0) if source else None)
        self.socket.settimeout(timeout)
        self.input = b""
        self.greeting = self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def line(self):
        while b"\r\n" not in self.input:
            data = self.socket.recv(65536)
            if not data:
                if self.input:
                    raise AssertionError("half a line: %r" % self.input)
                return ""
            self.input += data
        line, self.input = self.input.split(b"\r\n", 1)
        if len(line) > 510 or b"\n" in line or b"\r" in line:
            raise AssertionError("not a line of SMTP: %r" % line)
        return line.decode("ascii")

    def lines(self):
        """The lines of one reply; none at the end of the connection."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return lines if lines[0] else []

    def reply(self):
        """The last line of one reply, "" at the end of the connection."""
        return (self.lines() or [""])[-1]

    def say(self, text):
        """A command and its reply."""
        return self.send(text if isinstance(text, bytes) else text + "\r\n").reply()

    def rest(self):
        """All replies up to the end of the connection."""
        replies = []
        while True:
            try:
                reply = self.reply()
            except ConnectionResetError:
                reply = ""
            if not reply:
                return replies
            replies.append(reply)

    def ehlo(self, name="client.example"):
        """The keywords offered."""
        self.send("EHLO %s\r\n" % name)
        return [line[4:] for line in self.lines()][1:]

    def starttls(self, key=None):
        """key: shows this certificate (keys.Key)."""
        reply = self.say("STARTTLS")
        if not reply.startswith("220"):
            raise AssertionError(reply)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if key is not None:
            context.load_cert_chain(key.certificate, key.key)
        self.socket = context.wrap_socket(self.socket)
        return self

    def plain(self, name, password, authzid=""):
        return self.say("AUTH PLAIN " + b64("%s\0%s\0%s" % (authzid, name, password)))

    def begin(self, sender="a@outside.example", recipients=("anna@contoso.com",), parameters=""):
        """EHLO, MAIL and RCPT, which have to succeed."""
        self.ehlo()
        for line in ["MAIL FROM:<%s>%s" % (sender, parameters)] + [
                "RCPT TO:<%s>" % r for r in recipients]:
            reply = self.say(line)
            if not reply.startswith("250"):
                raise AssertionError("%s: %s" % (line, reply))
        return self

    def data(self, content):
        """DATA with content as it stands; the reply to it."""
        reply = self.say("DATA")
        if not reply.startswith("354"):
            raise AssertionError(reply)
        return self.say(content if isinstance(content, bytes) else content.encode())


def mechanisms(offers):
    """Those of AUTH among the keywords that EHLO offers."""
    return [name for line in offers if line.startswith("AUTH ") for name in line.split()[1:]]


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()
