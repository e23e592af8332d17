"""A peer that does each thing wrong at each state of a session, and what the hub makes of it.

Every case is a state of the session and a deviation there, with two addresses: the first deviates,
once, the second behaves. Two messages for three recipients each are sent to each case, all cases at
a time through one hub. What has to come of it is said by the kind of the deviation and the state
(RULES), and where a case has its own answer, by EXCEPTIONS.
"""

import contextlib
import copy
import os
import re
import socket
import threading
import unittest

from .harness import simulator as sim
from .harness.base import Place, free_port, sanitized, wait_for
from .harness.delivery import QUICK, Report
from .harness.directory import record
from .harness.hub import parse_event
from .harness.keys import Key
from .harness.organization import message, send
from .harness.peers import Dns
from .harness.relay import CONNECTORS, PASSWORD, Relay

TEMPORARY, PERMANENT, CLOSING, LOST, NONSENSE, FINE, LIE = "TPCLNFX"
QUIET_S = 2     # hubConnectionInactivityTimeout of cases that are silent
PATIENT_S = 60
MEMORY_KIB = 100 << 10   # buffers of a thousand sessions at a time, which the heap keeps
TURN_MS = 1000  # 50 on a machine that has nothing else to do
LARGE = 1500 << 10
CHUNKS = 200 << 10

# what becomes of it: the three recipients of the message that was hit, and of the other message
SAME = "delivered"      # nobody put off, all in one session
FRESH = "fresh"         # nobody put off, a new session with the same host
NEXT = "next"           # by the second host at once, the first is left out from then on
DEFERRED = "deferred"   # one message is put off, and delivered later
RETURNED = "returned"   # one message comes back
ALL = "all returned"    # both do
ONE = "one "            # of these: only the recipient that was hit
LATER = ", later ones deferred"
REST = "later deferred"  # of LMTP's recipients that of the reply and those behind it
BEHIND = "behind deferred"  # only those behind it
TWICE = "deferred, twice"   # the peer has taken it nevertheless

# kind, what is done, is it silent (the hub has to lose its patience)
DEVIATIONS = {
    "4xx": (TEMPORARY, sim.code(451, "4.7.77")),
    "4xx fin": (TEMPORARY, sim.code(451, "4.7.77", then="fin")),
    "5xx": (PERMANENT, sim.code(550, "5.7.77")),
    "5xx fin": (PERMANENT, sim.code(550, "5.7.77", then="fin")),
    "5xx rst": (PERMANENT, sim.code(550, "5.7.77", then="rst")),
    "421": (CLOSING, sim.code(421, "4.3.77")),
    "421 fin": (CLOSING, sim.code(421, "4.3.77", then="fin")),
    "wrong class": (NONSENSE, sim.wrong_class),
    "1xx": (NONSENSE, sim.code(150)),
    "000": (NONSENSE, sim.code(0)),
    "650": (NONSENSE, sim.code(650)),
    "999": (NONSENSE, sim.code(999)),
    "text": (NONSENSE, sim.data(b"WORDS\r\n")),
    "empty": (NONSENSE, sim.data(b"\r\n")),
    "long line": (NONSENSE, sim.long_line),
    "codes differ": (NONSENSE, sim.codes_differ),
    "endless": (NONSENSE, sim.endless),
    "bare lf": (NONSENSE, sim.bare_lf),
    "bare cr": (NONSENSE, sim.data(b"250 a\rb WORDS\r\n")),
    "nul": (FINE, sim.nul),
    "8 bit": (FINE, sim.eight_bit),
    "pieces": (FINE, sim.pieces),
    "fin": (LOST, sim.fin),
    "rst": (LOST, sim.rst),
    "half close": (LOST, sim.half_close),
    "partial": (LOST, sim.partial),
    "silence": (LOST, sim.silence),
    "late": (LOST, sim.late),
    "cr": (LOST, sim.data(b"REPLY\r", then="gone")),
    "drip": (LOST, sim.drip),
    "drip lines": (LOST, sim.drip_lines),
    "reply fin": (FINE, sim.complete("fin")),
    "reply rst": (FINE, sim.complete("rst")),
    "two": (FINE, None),
    "alert": (LOST, sim.ALERT),
    "garbage": (LOST, sim.GARBAGE),
    # what is said in EHLO, and is not so
    "small SIZE": (LIE, sim.offers("SIZE 3000")),
    "absurd SIZE": (LIE, sim.offers("SIZE 1" + "0" * 200, "SIZE -1", "SIZE x")),
    "long keywords": (LIE, sim.offers(*["X-%d %s" % (n, "y" * 4000) for n in range(90)])),
    "empty keywords": (LIE, sim.offers("", " ", "=", "AUTH", "AUTH=", "LIMITS", "SIZE")),
    "limits of nothing": (LIE, sim.offers("LIMITS RCPTMAX=0 MAILMAX=0 RCPTDOMAINMAX=0")),
    "no SMTPUTF8": (LIE, sim.offers("8BITMIME")),
    "unknown mechanisms": (LIE, sim.offers("AUTH FOO BAR", "AUTH")),
    "no AUTH": (LIE, sim.offers("SIZE")),
    "STARTTLS again": (LIE, sim.offers("STARTTLS")),
    "no STARTTLS": (LIE, sim.offers("SIZE")),
    "no pipelining": (LIE, sim.swallow),
    "no BDAT": (LIE, sim.code(502, "5.5.1")),
    "no NOTIFY": (LIE, sim.code(501, "5.5.4")),
    "yes with 5.1.1": (LIE, sim.code(250, "5.1.1", done=True)),
    "no with 2.1.5": (LIE, sim.code(550, "2.1.5")),
}
# domains of their own, by what the connector needs: attributes, do peers take little at a time
GROUPS = {
    "sim": ({}, False),
    "tls": ({"hubRequireTLS": "TRUE"}, False),
    "small": ({}, True),
}
for _group, (_attributes, _small) in list(GROUPS.items()):
    _attributes["hubConnectionInactivityTimeout"] = str(PATIENT_S)
    GROUPS[_group + "quiet"] = (
        dict(_attributes, hubConnectionInactivityTimeout=str(QUIET_S)), _small)
