"""Two providers, one of them killed or hung, while hubs read and an administrator writes."""

import datetime
import signal
import unittest

from .harness.base import build_path, run, wait_for
from .harness.hub import in_force, in_step
from .harness.organization import Organization, message, send
from .harness.providers import Providers, Writer, strike

FAILOVER_S = 2


def seconds(event):
    text = event["time"].replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(text).timestamp()


class TwoProviders(unittest.TestCase):
    def setUp(self):
        self.org = Organization(directory=Providers).start()
        self.addCleanup(self.org.close)
        self.providers = self.org.directory
        self.wait_at(self.providers.first)

    def live(self, hub, directory, since=0):
        return [event for event in hub.events("directory-live", uri=directory.uri)
                if seconds(event) >= since]

    def wait_at(self, directory, since=0):
        """When each tree of each hub was in step with that server for the first time since then."""
        def all_live():
            found = [self.live(hub, directory, since) for hub in self.org.hubs]
            return all({event["tree"] for event in events} == {"organization", "recipients"}
                       for events in found) and found
        return [max(map(seconds, events)) for events in wait_for("hubs are at " + directory.uri,
                                                                 all_live)]

    def flows(self):
        token, data = message()
        send(self.org.internet_port, "a@outside.example", ["anna@contoso.com"], data)
        self.org.mailbox.wait(token)

    def limit_in_force(self, hub):
        return hub.ctl("send-connector", "get", "To Internet")["max-message-size"]

    def all_in_force(self, last):
        """What both servers of the directory say is what every hub runs."""
        status = wait_for("all in step", self.healthy)
        prints = {server["fingerprint"] for server in status["servers"]}
        self.assertEqual(prints, {status["directory_fingerprint"]})
        self.assertEqual(self.limit_in_force(self.org.london1), 1000000 + last)

    def healthy(self):
        status = self.org.london1.ctl("config", "status", check=False)
        return status and all(server["in_step"] for server in status["servers"]) and status

    def survives(self, how):
        org, providers = self.org, self.providers
        providers.writer = providers.second
        writer = Writer(providers, org.connector("To Internet")).start()
        try:
            writer.wait_more()
            struck = strike(providers.first, how)
            took = [at - struck for at in self.wait_at(providers.second, struck)]
            self.assertLess(max(took), FAILOVER_S)
            writer.wait_more()
            self.flows()
        finally:
            last = writer.stop()
        self.all_in_force(last)
        for hub in org.hubs:
            self.assertTrue(hub.process.running())
            self.assertEqual(hub.events("directory-held"), [])
        return took

    def returns(self, since):
        providers = self.providers
        providers.wait_agreed()
        self.wait_at(providers.first, since)
        providers.writer = providers.first
        providers.change(self.org.connector("To Internet"), hubMaxMessageSize="2000000")
        in_force(providers, self.org.hubs)
        self.flows()

    def test_one_is_killed(self):
        self.survives(signal.SIGKILL)
        struck = max(seconds(self.live(hub, self.providers.second)[-1]) for hub in self.org.hubs)
        self.providers.first.start()
        self.returns(struck)

    def test_one_hangs(self):
        self.survives(signal.SIGSTOP)
        struck = max(seconds(self.live(hub, self.providers.second)[-1]) for hub in self.org.hubs)
        # a person who logs in meets the other one, too; so does hubctl
        token, data = message(sender="anna@contoso.com")
        send(self.org.london1.submission_port, "anna@contoso.com", ["bruno@contoso.com"], data,
             login=("anna", "password-of-anna"))
        self.org.mailbox.wait(token)
        done = run(build_path("tools", "hubctl"), "--directory", self.providers.uri, "--base",
                   self.providers.base, "-D", self.providers.admin, "-y",
                   self.providers.password_file, "site", "list", check=True, timeout=10)
        self.assertIn("London", done.stdout)
        self.providers.first.process.signal(signal.SIGCONT)
        self.returns(struck)

    def test_one_comes_back_with_broken_access_rules(self):
        org, providers = self.org, self.providers
        before = in_step(org.hubs)
        providers.writer = providers.second
        struck = strike(providers.first, signal.SIGKILL)
        self.wait_at(providers.second, struck)
        providers.first.access("add", 'to dn.subtree="cn=Connectors,%s" by * none' %
                               providers.base)
        providers.first.start()
        # they return, do not believe it, and ask the other one
        wait_for("all doubt it", lambda: all(
            hub.events("directory-held", uri=providers.first.uri) for hub in org.hubs))
        wait_for("all believe the other", lambda: all(
            hub.events("directory-believed", uri=providers.second.uri) for hub in org.hubs))
        self.assertEqual(in_step(org.hubs), before)
        for hub in org.hubs:
            self.assertEqual({event["fingerprint"] for event in hub.events("configuration")
                              if seconds(event) >= struck}, set())
        self.flows()


if __name__ == "__main__":
    unittest.main()
