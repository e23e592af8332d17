"""What the tests of delivery share: quick retries, peers side by side, reports taken apart."""

import email
import email.policy

from .base import free_port, wait_for
from .peers import Sink
from .report_rules import check_report

# Every interval of the retry set as short as the directory allows.
QUICK = {
    "hubGlitchRetryInterval": "1", "hubGlitchRetryCount": "15", "hubTransientRetryInterval": "1",
    "hubConnectionFailureRetryInterval": "1", "hubMessageRetryInterval": "1",
}


class Peers:
    """Sinks on one port of many loopback addresses, as MX records need them."""

    def __init__(self, place):
        self.place = place
        self.port = free_port("0.0.0.0")

    def sink(self, address, **options):
        return Sink(self.place, address=address, port=self.port, **options)


class Report:
    """A delivery status notification (RFC 3464), strictly parsed."""

    def __init__(self, message):
        self.envelope = message
        self.message = email.message_from_bytes(message.data, policy=email.policy.default)
        whole = self.message
        if whole.get_content_type() != "multipart/report" or \
                whole.get_param("report-type") != "delivery-status":
            raise AssertionError("no report: %r" % message.data)
        if whole.defects or any(part.defects for part in whole.walk()):
            raise AssertionError("badly formed: %r" % message.data)
        check_report(message.data, whole)
        self.text, self.status, self.original = whole.get_payload()
        self.per_message, *self.per_recipient = self.status.get_payload()

    def recipient(self, address):
        for fields in self.per_recipient:
            if fields["Final-Recipient"] == "rfc822; " + address:
                return fields
        raise AssertionError("%s is not in %s" % (address, self.status))

    def addresses(self):
        return sorted(fields["Final-Recipient"].split("; ")[1] for fields in self.per_recipient)


def wait_report(sink, token, address):
    """The report about address that came to sink for the message with token."""
    def find():
        for message in sink.find(token):
            if message.sender == "" and b"rfc822; " + address.encode() in message.data:
                return Report(message)
        return None
    return wait_for("a report about %s" % address, find)