SILENT = ("silence", "late", "cr", "drip", "drip lines", "no pipelining")
TLS_ONLY = ("alert", "garbage")
SPOKEN = ("4xx", "5xx", "5xx fin", "5xx rst", "421", "421 fin", "wrong class", "text", "1xx")
# the hub's own words say it better
UNSPOKEN = ("AUTH: wrong class", "user: wrong class", "handshake required: 5xx",
            "handshake required: text")
NOT_IDLE = ("silence", "late", "cr", "drip", "drip lines", "reply fin", "reply rst", "two",
            "alert", "garbage", "half close", "partial")
BYTES = ("5xx", "text", "fin", "rst", "half close", "silence", "alert", "garbage")

NO_HOST = dict.fromkeys("TPCLN", NEXT) | {FINE: SAME}
MESSAGE = dict.fromkeys("TCLN", DEFERRED) | {PERMANENT: RETURNED, FINE: SAME}
RECIPIENT = MESSAGE | {TEMPORARY: ONE + DEFERRED, PERMANENT: ONE + RETURNED}
LMTP_END = {TEMPORARY: ONE + DEFERRED, PERMANENT: ONE + RETURNED, CLOSING: REST, LOST: REST,
            NONSENSE: REST, FINE: SAME}
KEPT = dict.fromkeys("CLN", FRESH)      # a connection that was used before may end any time
REFUSED = {"EHLO": (sim.code(502, "5.5.1"), 9)}
NOBODY = {"RCPT%d" % n: (sim.code(550, "5.7.77"), 1) for n in (1, 2, 3)}
CUT = {"4xx fin": DEFERRED, "5xx fin": ONE + RETURNED + LATER, "5xx rst": ONE + RETURNED + LATER}
LMTP_CUT = {"4xx fin": REST, "5xx fin": ONE + RETURNED + LATER, "5xx rst": ONE + RETURNED + LATER}
STARTTLS = ("STARTTLS", "PIPELINING")
STATUS = {TEMPORARY: "4.7.77", PERMANENT: "5.7.77", CLOSING: "4.3.77", LOST: "4.4.2",
          NONSENSE: "4.5.0"}
