"""kill -9 of any hub at any moment under load: what was answered with 250 arrives.

HUB_KILLS sets how often (tests/run uses a few; the campaign of 200 is an option of it).
"""

import collections
import os
import random
import smtplib
import threading
import unittest

from .harness.base import wait_for
from .harness.organization import Organization, message, send

KILLS = int(os.environ.get("HUB_KILLS", "12"))
SENDERS = 4
IN_FLIGHT = 20 + SENDERS  # hubMaxPerDomainConnections, and the sessions of the senders
SEED = int(os.environ.get("HUB_SEED", "1"))


class Load:
    """Sends from several threads; knows which tokens were answered with 250."""

    def __init__(self, org):
        self.org = org
        self.lock = threading.Lock()
        self.inward, self.outward, self.doubtful = [], [], []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True)
                        for i in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        inward = number % 2 == 0
        while not self.stopping.is_set():
            token, data = message(body="line %d\r\n" % number * 50)
            try:
                if inward:
                    send(self.org.internet_port, "a@outside.example", ["anna@contoso.com"], data)
                else:
                    send(self.org.application_port, "anna@contoso.com", ["x@far.example"], data)
            except (OSError, smtplib.SMTPException):
                with self.lock:
                    self.doubtful.append(token)
                self.stopping.wait(0.01)
                continue
            with self.lock:
                (self.inward if inward else self.outward).append(token)

    def accepted(self):
        with self.lock:
            return len(self.inward) + len(self.outward)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class Kill(unittest.TestCase):
    def test_no_accepted_message_is_lost(self):
        rng = random.Random(SEED)
        org = Organization()
        self.addCleanup(org.close)
        org.directory.change("cn=Transport," + org.directory.suffix, hubConnectorFailoverDelay="0")
        for hub in org.hubs:
            # a killed neighbour is tried again soon, not after a minute
            org.directory.change(hub.dn(), hubGlitchRetryInterval="1", hubGlitchRetryCount="15",
                                 hubTransientRetryInterval="1", hubMessageRetryInterval="1")
        org.start()
        load = Load(org)
        for _ in range(KILLS):
            target = load.accepted() + rng.randint(5, 60)
            wait_for("more mail", lambda: load.accepted() >= target)
            hub = rng.choice(org.hubs)
            hub.kill()
            hub.start()
        load.stop()
        self.assertGreater(len(load.inward), KILLS)
        self.assertGreater(len(load.outward), KILLS)
        self.arrived(org.mailbox, load.inward)
        self.arrived(org.smart_host, load.outward)
        extra = self.duplicates(org.mailbox) + self.duplicates(org.smart_host)
        print("\n%d kills, %d accepted, %d unanswered, %d duplicates" % (
            KILLS, load.accepted(), len(load.doubtful), extra))
        # only what was in flight at a kill: at most a message on each of its connections
        self.assertLessEqual(extra, KILLS * IN_FLIGHT)

    def arrived(self, sink, tokens):
        def missing():
            with sink.changed:
                text = {m.data.split(b"Message-ID: <", 1)[1].split(b"@", 1)[0].decode()
                        for m in sink.messages}
            return [t for t in tokens if t not in text]
        wait_for(lambda: "every accepted message arrives; missing: %s" % missing()[:5],
                 lambda: not missing(), deadline=120)

    def duplicates(self, sink):
        with sink.changed:
            count = collections.Counter(
                m.data.split(b"Message-ID: <", 1)[1].split(b"@", 1)[0] for m in sink.messages)
        return sum(n - 1 for n in count.values())


if __name__ == "__main__":
    unittest.main()
