"""A delivery agent with every vice; hub-agent(7) is what it should keep to.

usage: agent.py NAME JOURNAL MODE [TIMES]

It behaves as MODE says in the first TIMES processes of its NAME, after that well: each recipient
is a line of the file JOURNAL/NAME, the bytes of each message a file beside it. This file stands
alone, since it is copied to where the account that agents run as may read it.
"""

import json
import os
import signal
import sys
import time

NAME, JOURNAL, MODE = sys.argv[1:4]
TIMES = int(sys.argv[4]) if sys.argv[4:] else 10 ** 9
IN, OUT = sys.stdin.buffer, sys.stdout.buffer


def say(text):
    OUT.write(text.encode() + b"\n")
    OUT.flush()


def note(**what):
    with open(os.path.join(JOURNAL, NAME), "a") as out:
        out.write(json.dumps(dict(what, pid=os.getpid())) + "\n")


def line():
    text = IN.readline()
    if not text.endswith(b"\n"):
        sys.exit(0)
    return text[:-1].decode()


def hang():
    while True:
        time.sleep(1000)


def read_body():
    body = b""
    while True:
        word = line()
        if word == "END":
            return body
        if word == "ABORT":
            return None
        body += IN.read(int(word.split()[1]))


def read_envelope():
    envelope, numbers = [], []
    while True:
        text = line()
        if text in ("CLOSE", "DATA"):
            return text == "DATA", envelope, numbers
        envelope.append(text)
        if text.startswith("RECIPIENT "):
            numbers.append(int(text.split()[1]))


def at_start():
    if MODE == "dies":
        sys.exit(3)
    if MODE == "is-never-ready":
        hang()
    if MODE == "says-junk":
        OUT.write(bytes(range(1, 256)) * 8)
        OUT.flush()
        hang()
    if MODE == "says-an-endless-line":
        OUT.write(b"R" * 10 ** 6)
        OUT.flush()
        hang()
    if MODE == "complains":
        for i in range(5000):
            os.write(2, b"complaint %d\n" % i)
    if MODE == "never-stops-talking":
        while True:
            say("READY")
    if MODE == "leaves-a-child":
        if os.fork() == 0:
            hang()
        os._exit(0)
    if MODE == "hides-a-child":
        if os.fork() == 0:
            os.setsid()
            with open(os.path.join(JOURNAL, NAME + ".hidden"), "w") as out:
                out.write(str(os.getpid()))
            hang()
        os._exit(0)
    if MODE.startswith("fails-its-queue-at-once"):
        say("FAIL-QUEUE 5.3.2 nothing goes any more")
        hang()
    if MODE.startswith("defers-its-queue-at-once"):
        say("DEFER-QUEUE 1 4.3.2 not before the next second")
        hang()


def before_body(first):
    if MODE == "judges-before-it-reads":
        say("DELIVERED *")
        hang()
    if MODE == "stops-reading":
        hang()
    if MODE == "ends-in-the-midst":
        sys.exit(0)


def with_body(first, numbers):
    if MODE == "hangs":
        hang()
    if MODE == "ends":
        sys.exit(0)
    if MODE == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    if MODE == "closes-and-stays":
        os.close(0)
        os.close(1)
        hang()
    if MODE == "answers-for-one":
        note(delivered=first, by="half")
        say("DELIVERED %d" % first)
        sys.exit(0)
    if MODE == "answers-for-a-stranger":
        say("DELIVERED %d" % (first + len(numbers)))
        hang()
    if MODE == "answers-twice":
        OUT.write(b"DELIVERED *\n" + b"DELIVERED %d\n" % first)
        OUT.flush()
        hang()
    if MODE == "changes-its-mind":
        OUT.write(b"DELIVERED %d\nFAILED %d 5.1.1 or not\nDELIVERED *\n" % (first, first))
        OUT.flush()
        hang()
    if MODE == "answers-in-the-wrong-class":
        say("FAILED %d 2.0.0 well" % first)
        hang()
    if MODE == "answers-half-a-line":
        OUT.write(b"DELIVERED *")
        OUT.flush()
        hang()
    if MODE == "is-ready-twice":
        say("READY")
        hang()
    if MODE == "waits":
        while not os.path.exists(os.path.join(JOURNAL, "go")):
            time.sleep(0.01)
    if MODE == "defers-its-queue":
        OUT.write(b"DELIVERED %d\nDEFER-QUEUE 1 4.3.2 enough for now\n" % first)
        OUT.flush()
        note(delivered=first, by="half")
        hang()
    if MODE == "fails-its-queue":
        OUT.write(b"DELIVERED %d\nFAIL-QUEUE 5.3.2 the last one\n" % first)
        OUT.flush()
        note(delivered=first, by="half")
        hang()


def defer_beside(envelope, numbers):
    """The message to defer@ puts the queue off, the one to work@ takes until JOURNAL/NAME.go.

    Who works says so: one recipient at a time. Those that are left are for judge.
    """
    if any("<defer@" in text for text in envelope):
        say("DEFER-QUEUE 3600 4.3.2 not today")
        hang()
    while any("<work" in text for text in envelope) and numbers[1:] and \
            not os.path.exists(os.path.join(JOURNAL, NAME + ".go")):
        say("RELAYED %d" % numbers[0])
        envelope[:] = [text for text in envelope
                       if not text.startswith("RECIPIENT %d " % numbers[0])]
        del numbers[0]
        time.sleep(0.2)


def judge(envelope, numbers):
    """As the address says: failed@, deferred@, relayed@; everything else is delivered."""
    for text in [text for text in envelope if text.startswith("RECIPIENT ")]:
        number, address = text.split(" ", 2)[1:]
        kind = address[1:].split("@")[0]
        if kind == "failed":
            say("FAILED %s 5.1.1 nobody has this number" % number)
        elif kind == "deferred":
            say("DEFERRED %s 4.2.1 engaged" % number)
        else:
            note(delivered=int(number), address=address[1:-1], by=MODE)
            say("%s %s 2.1.5 %s" % ("RELAYED" if kind == "relayed" else "DELIVERED", number,
                                    "taken"))


def main():
    global MODE
    note(started=True, uid=os.getuid(), gids=os.getgroups() + [os.getgid()],
         session=os.getsid(0) == os.getpid(), cwd=os.getcwd(), environment=dict(os.environ),
         fds=[fd for fd in map(int, os.listdir("/proc/self/fd"))
              if os.path.exists("/proc/self/fd/%d" % fd)], mode=MODE,
         capabilities=[text.split()[1] for text in open("/proc/self/status")
                       if text.startswith("Cap") and not text.startswith("CapBnd")])
    with open(os.path.join(JOURNAL, NAME)) as journal:
        if journal.read().count('"started"') > TIMES:
            MODE = "behaves"
    at_start()
    opening = []
    while opening[-1:] != ["OPEN"]:
        opening.append(line())
    note(opening=opening)
    say("READY")
    while True:
        more, envelope, numbers = read_envelope()
        if not more:
            if MODE == "stays":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                hang()
            return
        before_body(numbers[0])
        body = read_body()
        note(envelope=envelope)
        with open(os.path.join(JOURNAL, "%s.%d.%d" % (NAME, os.getpid(), numbers[0])), "wb") as out:
            out.write(body)
        with_body(numbers[0], numbers)
        if MODE == "defers-beside":
            defer_beside(envelope, numbers)
        judge(envelope, numbers)


main()
