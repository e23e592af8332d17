"""Dovecot's SASL server behind Postfix: who logs in there, by which mechanisms."""

import base64
import os

from .base import Process, wait_for


class DovecotAuth:
    """users: name -> password, known to PLAIN, LOGIN and SCRAM; keytab: for GSSAPI."""

    def __init__(self, place, mechanisms, users, host, kdc=None, keytab=None):
        os.chmod(place.path, 0o711)
        self.path = place.directory("dovecot-auth")
        os.chmod(self.path, 0o755)
        self.socket = os.path.join(self.path, "auth")
        names = place.file("dovecot-auth/users", "".join(
            "%s:{PLAIN.b64}%s::::::\n" % (user, base64.b64encode(password.encode()).decode())
            for user, password in users.items()), mode=0o644)
        krb5 = "" if keytab is None else "auth_krb5_keytab = %s\n" % keytab
        if keytab is not None:
            os.chmod(keytab, 0o644)
            os.chmod(kdc.config, 0o644)
        conf = place.file("dovecot-auth/conf", """
protocols =
base_dir = {path}/run
state_dir = {path}/state
log_path = {path}/log
auth_verbose = yes
auth_debug = yes
ssl = no
first_valid_uid = 1
auth_mechanisms = {mechanisms}
auth_realms = CONTOSO.COM
auth_gssapi_hostname = {host}
auth_username_chars =
{krb5}import_environment = $import_environment KRB5_CONFIG KRB5RCACHENAME
passdb {{
  driver = passwd-file
  args = username_format=%u {names}
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener {socket} {{
    mode = 0600
    user = postfix
  }}
}}
""".format(path=self.path, mechanisms=" ".join(mechanisms), names=names, socket=self.socket,
           krb5=krb5, host=host))
        env = {} if kdc is None else {"KRB5_CONFIG": kdc.config, "KRB5RCACHENAME": "none:"}
        self.process = Process("dovecot-auth", ["dovecot", "-F", "-c", conf], place.path, env)
        place.at_end(self.process.stop)

    def start(self):
        self.process.start()
        wait_for(lambda: "dovecot listens\n" + self.log(), lambda: os.path.exists(self.socket))
        return self

    def log(self):
        text = self.process.log()
        if os.path.exists(os.path.join(self.path, "log")):
            with open(os.path.join(self.path, "log"), errors="replace") as log:
                text += log.read()
        return text
