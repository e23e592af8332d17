"""Dovecot's LMTP server, with a maildir for each user."""

import os

from .base import Process, answers_smtp, free_port, run, wait_for

NOBODY = 65534


class Dovecot:
    """users: addresses; quota: those with one, and its size as Dovecot writes it; key: for TLS."""

    def __init__(self, place, users, quota=None, key=None):
        os.chmod(place.path, 0o711)
        self.port = free_port()
        self.place = place
        self.path = place.directory("dovecot")
        os.chmod(self.path, 0o777)
        self.mail = place.directory("dovecot/mail")
        os.chmod(self.mail, 0o777)
        self.users = users
        self.set_quota(quota or {})
        tls = "ssl = no" if key is None else (
            "ssl = yes\nssl_cert = <%s\nssl_key = <%s" % (key.certificate, key.key))
        conf = place.file("dovecot/conf", """
protocols = lmtp
base_dir = {path}/run
state_dir = {path}/state
log_path = {path}/log
first_valid_uid = 1
mail_location = maildir:{path}/mail/%u
mail_plugins = quota
{tls}
passdb {{
  driver = static
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {path}/users
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_grace = 0
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
""".format(path=self.path, port=self.port, tls=tls))
        self.process = Process("dovecot", ["dovecot", "-F", "-c", conf], place.path)
        place.at_end(self.process.stop)

    def set_quota(self, quota):
        """{address: (size, what is said: 5 or 4)}; in force at once."""
        lines = []
        for user in self.users:
            size, code = quota.get(user, ("1000M", 5))
            lines.append(
                "%s::%d:%d::%s/%s::userdb_quota_rule=*:storage=%s "
                "userdb_quota_full_tempfail=%s\n" % (
                    user, NOBODY, NOBODY, self.path, user, size, "yes" if code == 4 else "no"))
        self.place.file("dovecot/users.new", "".join(lines), mode=0o644)
        os.rename(self.path + "/users.new", self.path + "/users")

    def start(self):
        self.process.start()
        wait_for(lambda: "dovecot answers\n" + self.log()[-3000:],
                 lambda: answers_smtp(self.port))
        return self

    def sessions(self):
        """Its LMTP processes."""
        children = run("pgrep", "-P", self.process.pid, "-x", "lmtp").stdout
        return [int(pid) for pid in children.split()]

    def log(self):
        text = self.process.log()
        if os.path.exists(self.path + "/log"):
            with open(self.path + "/log", errors="replace") as log:
                text += log.read()
        return text