PIPELINING = ("PIPELINING",)
CHUNKING = ("PIPELINING", "CHUNKING")
SECURE = {"group": "tls", "exceptions": dict.fromkeys(("4xx fin", "5xx fin", "5xx rst"), NEXT)}


class State:
    """
    rules: what follows, by kind; stage: how the hub names it; early: the second of "two" replies,
    that which the next command would have; two, end: what follows from these, and from a reply with
    the end of the connection behind it.
    """

    def __init__(self, rules, stage, early="", two=None, end=None, **other):
        self.rules, self.stage, self.early = rules, stage, early
        self.exceptions = {"two": two, "reply fin": end, "reply rst": end}
        self.exceptions.update(other.pop("exceptions", {}))
        self.at, self.offers, self.group, self.script = None, (), "sim", None
        self.only, self.without, self.body = None, TLS_ONLY, b"small\r\n"
        self.status, self.utf8 = "5.7.77", False
        self.taken = False      # the peer has, or may have, the message when it deviates
        vars(self).update(other)

    def under(self, **other):
        """The same under other circumstances."""
        new = copy.copy(self)
        new.exceptions = dict(self.exceptions, **other.pop("exceptions", {}))
        vars(new).update(other)
        return new

    def outcome(self, deviation):
        given = self.exceptions.get(deviation)
        return given or self.rules[DEVIATIONS[deviation][0]]

    def deviations(self):
        return [name for name in DEVIATIONS if name not in self.without and
                (name in self.only if self.only else DEVIATIONS[name][0] != LIE)]


