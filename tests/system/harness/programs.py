"""Mail programs that no one here wrote, all called alike.

Each takes a Task and gives a Said: whether the program says that the mail was taken, and its words.
"""

import base64
import collections
import json
import os
import smtplib
import ssl
import subprocess

from .base import PATH

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nodemailer.js")

Said = collections.namedtuple("Said", "taken text")


class Task:
    """
    One message to hand in. tls: None, "starttls" or "implicit"; trust: a file of certificates that
    the program has to trust nothing besides; fingerprint: the same by the digest of one (msmtp);
    mechanism, user, password: of AUTH.
    """

    def __init__(self, place, port, data, sender, recipient, tls=None, trust=None,
                 fingerprint=None, mechanism=None, user=None, password=None):
        self.place, self.port, self.data = place, port, data
        self.sender, self.recipient = sender, recipient
        self.tls, self.trust, self.fingerprint = tls, trust, fingerprint
        self.mechanism, self.user, self.password = mechanism, user, password

    def lines(self):
        """The message as it is on Unix."""
        return self.data.replace(b"\r\n", b"\n")


def run(*command, data=b"", **environment):
    """Whether it succeeds; its exit status and words."""
    done = subprocess.run([str(c) for c in command], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60,
                          env=dict(os.environ, PATH=PATH, **environment))
    return Said(done.returncode == 0, "%d %s" % (done.returncode,
                                                 done.stdout.decode(errors="replace")))


def python(task):
    context = ssl.create_default_context(cafile=task.trust)
    try:
        if task.tls == "implicit":
            client = smtplib.SMTP_SSL("127.0.0.1", task.port, timeout=20, context=context)
        else:
            client = smtplib.SMTP("127.0.0.1", task.port, timeout=20)
        with client:
            if task.tls == "starttls":
                client.starttls(context=context)
            if task.mechanism is not None:
                client.ehlo()
                client.user, client.password = task.user, task.password
                client.auth(task.mechanism, getattr(client, "auth_" + task.mechanism.lower()))
            client.sendmail(task.sender, [task.recipient], task.data, ["BODY=8BITMIME"])
        return Said(True, "")
    except (smtplib.SMTPException, OSError) as problem:
        return Said(False, "%s %s" % (type(problem).__name__, problem))


def swaks(task):
    words = ["swaks", "--server", "127.0.0.1", "--port", task.port, "--from", task.sender, "--to",
             task.recipient, "--helo", "client.example", "--timeout", "20", "--data",
             "@" + _file(task, task.lines() + b".\n")]
    if task.tls is not None:
        words += ["--tls" if task.tls == "starttls" else "--tls-on-connect", "--tls-verify",
                  "--tls-ca-path", task.trust]
    if task.mechanism is not None:
        words += ["--auth", task.mechanism, "--auth-user", task.user, "--auth-password",
                  task.password]
    return run(*words)


def msmtp(task):
    settings = {
        "host": "127.0.0.1", "port": task.port, "from": task.sender, "domain": "client.example",
        "timeout": 20, "tls": "off" if task.tls is None else "on",
        "tls_starttls": "on" if task.tls == "starttls" else "off",
        "auth": "off" if task.mechanism is None else task.mechanism.lower(),
        "set_from_header": "off", "set_date_header": "off", "set_msgid_header": "off",
    }
    if task.trust is not None:
        settings["tls_trust_file"] = task.trust
    if task.fingerprint is not None:
        settings["tls_fingerprint"] = task.fingerprint
    if task.mechanism is not None:
        settings["user"] = task.user
        settings["password"] = '"%s"' % task.password
    settings = "".join("%s %s\n" % item for item in settings.items())
    return run("msmtp", "-C", _file(task, ("account default\n" + settings).encode()), "--",
               task.recipient, data=task.lines())


def nodemailer(task):
    transport = {"host": "127.0.0.1", "port": task.port, "name": "client.example",
                 "secure": task.tls == "implicit", "ignoreTLS": task.tls is None,
                 "requireTLS": task.tls == "starttls", "connectionTimeout": 20000}
    if task.trust is not None:
        with open(task.trust) as trust:
            transport["tls"] = {"ca": trust.read(), "servername": "hub1.contoso.com"}
    if task.mechanism is not None:
        transport["authMethod"] = task.mechanism
        transport["auth"] = {"user": task.user, "pass": task.password}
    return run("node", SCRIPT, NODE_PATH="/usr/share/nodejs", data=json.dumps({
        "transport": transport, "envelope": {"from": task.sender, "to": [task.recipient]},
        "raw": base64.b64encode(task.data).decode()}).encode())


def _file(task, data):
    path = task.place.file("task")
    with open(path, "wb") as out:
        os.chmod(path, 0o600)
        out.write(data)
    return path
