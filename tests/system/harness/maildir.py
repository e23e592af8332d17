"""What lies in the maildirs of a peer."""

import glob
import os


def mails(folder, token):
    """(name of the maildir, the message with CRLF) of each copy below folder that has token."""
    found = []
    for path in glob.glob(os.path.join(glob.escape(folder), "**", "new", "*"), recursive=True):
        with open(path, "rb") as mail:
            data = mail.read()
        if token.encode() in data:
            user = os.path.relpath(os.path.dirname(os.path.dirname(path)), folder)
            found.append((user, data.replace(b"\n", b"\r\n")))
    return sorted(found)
