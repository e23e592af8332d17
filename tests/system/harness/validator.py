"""hub-validator beside a directory made with --validator."""

import os

from .base import Process, build_path, wait_for
from .directory import Directory
from .hub import parse_event


class Validator:
    def __init__(self, place, socket, directory, password_file, account="replicator", uris=None):
        self.socket = socket
        uris = [word for uri in uris or [directory.uri] for word in ("--directory", uri)]
        self.process = Process(os.path.basename(socket), [
            build_path("tools", "hub-validator"), "--socket", socket, *uris,
            "--base", directory.base, "-D", "cn=%s,%s" % (account, directory.suffix),
            "-y", password_file], place.path)
        place.at_end(self.process.kill)

    def states(self):
        events = [parse_event(line) for line in self.process.log().splitlines()]
        return [event["is"] for event in events if event.get("event") == "state"]

    def start(self):
        """In step on return."""
        before = len(self.states()) if os.path.exists(self.process.log_path) else 0
        self.process.start()
        wait_for(lambda: "validator in step\n" + self.process.log()[-2000:],
                 lambda: "in step" in self.states()[before:])
        return self


def validated_directory(place, name="slapd", options=(), **how):
    """A running directory and its validator."""
    socket = os.path.join(place.path, name + ".validator")
    directory = Directory(place, name=name, options=("--validator", socket, *options)).start()
    password = os.path.join(place.path, name, "validator.password")
    return directory, Validator(place, socket, directory, password, **how).start()
