"""slapd stopped, slapd back, slapd holding nonsense."""

import json
import os
import unittest

from .harness.base import build_path, run, wait_for
from .harness.hub import in_step
from .harness.organization import Organization, message, send


class DirectoryOutage(unittest.TestCase):
    def setUp(self):
        self.org = Organization().start()
        self.addCleanup(self.org.close)

    def flows(self):
        org = self.org
        token, data = message()
        send(org.internet_port, "a@outside.example", ["anna@contoso.com"], data)
        org.mailbox.wait(token)
        token, data = message(sender="anna@contoso.com", to="x@faraway.example")
        send(org.application_port, "anna@contoso.com", ["x@faraway.example"], data)
        org.smart_host.wait(token)

    def test_mail_flows_without_a_directory_and_hubs_come_up_from_their_cache(self):
        org = self.org
        wait_for("caches are written", lambda: all(
            "cn: To Internet" in hub.cache("organization") and
            "clara" in hub.cache("recipients") for hub in org.hubs))
        before = in_step(org.hubs)
        org.directory.stop()
        self.flows()
        for hub in org.hubs:
            self.assertEqual(hub.stop(), 0, hub.log()[-2000:])
        for hub in org.hubs:
            hub.start()
        self.assertEqual(in_step(org.hubs), before)
        self.flows()
        org.directory.start()
        org.apply(lambda: org.directory.change(org.connector("To Internet"),
                                               hubComment="after the outage",
                                               hubMaxMessageSize="20000000"))
        self.flows()

    def test_nonsense_in_one_object_is_refused_alone(self):
        org = self.org
        before = in_step(org.hubs)
        # legal for slapd, against a rule across attributes: smart hosts with DNS routing
        org.directory.change(org.connector("To Internet"), hubDNSRouting="TRUE")
        status = wait_for("rejection seen", lambda: self.rejections())
        self.assertIn("To Internet", status[0]["dn"])
        self.assertIn("hubDNSRouting", status[0]["reason"])
        self.assertTrue(status[0]["last_good"])
        self.assertEqual(in_step(org.hubs), before)
        self.flows()
        # another object's change is taken all the while
        org.apply(lambda: org.directory.change(org.directory.dn("London-Paris", "Site Links"),
                                               hubCost="11"))
        # a restart keeps the last good form: it is in the cache
        wait_for("the last good form is in the cache", lambda: "hubCacheForm: LastGood" in
                 org.london2.cache("organization"))
        self.same_by_cache()
        org.london2.stop()
        org.london2.start()
        self.flows()
        org.directory.change(org.connector("To Internet"), hubDNSRouting="FALSE")
        wait_for("no rejection any more", lambda: not self.rejections())

    def same_by_cache(self):
        """Explained by the file, mail goes as the hub sends it; the directory has less in force."""
        org = self.org
        folder = os.path.join(org.london2.state, "cache")
        told = [json.loads(run(
            build_path("tools", "hubctl"), "-o", "json", "--directory", "file:" + path, "route",
            "explain", "x@faraway.example", "--from", "paris1", check=True).stdout)
            for path in (os.path.join(folder, name) for name in sorted(os.listdir(folder)))
            if "organization" in path]
        self.assertEqual([(t["decision"], t["connector"], t["next_servers"]) for t in told],
                         [("relay", "To Internet", ["london2"])])
        live = org.explain("paris1", "x@faraway.example")
        self.assertEqual({c["connector"]: c["lost_by"] for c in live["candidates"]},
                         {"To Internet": "invalid"})

    def rejections(self):
        # exit status 1 says that something is rejected
        status = self.org.london2.ctl("config", "status", check=False)
        mine = [s for s in status["servers"] if s["server"] == "london2"]
        return mine[0]["rejected"]


if __name__ == "__main__":
    unittest.main()
