"""Who may do what in the organization's directory: each role, a hub, a stranger."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from private_slapd import (ADMIN, HUB1, HUBS, INTERNET, LONDON, NO_OBJECT, OBJECTS, PARIS, PEOPLE,
                           REFUSED_ACCESS, SUBSCRIPTION, SUFFIX, TREE, OneDirectory, ldif, run)


class Access(OneDirectory):
    def assertMay(self, code, what):
        self.assertEqual(code, 0, what)

    def assertMayNot(self, code, what):
        self.assertIn(code, REFUSED_ACCESS, what)

    def assertSees(self, who, dn, *attributes):
        lines = self.slapd.read(dn, *attributes, who=who)
        self.assertIsInstance(lines, list, (who, dn))
        for attribute in attributes:
            self.assertTrue(any(l.startswith(attribute + ":") for l in lines), (who, attribute))

    def assertSeesNot(self, who, dn, attribute):
        lines = self.slapd.read(dn, attribute, who=who)
        if isinstance(lines, list):
            self.assertFalse(any(l.startswith(attribute + ":") for l in lines), (who, attribute))

    def test_nobody_sees_anything(self):
        for who in (None, PEOPLE["ann"], HUBS["edge1"]):
            for base in (SUFFIX, TREE, INTERNET, "uid=ann," + SUFFIX):
                self.assertEqual(self.slapd.read(base, who=who), NO_OBJECT, (who, base))
            self.assertMayNot(self.slapd.replace(INTERNET, "hubComment", "x", who=who), who)

    def test_wrong_password(self):
        self.assertEqual(self.slapd.read(TREE, who=(HUBS["hub1"][0], "wrong")), 49)

    def test_password_hashes_are_hidden(self):
        for who in [self.slapd.admin, *PEOPLE.values(), *HUBS.values(), None]:
            for dn in (ADMIN, HUB1, "uid=ann," + SUFFIX, "cn=replicator," + SUFFIX):
                self.assertSeesNot(who, dn, "userPassword")
                found = self.slapd.read(dn, "1.1", who=who, filter="(userPassword=*)")
                self.assertIn(found, ([], NO_OBJECT), (who, dn))

    def test_verifiers_are_for_hubs(self):
        ann = "uid=ann," + SUFFIX
        for who in (HUBS["hub1"], HUBS["hub2"]):
            self.assertSees(who, ann, "authPassword")
        for who in [self.slapd.admin, HUBS["edge1"], *PEOPLE.values(), None]:
            self.assertSeesNot(who, ann, "authPassword")
            found = self.slapd.read(ann, "1.1", who=who, filter="(authPassword=*)")
            self.assertIn(found, ([], NO_OBJECT), who)
        value = "SCRAM-SHA-256$8192:c2FsdA==$%s:%s" % (("B" * 43 + "=",) * 2)
        self.assertMay(self.slapd.replace(ann, "authPassword", value), "written like a password")
        for who in (HUBS["hub1"], *PEOPLE.values()):
            self.assertMayNot(self.slapd.replace(ann, "authPassword", value, who=who), who)

    def test_connector_secret(self):
        self.assertSees(HUBS["hub1"], INTERNET, "hubAuthUser", "hubAuthPassword")
        for who in [self.slapd.admin, HUBS["edge1"], *PEOPLE.values()]:
            self.assertSeesNot(who, INTERNET, "hubAuthPassword")
        for who in (self.slapd.admin, PEOPLE["cm"]):
            self.assertMay(self.slapd.replace(INTERNET, "hubAuthPassword", "new", who=who), who)
        self.assertMayNot(self.slapd.replace(INTERNET, "hubAuthPassword", "x", who=PEOPLE["sm"]),
                          "sm")

    def test_hub_reads_everything_and_writes_nothing(self):
        for who in (HUBS["hub1"], HUBS["hub2"]):
            self.assertSees(who, TREE, "hubEpoch")
            self.assertSees(who, OBJECTS["hubSiteLink"], "hubSiteList")
            self.assertSees(who, "cn=View-Only,cn=Roles," + TREE, "member")
            self.assertSees(who, "uid=ann," + SUFFIX, "mail", "mailHost")
            self.assertSees(who, "cn=All," + SUFFIX, "member", "mail")
            for dn in (TREE, INTERNET, who[0], "uid=ann," + SUFFIX, LONDON):
                self.assertMayNot(self.slapd.replace(dn, "description", "x", who=who), (who, dn))

    def test_hub_that_becomes_an_edge_reads_nothing(self):
        new = ("cn=hub3,cn=Servers," + TREE, "hub3")
        self.assertEqual(self.slapd.add(ldif(new[0], "hubServer", hubRole="Hub",
                                             userPassword="hub3")), 0)
        self.assertSees(new, TREE, "hubEpoch")
        self.assertEqual(self.slapd.replace(new[0], "hubRole", "Edge"), 0)
        self.assertEqual(self.slapd.read(TREE, who=new), NO_OBJECT)

    def test_hub_writes_credentials_of_its_site(self):
        self.assertMay(self.slapd.replace(SUBSCRIPTION, "hubCredential", "s", who=HUBS["hub1"]), 1)
        self.assertMayNot(self.slapd.replace(SUBSCRIPTION, "hubCredential", "s", who=HUBS["hub2"]),
                          2)
        self.assertMayNot(self.slapd.replace(SUBSCRIPTION, "hubDirectoryPort", "1",
                                             who=HUBS["hub1"]), 3)
        self.assertSees(HUBS["hub2"], SUBSCRIPTION, "hubCredential")
        self.assertSeesNot(self.slapd.admin, SUBSCRIPTION, "hubCredential")

    def test_hubs_of_the_former_site_hand_an_edge_over(self):
        """They write credentials until one of the new site has taken over, and nothing else."""
        hub1, hub2 = HUBS["hub1"], HUBS["hub2"]

        def write(who, attribute, value):
            return self.slapd.replace(SUBSCRIPTION, attribute, value, who=who)
        self.assertMayNot(write(hub2, "hubSyncSite", PARIS), "before it has moved")
        self.assertMay(write(hub1, "hubSyncSite", LONDON), "of its own site")
        self.assertMay(self.slapd.replace(SUBSCRIPTION, "hubServerSite", PARIS), "moved")
        for who in (hub1, hub2):
            self.assertMay(write(who, "hubCredential", "s"), who)
            self.assertMayNot(write(who, "hubServerSite", LONDON), who)
        for who in (hub1, HUBS["edge1"], *PEOPLE.values()):
            self.assertMayNot(write(who, "hubSyncSite", PARIS), who)
        self.assertSees(hub1, SUBSCRIPTION, "hubSyncSite")
        self.assertMay(write(hub2, "hubSyncSite", PARIS), "taken over")
        self.assertMayNot(write(hub1, "hubCredential", "s"), "handed over")
        self.assertMay(write(hub2, "hubCredential", "s"), "has it")
        self.assertMay(self.slapd.replace(SUBSCRIPTION, "hubServerSite", LONDON), "back")
        self.assertMay(write(hub1, "hubSyncSite", LONDON), "back")

    def test_hubs_of_the_site_delete_a_removed_subscription(self):
        """And only those, only one that is removed; who says so is Organization Management."""
        dn = "cn=edge9,cn=Edge Subscriptions," + TREE
        other = "cn=other,cn=Edge Subscriptions," + TREE
        self.assertMay(self.slapd.add(ldif(dn, "hubEdgeSubscription", hubServerSite=LONDON)), dn)
        for who in (HUBS["hub1"], PEOPLE["sm"], PEOPLE["cm"]):
            self.assertMayNot(self.slapd.replace(dn, "hubRemoved", "TRUE", who=who), who)
            self.assertMayNot(self.slapd.delete(dn, who=who), who)
        self.assertMay(self.slapd.replace(dn, "hubRemoved", "TRUE"), dn)
        for who in (HUBS["hub2"], HUBS["edge1"], *PEOPLE.values()):
            self.assertMayNot(self.slapd.delete(dn, who=who), who)
        rename = self.slapd.change("dn: %s\nchangetype: modrdn\nnewrdn: cn=other\n"
                                   "deleteoldrdn: 1\n" % dn, who=HUBS["hub1"])
        self.assertMayNot(rename.returncode, "a new name")
        self.assertMayNot(self.slapd.replace(dn, "hubRemoved", "FALSE", who=HUBS["hub1"]), dn)
        self.assertMayNot(self.slapd.add(ldif(other, "hubEdgeSubscription"), who=HUBS["hub1"]),
                          "a new one")
        self.assertMay(self.slapd.delete(dn, who=HUBS["hub1"]), dn)
        self.assertMayNot(self.slapd.delete(SUBSCRIPTION, who=HUBS["hub1"]), SUBSCRIPTION)

    def may_write(self, who, may, may_not):
        for dn in may:
            self.assertMay(self.slapd.replace(dn, "hubComment", "by " + who, who=PEOPLE[who]), dn)
        for dn in may_not:
            code = self.slapd.replace(dn, "hubComment", "by " + who, who=PEOPLE[who])
            self.assertMayNot(code, (who, dn))
            self.assertSees(PEOPLE[who], dn, "objectClass")

    def test_server_management(self):
        self.may_write("sm", [HUB1, OBJECTS["hubReceiveConnector"], OBJECTS["hubMailboxServer"]],
                       [INTERNET, OBJECTS["hubAcceptedDomain"], LONDON, TREE, SUBSCRIPTION,
                        OBJECTS["hubSiteLink"]])
        sm = PEOPLE["sm"]
        for attribute, value in (("userPassword", "x"), ("hubCertificate", "x"),
                                 ("hubKeyDigest", "sha256:" + "00" * 32)):
            self.assertMayNot(self.slapd.replace(HUB1, attribute, value, who=sm), attribute)
        new = "cn=hub9,cn=Servers," + TREE
        self.assertMayNot(self.slapd.add(
            ldif(new, "hubServer", hubRole="Hub", userPassword="mine"), who=sm), "with a password")
        self.assertMay(self.slapd.add(ldif(new, "hubServer", hubRole="Hub"), who=sm), "without")
        self.assertMay(self.slapd.add(ldif("cn=R," + new, "hubReceiveConnector"), who=sm),
                       "connector")
        self.assertMay(self.slapd.delete("cn=R," + new, who=sm), "delete")
        self.assertMay(self.slapd.delete(new, who=sm), "delete")
        self.assertMayNot(self.slapd.add(
            ldif("cn=C,cn=Connectors," + TREE, "hubSendConnector"), who=sm), "connector")

    def test_connector_management(self):
        self.may_write("cm", [INTERNET, OBJECTS["hubForeignConnector"],
                              OBJECTS["hubAcceptedDomain"],
                              OBJECTS["hubRemoteDomain"]],
                       [HUB1, OBJECTS["hubReceiveConnector"], LONDON, TREE, SUBSCRIPTION])
        cm = PEOPLE["cm"]
        new = "cn=C,cn=Connectors," + TREE
        self.assertMay(self.slapd.add(ldif(new, "hubSendConnector", hubAuthPassword="s"), who=cm),
                       1)
        self.assertMay(self.slapd.delete(new, who=cm), 2)
        self.assertMayNot(self.slapd.delete("cn=Connectors," + TREE, who=cm), 3)
        self.assertMayNot(self.slapd.add(
            ldif("cn=hub9,cn=Servers," + TREE, "hubServer", hubRole="Hub"), who=cm), 4)
        self.assertMayNot(self.slapd.replace("cn=Connector Management,cn=Roles," + TREE, "member",
                                             PEOPLE["ann"][0], who=cm), 5)

    def test_view_only(self):
        self.may_write("vo", [], list(OBJECTS[n] for n in OBJECTS if n != "hubMailGroup"))

    def test_organization_management(self):
        for name, dn in OBJECTS.items():
            attribute = "description" if name == "hubMailGroup" else "hubComment"
            self.assertMay(self.slapd.replace(dn, attribute, "by admin"), dn)
        self.assertMay(self.slapd.replace(HUB1, "userPassword", "hub1"), "password of a server")
        self.assertMay(self.slapd.replace(HUB1, "hubCertificate", "x"), "certificate")
        self.assertMayNot(self.slapd.add(ldif("cn=root," + SUFFIX, "organizationalRole",
                                              cn="root")), "the database's identity")

    def test_no_size_limit_for_hubs(self):
        many = "".join(ldif("cn=many%d,cn=Connectors,%s" % (i, TREE), "hubSendConnector")
                       for i in range(520))
        self.assertEqual(self.slapd.add(many), 0)
        for who in (HUBS["hub1"], self.slapd.admin, PEOPLE["vo"]):
            found = self.slapd.read("cn=Connectors," + TREE, "1.1", who=who, scope="one")
            self.assertIsInstance(found, list, who)
            self.assertGreater(len([l for l in found if l]), 519)

    def test_local_administrator(self):
        who = run("ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", self.slapd.local)
        self.assertEqual(who.stdout.strip().lower(), "dn:" + ADMIN.lower())


if __name__ == "__main__":
    unittest.main()