STATES = {
    "greeting": State(NO_HOST, "greeting", "250 sim", NEXT, NEXT),
    "EHLO": State(NO_HOST | {PERMANENT: SAME}, "EHLO", "250 2.1.0 early", DEFERRED, DEFERRED,
                  exceptions={"5xx fin": NEXT, "5xx rst": NEXT}),
    "HELO": State(NO_HOST, "EHLO", "250 2.1.0 early", DEFERRED, DEFERRED, script=REFUSED),
    "MAIL": State(MESSAGE | {CLOSING: NEXT}, "MAIL", "250 2.1.5 early", DEFERRED, DEFERRED),
    "MAIL2": State(MESSAGE | KEPT, "MAIL", "250 2.1.5 early", DEFERRED, DEFERRED),
    "RCPT1": State(RECIPIENT, "RCPT", "250 2.1.5 early", DEFERRED, DEFERRED, exceptions=CUT),
    "RCPT2": State(RECIPIENT, "RCPT", "250 2.1.5 early", DEFERRED, DEFERRED, exceptions=CUT),
    "RCPT3": State(RECIPIENT, "RCPT", "354 early", DEFERRED, DEFERRED, exceptions=CUT),
    "DATA": State(MESSAGE, "DATA", "250 2.0.0 early", DEFERRED, DEFERRED),
    "body": State(MESSAGE | {FINE: DEFERRED}, "end of message", "250 2.0.0 early", DEFERRED,
                  DEFERRED, group="small", body=(b"x" * 98 + b"\r\n") * (LARGE // 100)),
    "end": State(MESSAGE, "end of message", "250 2.1.0 early", FRESH, FRESH),
    "RSET": State(dict.fromkeys("TPCLNF", RETURNED), "MAIL", "250 2.1.0 early", script=NOBODY),
    "QUIT": State(dict.fromkeys("TPCLNF", SAME), "MAIL", "250 early"),
    "idle": State(dict.fromkeys("TPCLNF", FRESH), "MAIL", without=NOT_IDLE),

    "STARTTLS": State(NO_HOST | {TEMPORARY: SAME, PERMANENT: SAME, LOST: FRESH}, "STARTTLS",
                      "250-evil\r\n250 AUTH PLAIN", NEXT, FRESH, offers=STARTTLS,
                      exceptions=dict.fromkeys(("4xx fin", "5xx fin", "5xx rst"), DEFERRED)),
    "handshake": State(dict.fromkeys("TPCLN", FRESH), "STARTTLS", offers=STARTTLS, only=BYTES),
    "EHLO2": State(NO_HOST, "EHLO", "250 2.1.0 early", DEFERRED, DEFERRED, offers=STARTTLS,
                   without=()),
    "AUTH": State(NO_HOST | {PERMANENT: ALL}, "AUTH", "334 early", NEXT, NEXT, group="auth"),
    "user": State(NO_HOST | {PERMANENT: ALL}, "AUTH", "235 early", NEXT, NEXT, group="auth"),
    "password": State(NO_HOST | {PERMANENT: ALL}, "AUTH", "250 2.1.0 early", DEFERRED, DEFERRED,
                      group="auth"),
    "LHLO": State(NO_HOST, "EHLO", "250 2.1.0 early", DEFERRED, DEFERRED, group="lmtp", at="EHLO",
                  without=TLS_ONLY + SILENT),
    "end1": State(LMTP_END, "end of message", "250 early", FRESH, BEHIND, group="lmtp",
                  without=TLS_ONLY + SILENT, taken=True, exceptions=LMTP_CUT),
    "end2": State(LMTP_END, "end of message", "250 early", FRESH, BEHIND, group="lmtp",
                  without=TLS_ONLY + SILENT, taken=True, exceptions=LMTP_CUT),
    "end3": State(LMTP_END, "end of message", "250 early", FRESH, FRESH, group="lmtp",
                  without=TLS_ONLY + SILENT, taken=True, exceptions=LMTP_CUT),
}
for name in ("MAIL", "RCPT1", "RCPT2", "RCPT3", "DATA", "end"):
    STATES[name + " pipelined"] = STATES[name].under(at=name, offers=PIPELINING)
for name in ("MAIL", "RCPT1", "RCPT2", "RCPT3"):
    STATES[name + " with BDAT"] = STATES[name].under(
        at=name, offers=CHUNKING, taken=True, exceptions={"two": TWICE})
STATES["BDAT"] = STATES["DATA"].under(
    stage="DATA|end of message", offers=CHUNKING, body=(b"x" * 98 + b"\r\n") * (CHUNKS // 100),
                                      exceptions={"two": TWICE})
STATES["LAST"] = STATES["end"].under(offers=CHUNKING, exceptions={"two": TWICE})
for name in ("STARTTLS", "handshake"):
    STATES[name + " required"] = STATES[name].under(
        at=name, rules=NO_HOST, **dict(SECURE, exceptions=dict(SECURE["exceptions"], **{
            "reply fin": NEXT, "reply rst": NEXT})))
for name in ("MAIL", "DATA", "end"):
    STATES[name + " in TLS"] = STATES[name].under(
        at=name, offers=STARTTLS, without=(), only=("alert", "garbage", "fin", "reply fin", "4xx"))
for name in ("AUTH", "user", "password"):
    STATES[name + " later"] = STATES[name].under(
        at=name, rules=NO_HOST, group="authlater", only=("4xx", "5xx", "5xx fin", "421", "text"))


def lie(name, at, outcome, **other):
    STATES[at + " with " + name] = STATES[at].under(at=at, only=(name,), without=(),
                                                    exceptions={name: outcome}, **other)


lie("small SIZE", "EHLO", RETURNED, status="5.3.4", body=b"y" * 98 + b"\r\n" + b"y" * 4000)
lie("absurd SIZE", "EHLO", SAME)
lie("long keywords", "EHLO", SAME)
lie("empty keywords", "EHLO", SAME)
lie("limits of nothing", "EHLO", SAME)
lie("no SMTPUTF8", "EHLO", ONE + RETURNED, status="5.6.7", utf8=True)
lie("unknown mechanisms", "EHLO", NEXT, group="auth")
lie("no AUTH", "EHLO", NEXT, group="auth")
lie("STARTTLS again", "EHLO2", SAME)
lie("no STARTTLS", "EHLO", NEXT, group="tls", offers=STARTTLS)
lie("no pipelining", "MAIL", DEFERRED, offers=PIPELINING)
lie("no BDAT", "LAST", RETURNED, status="5.5.1")
lie("no NOTIFY", "RCPT1", ONE + RETURNED, status="5.5.4", offers=("DSN",))
lie("yes with 5.1.1", "RCPT1", SAME)
lie("no with 2.1.5", "RCPT1", ONE + RETURNED, status="5.0.0")


def rows():
    """(name, State, deviation)"""
    found = []
    for name, state in STATES.items():
        for deviation in state.deviations():
            found.append((name, state, deviation))
    return found


class Row:
    """A case, and what is expected of it."""

    def __init__(self, number, name, state, deviation):
        self.label, self.state, self.deviation = "%s: %s" % (name, deviation), state, deviation
        self.outcome = state.outcome(deviation)
        self.kind, action = DEVIATIONS[deviation]
        if deviation == "two":
            action = sim.two(state.early)
        at = state.at or name
        offers = state.offers
        lmtp = state.group == "lmtp"
        if state.group.startswith("auth") and not offers:
            offers = ("AUTH LOGIN",)
        self.case = sim.Case(number, at, action, offers=offers, script=state.script, lmtp=lmtp,
                             both=self.outcome == ALL, times=9 if self.outcome == ALL else 1)
        self.group = state.group + ("quiet" if deviation in SILENT else "")
        self.hit = int(at[-1]) - 1 if at[-1] in "123" and at != "EHLO2" else 0
        self.name = self.case.name
        domain = "contoso.com" if lmtp else "%s.%s.example" % (self.name, self.group)
        self.recipients = ["%s.%s@%s" % (who, self.name, domain) for who in "abc"]
        if state.utf8:
            self.recipients[0] = "\xe4" + self.recipients[0]
        self.senders = ["m%d.%s@from.example" % (n, self.name) for n in (1, 2, 3)]
        self.idle = at == "idle"

    def fates(self):
        """Of the three recipients of the message that was hit, and of the other one's."""
        good = "delivered" if self.case.lmtp else "relayed"
        late = ["deferred", good]
        fine = [[good]] * 3
        out, k = self.outcome, self.hit
        if out in (SAME, FRESH, NEXT):
            return fine, fine
        if out in (DEFERRED, TWICE):
            return [late] * 3, fine
        if out in (RETURNED, ALL):
            return [["failed"]] * 3, [["failed"]] * 3 if out == ALL else fine
        if out in (REST, BEHIND):
            first = k + (out == BEHIND)
            return [late if n >= first else [good] for n in range(3)], fine
        one = ["failed"] if RETURNED in out else late
        others = [[good] if not out.endswith(LATER) or (self.case.lmtp and n < k) else late
                  for n in range(3)]
        others[k] = one
        # what EHLO says is for both
        return others, others if self.state.utf8 else fine


def submit(port, messages):
    """Hands in (sender, recipients, data), one after the other on a connection."""
    with socket.create_connection(("127.0.0.1", port), 60) as s:
        said = s.makefile("rb")

        def replies(count):
            while count:
                line = said.readline()
                if line[:1] not in b"23" or not line:
                    raise AssertionError("%r" % line)
                count -= line[3:4] == b" "

        replies(1)
        s.sendall(b"EHLO test.example\r\n")
        replies(1)
        for sender, recipients, data in messages:
            utf8 = "" if recipients[0].isascii() else " SMTPUTF8"
            s.sendall(("MAIL FROM:<%s>%s\r\n%sBDAT %d LAST\r\n" % (
                sender, utf8, "".join("RCPT TO:<%s>\r\n" % r for r in recipients),
                len(data))).encode() + data)
            replies(len(recipients) + 2)
        s.sendall(b"QUIT\r\n")
        replies(1)


EVENT = re.compile(r" event=(relayed|delivered|deferred|failed|host-failed) ")


class Watch:
    """The hub's log, read as it grows: events of recipients, and of hosts by their address."""

    def __init__(self, hub):
        self.hub, self.at, self.rest = hub, 0, ""
        self.recipients, self.hosts = {}, {}

    def read(self):
        with open(self.hub.process.log_path, errors="replace") as log:
            log.seek(self.at)
            text = self.rest + log.read()
            self.at = log.tell()
        *lines, self.rest = text.split("\n")
        for line in lines:
            if not EVENT.search(line):
                continue
            event = parse_event(line)
            if event["event"] == "host-failed":
                host = event["hop"].split("[")[1].split("]")[0]
                self.hosts.setdefault(host, []).append(event)
            else:
                self.recipients.setdefault((event["from"], event["to"]), []).append(event)

    def events(self, sender, recipient):
        return self.recipients.get((sender, recipient), [])

    def history(self, sender, recipient):
        return [e["event"] for e in self.events(sender, recipient)]

    def ended(self, sender, recipient):
        history = self.history(sender, recipient)
        return history and history[-1] != "deferred"


class Simulator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port, cls.small = free_port("0.0.0.0"), free_port("0.0.0.0")
        wanted = os.environ.get("HUB_SIMULATOR", "")
        cls.rows = [row for row in (Row(n, *given) for n, given in enumerate(rows()))
                    if re.search(wanted, row.label)]
        place = Place()
        cls.addClassCleanup(place.close)
        dns = Dns(place, cls.zones()).start()
        cls.relay = relay = Relay({"open": CONNECTORS["open"]}, resolver=dns.server)
        cls.addClassCleanup(relay.close)
        cls.hub = relay.hub
        cls.sim = sim.Simulator(place, [row.case for row in cls.rows], cls.port, cls.small,
                                Key(place, "sim.example"))
        relay.directory.change(cls.hub.dn(), **dict(
            QUICK, hubGlitchRetryInterval="60", hubMaxPerDomainConnections="1",
            hubMaxOutboundConnections="0"))
        relay.directory.add(cls.entries())
        relay.start()
        cls.watch = Watch(cls.hub)

    # --- who is where ---

    @classmethod
    def zones(cls):
        zones = {"%s.example" % group: "" for group in GROUPS}
        for row in cls.rows:
            zone = "%s.example" % row.group
            if zone in zones:
                zones[zone] += "%s MX 10 %s-a\n%s MX 20 %s-b\n%s-a A %s\n%s-b A %s\n" % (
                    *[row.name] * 5, row.case.first, row.name, row.case.second)
        return zones

    @classmethod
    def connector(cls, name, **attributes):
        d = cls.relay.directory
        return record(d.dn(name, "Connectors"), "hubSendConnector", cn=name,
                      hubSourceServer=cls.hub.dn(), **attributes)

    @classmethod
    def entries(cls):
        d, found = cls.relay.directory, []
        for group, (attributes, small) in GROUPS.items():
            found.append(cls.connector(
                group, hubAddressSpace="SMTP:*.%s.example" % group, hubDNSRouting="TRUE",
                hubPort=str(cls.small if small else cls.port), **attributes))
        for row in cls.rows:
            if row.group.startswith("auth"):
                found.append(cls.smart_host(row))
            elif row.group == "lmtp":
                found.append(cls.mailbox(d, row))
        return "".join(found)

    @classmethod
    def smart_host(cls, row):
        policy = "DowngradeAuthFailures" if "later" in row.group else "Default"
        return cls.connector(
            row.name, hubAddressSpace="SMTP:%s.%s.example" % (row.name, row.group),
            hubDNSRouting="FALSE", hubSmartHost=["[%s]:%d" % (host, cls.port) for host in (
                row.case.first, row.case.second)], hubSmartHostAuth="BasicAuth", hubAuthUser="anna",
            hubAuthPassword=PASSWORD, hubErrorPolicy=policy, hubConnectionInactivityTimeout=str(
                QUIET_S if "quiet" in row.group else PATIENT_S))

    @classmethod
    def mailbox(cls, d, row):
        host = "mbx.%s.example" % row.name
        return record(d.dn(row.name, "Servers"), "hubMailboxServer", cn=row.name,
                      hubServerSite=d.dn("Only", "Sites"), hubFQDN=host, hubAddress=[
                          "%s:%d" % (a, cls.port) for a in (row.case.first, row.case.second)],
                      hubDeliveryProtocol="LMTP") + "".join(
            record("uid=%s%s,ou=People,%s" % (row.name, who, d.suffix),
                   "inetOrgPerson inetLocalMailRecipient", uid=row.name + who, cn=row.name,
                   sn=row.name, mail="%s.%s@contoso.com" % (who, row.name), mailHost=host)
            for who in "abc")

    def submit(self, rows, numbers):
        """A row's messages go one after the other."""
        threads = [Submitter(self.relay.ports["open"], [
            self.message(row, n) for row in rows[part::4] for n in numbers
            if n == 0 or not row.idle or len(numbers) == 1]) for part in range(4)]
        for thread in threads:
            thread.join()
        self.assertEqual([t.problem for t in threads if t.problem], [])

    @staticmethod
    def message(row, number):
        head = "From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\n\r\n" % (
            row.senders[number], row.recipients[1], row.label)
        body = row.state.body if number == 0 else b"small\r\n"
        return row.senders[number], row.recipients, head.encode() + body

    # --- the table ---

    def finished(self, numbers):
        self.watch.read()
        self.open_rows = [row for row in self.open_rows if not all(
            self.watch.ended(row.senders[n], to) for n in numbers for to in row.recipients)]
        return not self.open_rows

    def wait_finished(self, rows, numbers):
        self.open_rows = list(rows)
        with contextlib.suppress(AssertionError):   # each row tells for itself
            wait_for("the end", lambda: self.finished(numbers))

    def test_table(self):
        before, memory = self.sockets(), self.hub.memory_kib()
        self.submit(self.rows, (0, 1))
        idle = [row for row in self.rows if row.idle]
        wait_for("idle peers have spoken", lambda: all(row.case.deviated for row in idle))
        self.submit(idle, (1,))
        self.wait_finished(self.rows, (0, 1))
        # the first hosts are known to be of no use
        passed = [row for row in self.rows if row.outcome == NEXT]
        counts = {row.name: row.case.sessions[row.case.first] for row in passed}
        self.submit(passed, (2,))
        self.wait_finished(passed, (2,))
        self.assertEqual(self.sim.faults, [])
        self.reports = self.collect_reports()
        for row in self.rows:
            with self.subTest(row.label):
                self.check(row)
                if row.outcome == NEXT:
                    self.assertEqual(row.case.sessions[row.case.first], counts[row.name])
        self.check_health(before, memory)

    def collect_reports(self):
        found = {}
        for message in list(self.relay.sink.messages):
            if message.sender == "":
                found.setdefault(message.recipients[0], []).append(Report(message))
        return found

    def check(self, row):
        fates = row.fates()
        histories = [[self.watch.history(row.senders[n], to) for to in row.recipients]
                     for n in (0, 1)]
        self.assertIn(histories, [list(fates), list(fates[::-1])])
        self.assertGreater(row.case.deviated, 0, "the state was not reached")
        hit = 0 if histories == list(fates) else 1
        self.check_copies(row, fates, hit)
        self.check_sessions(row)
        self.check_texts(row, fates[0], hit)
        if RETURNED in row.outcome:
            self.check_reports(row, fates[0], hit)

    def check_copies(self, row, fates, hit):
        for number, of_message in ((hit, fates[0]), (1 - hit, fates[1])):
            for to, fate in zip(row.recipients, of_message):
                copies = sum(1 for _, _, sender, recipients in row.case.taken
                             if sender == row.senders[number] and to in recipients)
                wanted = [0] if "failed" in fate else [1]
                if "deferred" in fate and row.state.taken:
                    wanted = [1, 2]
                if row.outcome == TWICE and number == hit:
                    wanted = [2]
                self.assertIn(copies, wanted, "copies of %d for %s" % (number + 1, to))

    def check_sessions(self, row):
        hosts = {host for host, _, sender, _ in row.case.taken if sender in row.senders[:2]}
        first = {session for host, session, _, _ in row.case.taken if host == row.case.first}
        if row.outcome == NEXT:
            self.assertEqual(hosts, {row.case.second})
            self.assertEqual(row.case.sessions[row.case.first], 1)
        elif not row.group.startswith("auth"):  # else they take turns
            self.assertLessEqual(hosts, {row.case.first})
            self.assertEqual(row.case.sessions[row.case.second], 0)
        if row.outcome == SAME:
            self.assertEqual(len(first), 1)
        elif row.outcome == FRESH and row.state.group != "tls":
            self.assertGreaterEqual(row.case.sessions[row.case.first], 2)

    def check_texts(self, row, fates, hit):
        """What is told of the failure names the command, and has the peer's words."""
        if row.kind == FINE or row.deviation in row.state.exceptions or \
                row.case.state in ("RSET", "QUIT", "idle"):
            return
        told = [event for to in row.recipients
                for event in self.watch.events(row.senders[hit], to)
                if event["event"] in ("deferred", "failed")]
        words, stage = "reply", "command"
        if row.outcome == NEXT:
            told, words, stage = self.watch.hosts.get(row.case.first, []), "reason", "stage"
            self.assertEqual(len(told), 1)
        for event in told:
            if row.label in ("greeting: rst", "greeting: 5xx rst"):
                continue    # it may come before the connection is seen
            self.assertRegex(event.get(stage, event[words]), row.state.stage)
            if row.deviation in SPOKEN and row.label not in UNSPOKEN:
                self.assertIn(row.case.words, event[words])
            if row.outcome == ALL:
                self.assertEqual(event["status"], "5.7.8")
            elif row.outcome != NEXT:
                self.assertEqual(event["status"], STATUS[row.kind])

    def check_reports(self, row, fates, hit):
        if row.state.utf8:  # its report is of another form, RFC 6533
            event = self.watch.events(row.senders[hit], row.recipients[0])[0]
            self.assertEqual(event["status"], row.state.status)
            return
        reports = self.reports.get(row.senders[hit], [])
        self.assertEqual(len(reports), 1)
        failed = [to for to, fate in zip(row.recipients, fates) if fate == ["failed"]]
        self.assertEqual(reports[0].addresses(), failed)
        for to in failed:
            fields = reports[0].recipient(to)
            said = "550 5.7.77 " + row.case.words
            if row.outcome == ALL:  # it is our own failure
                self.assertEqual(fields["Status"], "5.7.8")
            else:
                self.assertEqual(fields["Status"], row.state.status)
            if row.state.status == "5.7.77" and row.outcome != ALL:
                self.assertEqual(fields["Diagnostic-Code"], "smtp; " + said)

    # --- the hub afterwards ---

    def sockets(self):
        found, folder = 0, "/proc/%d/fd" % self.hub.process.pid
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                found += os.readlink(os.path.join(folder, name)).startswith("socket:")
        return found

    def gauge(self, name):
        text = self.hub.ctl("metrics")
        return int(re.search(r"^hub_%s (\d+)$" % name, text, re.M).group(1))

    def check_health(self, before, memory):
        """The hub is as it was."""
        token, data = message(sender="anna@contoso.com", to="x@far.example")
        send(self.relay.ports["open"], "anna@contoso.com", ["x@far.example"], data)
        self.relay.sink.wait(token)
        wait_for(lambda: "connections end: %d" % self.gauge("queue_connections"),
                 lambda: self.gauge("queue_connections") == 0)
        self.assertEqual(self.gauge("queue_messages"), 0)
        wait_for(lambda: "%d sockets, were %d" % (self.sockets(), before),
                 lambda: self.sockets() <= before)
        wait_for(lambda: "%d sessions of the peer" % self.sim.open, lambda: self.sim.open == 0)
        if not sanitized():
            self.assertLess(self.hub.memory_kib() - memory, MEMORY_KIB)
        self.assertNotRegex(self.hub.log(), r"(?m)^bug:|level=error")
        turns = [int(e["ms"]) for e in self.hub.events("loop-turn-long")]
        self.assertLess(max(turns, default=0), TURN_MS)


class Submitter(threading.Thread):
    def __init__(self, port, messages):
        super().__init__(daemon=True)
        self.port, self.messages, self.problem = port, messages, None
        self.start()

    def run(self):
        try:
            submit(self.port, self.messages)
        except Exception as problem:
            self.problem = repr(problem)


if __name__ == "__main__":
    unittest.main()
