"""tests/bench/load as an object, and Postfix's smtp-source in its place."""

import re
import subprocess

from common import have, program


class Load:
    """The sink, and the source on request; ends with its standard input."""

    def __init__(self, tool="load", destinations=0):
        self.tool = tool
        self.popen = subprocess.Popen([program("tests/bench/load"), "-d", str(destinations)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.popen.stdout.readline().split("=")[1])

    @property
    def pid(self):
        return self.popen.pid

    def close(self):
        if self.popen.poll() is None:
            self.popen.stdin.close()
            self.popen.wait()

    def _result(self):
        line = self.popen.stdout.readline()
        if not line.startswith("result "):
            raise SystemExit("the load tool failed: %r" % line)
        figures = {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)(?= |$)", line)}
        if "error=" in line or figures.get("arrived", 0) < figures.get("messages", 0):
            raise SystemExit("not all messages arrived: " + line.strip())
        return figures

    def run(self, port, sessions, messages, size, pipelining=False, watched=0):
        """
        Hands the messages in at that port of 127.0.0.1 and waits for all at the sink, or those of
        the first so many destinations.
        """
        if self.tool == "smtp-source":
            self._command("count %d" % messages)
            subprocess.run([have("smtp-source"), "-s", str(sessions), "-d", "-m", str(messages),
                            "-l", str(size), "-f", "someone@source.example",
                            "-t", "someone@sink.example", "127.0.0.1:%d" % port], check=True)
        else:
            self._command("run %d %d %d %d %d %d" % (port, sessions, messages, size, pipelining,
                                                     watched))
        return self._result()

    def trouble(self, slow, dead):
        """From now on the last destinations are dead, and those before them slow."""
        self._command("trouble %d %d" % (slow, dead))
        self._result()

    def connections(self):
        """That are open to the sink."""
        self._command("state")
        return int(self._result()["connections"])

    def _command(self, text):
        self.popen.stdin.write(text + "\n")
        self.popen.stdin.flush()
