"""A peer that answers one command of a session wrongly, late, in pieces or never.

One program plays all peers: each case (Case) has two loopback addresses of its own. At the first of
them the case's deviation takes the place of the reply to its state, once; the second behaves.
"""

import asyncio
import contextlib
import re
import socket
import ssl
import threading

from .hostile import RESET

LONG_LINE = 1 << 20
LINES = 10000
IDLE_S = 0.1            # without a command after a message, the session is held for idle
BUSY_S = 0.5            # after a word in the middle of a body, in which nothing more is read
READ = 65536
SOME = 16384            # of a body; the more is taken, the more the sender's kernel holds


class Gone(Exception):
    """The session is over."""


class Case:
    """
    deviation answers in that state; times: how often; offers: EHLO keywords; script: other states
    that deviate as well, by name; both: so does the second host.
    """

    def __init__(self, number, state, deviation, offers=(), times=1, script=None, lmtp=False,
                 both=False):
        self.number = number
        self.name = "r%d" % number
        self.words = "words of %s" % self.name
        self.state = state
        self.deviation = deviation
        self.offers = tuple(offers)
        self.lmtp, self.both = lmtp, both
        self.left = {state: times}
        self.script = {state: deviation}
        for other, (what, often) in (script or {}).items():
            self.script[other] = what
            self.left[other] = often
        place = "%d.%d" % (number // 250, number % 250 + 1)
        self.first, self.second = "127.10." + place, "127.110." + place
        self.sessions = {self.first: 0, self.second: 0}
        self.taken = []         # (host, session, sender, recipients) of each message
        self.bodies = []        # of the same
        self.said = []          # (host, session, line)
        self.deviated = 0
        self.ended = 0


class Session:
    """One connection."""

    def __init__(self, case, host, reader, writer, context):
        self.case, self.host = case, host
        self.reader, self.writer, self.context = reader, writer, context
        case.sessions[host] += 1
        self.number = case.sessions[host]
        self.tls = None
        self.input = self.held = b""
        self.reset()
        self.mails = 0
        self.greeted = False

    def reset(self):
        self.sender, self.recipients, self.named, self.chunks = None, [], 0, b""

    # --- bytes ---

    async def raw(self, data):
        try:
            self.writer.write(data)
            await self.writer.drain()
        except (ConnectionError, OSError):
            raise Gone from None

    async def out(self, data):
        """RFC 2920 section 3.2: replies to commands that came together go out together."""
        self.held += data

    async def flush(self):
        data, self.held = self.held, b""
        if self.tls is not None and data:
            self.tls.write(data)
            data = self.outgoing.read()
        if data:
            await self.raw(data)

    async def more(self):
        """False at the end."""
        await self.flush()
        if self.tls is not None and self.decrypt():
            return True
        try:
            data = await self.reader.read(READ)
        except (ConnectionError, OSError):
            raise Gone from None
        if not data:
            return False
        if self.tls is None:
            self.input += data
            return True
        self.incoming.write(data)
        self.decrypt()
        return True

    def decrypt(self):
        """True if there was something."""
        try:
            data = self.tls.read(1 << 20)
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:
            raise Gone from None
        if not data:
            raise Gone
        self.input += data
        return True

    async def line(self):
        while b"\r\n" not in self.input:
            if not await self.more():
                raise Gone
        line, self.input = self.input.split(b"\r\n", 1)
        return line.decode("utf-8", "replace")

    async def until_gone(self):
        while await self.more():
            self.input = b""
        raise Gone

    async def abort(self):
        await self.flush()
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.writer.transport.abort()
        raise Gone

    async def handshake(self):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.incoming.write(self.input)
        self.input = b""
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self.raw(self.outgoing.read())
                data = await self.reader.read(READ)
                if not data:
                    raise Gone from None
                self.incoming.write(data)
            except ssl.SSLError:
                raise Gone from None
        await self.raw(self.outgoing.read())
        self.tls = tls

    # --- replies ---

    def due(self, state):
        """Does the case deviate here?"""
        case = self.case
        return (case.both or self.host == case.first) and case.left.get(state, 0) > 0

    async def say(self, state, reply):
        """Tells whether what was asked is done."""
        case = self.case
        if self.due(state):
            case.left[state] -= 1
            if state == case.state:
                case.deviated += 1
            return await case.script[state](self, reply)
        await self.out(reply.encode() + b"\r\n")
        return True

    # --- the session ---

    async def run(self):
        await self.say("greeting", "220 sim.example")
        while await self.command():
            pass
        await self.flush()

    async def command(self):
        if self.mails == 1 and self.sender is None and self.due("idle"):
            try:
                await asyncio.wait_for(self.reader_ready(), IDLE_S)
            except asyncio.TimeoutError:
                await self.say("idle", "250 2.0.0 " + self.case.words)
        line = await self.line()
        self.case.said.append((self.host, self.number, line))
        verb = line.split(" ", 1)[0].lower()
        handler = getattr(self, "on_" + verb, None)
        if handler is None:
            await self.out(b"502 5.5.2 what\r\n")
            return True
        return await handler(line)

    async def reader_ready(self):
        while b"\r\n" not in self.input:
            if not await self.more():
                raise Gone

    async def on_ehlo(self, line):
        offers = ["sim.example", *self.case.offers]
        if self.tls is not None:
            offers = [offer for offer in offers if offer != "STARTTLS"]
        reply = "\r\n".join("250%s%s" % (" " if offer is offers[-1] else "-", offer)
                            for offer in offers)
        await self.say("EHLO2" if self.tls else "EHLO", reply)
        return True

    on_lhlo = on_ehlo

    async def on_helo(self, line):
        await self.say("HELO", "250 sim.example")
        return True

    async def on_starttls(self, line):
        if await self.say("STARTTLS", "220 2.0.0 go"):
            await self.flush()
            if self.due("handshake"):
                await self.more()
                await self.say("handshake", "")
            else:
                await self.handshake()
        return True

    async def on_auth(self, line):
        if line.upper().startswith("AUTH PLAIN "):
            await self.say("AUTH", "235 2.7.0 welcome")
            return True
        if not await self.say("AUTH", "334 VXNlcm5hbWU6"):
            return True
        await self.line()
        if not await self.say("user", "334 UGFzc3dvcmQ6"):
            return True
        await self.line()
        await self.say("password", "235 2.7.0 welcome")
        return True

    async def on_mail(self, line):
        sender = re.search("<(.*?)>", line).group(1)
        if await self.say("MAIL" if self.mails == 0 else "MAIL2", "250 2.1.0 sender ok"):
            self.sender = sender
        return True

    async def on_rcpt(self, line):
        self.named += 1
        if self.sender is None:
            await self.out(b"503 5.5.1 MAIL first\r\n")
        elif await self.say("RCPT%d" % self.named, "250 2.1.5 recipient ok"):
            self.recipients.append(re.search("<(.*?)>", line).group(1))
        return True

    async def on_data(self, line):
        if not self.recipients:
            await self.out(b"503 5.5.1 RCPT first\r\n")
            return True
        if not await self.say("DATA", "354 go"):
            return True
        data = bytearray(b"\r\n")
        while True:
            if self.case.state == "body" and len(data) > SOME and self.due("body"):
                await self.say("body", "250 2.0.0 taken " + self.case.words)
                await asyncio.sleep(BUSY_S)
                await self.until_gone()
            seen, end = len(data), -1
            if self.input or await self.more():
                data += self.input
                self.input = b""
                end = data.find(b"\r\n.\r\n", max(seen - 4, 0))
            else:
                raise Gone
            if end >= 0:
                self.input = bytes(data[end + 5:])
                return await self.end(bytes(data[2:end + 2]))

    async def on_bdat(self, line):
        words = line.split()
        size = int(words[1])
        while len(self.input) < size:
            if not await self.more():
                raise Gone
        data, self.input = self.input[:size], self.input[size:]
        if not self.recipients:
            await self.out(b"503 5.5.1 RCPT first\r\n")
            return True
        self.chunks += data
        if len(words) > 2:
            return await self.end(self.chunks, "LAST")
        if not await self.say("BDAT", "250 2.0.0 chunk"):
            self.recipients = []
        return True

    async def end(self, data, state="end"):
        sender, recipients = self.sender, self.recipients
        self.reset()
        for number, recipient in enumerate(recipients if self.case.lmtp else (None,), 1):
            name = "%s%d" % (state, number) if self.case.lmtp else state
            who = recipients if recipient is None else [recipient]
            # before it is said: the hub may be quicker than this thread
            entry = (self.host, self.number, sender, who)
            self.case.taken.append(entry)
            try:
                if not await self.say(name, "250 2.0.0 taken"):
                    self.case.taken.remove(entry)
            except Gone:
                if not getattr(self, "complete", False):
                    self.case.taken.remove(entry)
                raise
        self.case.bodies.append(data)
        self.mails += 1
        return True

    async def on_rset(self, line):
        self.reset()
        await self.say("RSET", "250 2.0.0 ok")
        return True

    async def on_quit(self, line):
        await self.say("QUIT", "221 2.0.0 bye")
        return False


# --- deviations: each tells whether the peer did what was asked; Gone ends the session ---

def code(number, enhanced=None, done=False, then=None):
    """That reply, then nothing, "fin" or "rst"."""
    async def deviate(s, reply):
        words = "%s %s" % (enhanced, s.case.words) if enhanced else s.case.words
        await s.out(("%03d %s\r\n" % (number, words)).encode())
        if number == 421 and then is None:
            await s.until_gone()
        return await ending(s, then, done)
    return deviate


async def ending(s, how, done):
    await s.flush()
    if how == "fin":
        if done:
            s.complete = True
        raise Gone
    if how == "rst":
        if done:
            s.complete = True
        await s.abort()
    return done


def data(text, done=False, then=None):
    """Those bytes: WORDS and REPLY are replaced."""
    async def deviate(s, reply):
        await s.out(text.replace(b"WORDS", s.case.words.encode()).replace(b"REPLY", reply.encode()))
        if then == "gone":
            await s.until_gone()
        return await ending(s, then, done)
    return deviate


async def wrong_class(s, reply):
    """3xx where 2xx is due, 2xx where 3xx is due."""
    number = 250 if reply[:1] == "3" else 354
    return await code(number)(s, reply)


async def nul(s, reply):
    await s.out(reply[:4].encode() + b"a\0b\0c" + reply[3:].encode().replace(b"\r\n", b"\0\r\n") +
                b"\r\n")
    return True


async def eight_bit(s, reply):
    await s.out(reply.encode() + b" gr\xc3\xbc\xdf \xff\r\n")
    return True


async def pieces(s, reply):
    for byte in reply.encode() + b"\r\n":
        await s.out(bytes([byte]))
        await s.flush()
    return True


async def drip(s, reply):
    """Always another byte, never the end."""
    await s.out(reply[:3].encode() + b"-")
    while True:
        await s.out(b"x")
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(s.until_gone(), 0.25)


async def drip_lines(s, reply):
    """Always another line, never the last."""
    while True:
        await s.out(reply[:3].encode() + b"-" + s.case.words.encode() + b"\r\n")
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(s.until_gone(), 0.25)


async def bare_lf(s, reply):
    await s.out(reply.encode() + b" WORDS\n")
    return False


async def codes_differ(s, reply):
    await s.out(reply[:3].encode() + b"-one\r\n550 5.7.77 " + s.case.words.encode() + b"\r\n")
    return False


async def endless(s, reply):
    line = reply[:3].encode() + b"-" + s.case.words.encode() + b"\r\n"
    for _ in range(10):
        await s.out(line * (LINES // 10))
        await s.flush()
    return False


async def long_line(s, reply):
    await s.out(reply.encode())
    for _ in range(16):
        await s.out(b"x" * (LONG_LINE // 16))
        await s.flush()
    return False


async def silence(s, reply):
    await s.until_gone()


async def late(s, reply):
    """Once the hub has given up."""
    with contextlib.suppress(Gone):
        await s.until_gone()
    await s.out(reply.encode() + b"\r\n")
    await s.flush()
    raise Gone


async def fin(s, reply):
    await s.flush()
    raise Gone


async def rst(s, reply):
    await s.abort()


async def half_close(s, reply):
    await s.flush()
    s.writer.write_eof()
    await s.until_gone()


async def partial(s, reply):
    """The reply but for its end."""
    await s.out(reply[:3].encode() + b"-" + s.case.words.encode() + b"\r\n" + reply.encode())
    await s.flush()
    raise Gone


def complete(then):
    """The reply, whole; then the end."""
    async def deviate(s, reply):
        await s.out(reply.encode() + b"\r\n")
        return await ending(s, then, True)
    return deviate


def offers(*keywords):
    """What is said to EHLO."""
    lines = ["sim.example", *keywords]

    async def deviate(s, reply):
        for line in lines[:-1]:
            await s.out(("250-%s\r\n" % line).encode())
        await s.out(("250 %s\r\n" % lines[-1]).encode())
        return True
    return deviate


async def swallow(s, reply):
    """The reply; commands that came with the one it is for are lost."""
    await s.out(reply.encode() + b"\r\n")
    await s.flush()
    s.input = b""
    return True


def two(second):
    """The reply, and in the same segment the one to a command that was not said yet."""
    async def deviate(s, reply):
        await s.out((reply + "\r\n" + second + "\r\n").encode())
        return True
    return deviate


def plain(text):
    """Bytes beside TLS."""
    async def deviate(s, reply):
        await s.flush()
        await s.raw(text)
        await s.until_gone()
    return deviate


ALERT = plain(b"\x15\x03\x03\x00\x02\x02\x28")
GARBAGE = plain(b"\x17\x03\x03\x00\x20" + b"no record of TLS, but so long...")


# --- the server ---

class Simulator:
    """small: a port whose peers take little at a time, so that a body is long on its way."""

    def __init__(self, place, cases, port, small, key=None):
        self.cases = {host: case for case in cases for host in (case.first, case.second)}
        self.context = None
        if key is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(key.certificate, key.key)
            self.context.num_tickets = 0
        self.open = 0
        self.faults = []
        self.loop = asyncio.new_event_loop()
        self.sockets = [self.listener(port), self.listener(small, 4096)]
        self.started = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.started.wait()
        place.at_end(self.stop)

    @staticmethod
    def listener(port, buffer=None):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffer is not None:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            # the sender's kernel holds some segments, whatever their size
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        s.bind(("0.0.0.0", port))
        s.listen(1000)
        return s

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.serve())

    async def serve(self):
        self.over = asyncio.Event()
        servers = [await asyncio.start_server(self.session, sock=s, limit=SOME)
                   for s in self.sockets]
        self.started.set()
        await self.over.wait()
        for server in servers:
            server.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join()

    async def session(self, reader, writer):
        host = writer.get_extra_info("sockname")[0]
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s = Session(self.cases[host], host, reader, writer, self.context)
        self.open += 1
        try:
            await s.run()
        except Gone:
            pass
        except asyncio.CancelledError:
            raise
        except Exception as problem:  # the simulator's own: the test tells
            self.faults.append((s.case.name, repr(problem)))
        finally:
            self.open -= 1
            s.case.ended += 1
            writer.close()
