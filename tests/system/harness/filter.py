"""A filter of mail: a relay that hands on what it takes, marked, and answers what it was told."""

import smtplib

from .peers import Sink, _Handler


class _Passing(_Handler):
    def take(self, data):
        sink = self.server.sink
        try:
            sink.hand_on(self.sender, self.recipients, data)
        except smtplib.SMTPResponseException as refusal:
            sink.refusals.append(refusal.smtp_code)
            self.reset()
            self.reply("%d %s" % (refusal.smtp_code,
                                  refusal.smtp_error.decode().replace("\n", " ")))
            return True
        return super().take(data)


class Filter(Sink):
    """Hands on to a port of 127.0.0.1; who comes there has its address."""

    handler = _Passing

    def __init__(self, place, name, address, port, **options):
        self.name, self.next_port = name, port
        self.refusals = []
        super().__init__(place, address=address, **options)

    def hand_on(self, sender, recipients, data):
        trace = "Received: from hub by %s.example\r\nX-Filter: %s\r\n" % (self.name, self.name)
        with smtplib.SMTP("127.0.0.1", self.next_port, local_hostname=self.name + ".example",
                          source_address=(self.address[0], 0), timeout=30) as client:
            client.sendmail(sender, recipients, trace.encode() + data)
