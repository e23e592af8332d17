"""The rules that every delivery status notification keeps: RFC 3464, 3834, 5322, 6522 and 6533."""

import email.utils
import re

CLASSES = {"failed": "45", "delayed": "4", "delivered": "2", "relayed": "2", "expanded": "2"}
ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
        "Auto-Submitted")
ORIGINALS = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
STATUS_PARTS = ("message/delivery-status", "message/global-delivery-status")
PER_MESSAGE = {"original-envelope-id", "reporting-mta", "dsn-gateway", "received-from-mta",
               "arrival-date"}
PER_RECIPIENT = {"original-recipient", "final-recipient", "action", "status", "remote-mta",
                 "diagnostic-code", "last-attempt-date", "final-log-id", "will-retry-until"}
TYPED = {"reporting-mta", "received-from-mta", "remote-mta", "original-recipient",
         "final-recipient", "diagnostic-code"}
DATES = {"arrival-date", "last-attempt-date", "will-retry-until"}
TEXT_COLUMNS = 78
NAMED_AT_LEAST = 20


def _fail(data, rule, what=""):
    raise AssertionError("a report with %s %s:\n%s" % (
        rule, what, data[:6000].decode("utf-8", "replace")))


def _is_ascii(data):
    return max(data, default=0) < 128


def _fields(data, group):
    """Name -> value of one group of fields, unfolded; each but once."""
    fields = {}
    for line in re.sub(r"\r\n(?=[ \t])", "", group).split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z][A-Za-z-]*", name) or not value.strip():
            _fail(data, "no field", repr(line))
        if name.lower() in fields:
            _fail(data, "a field twice", name)
        fields[name.lower()] = value.strip()
    return fields


def _check_values(data, fields, allowed):
    if not set(fields) <= allowed:
        _fail(data, "unknown fields", set(fields) - allowed)
    for name, value in fields.items():
        if name in TYPED and not re.fullmatch(r"[A-Za-z0-9-]+; \S.*", value):
            _fail(data, "no type", "%s: %s" % (name, value))
        if name in DATES and email.utils.parsedate_to_datetime(value).tzinfo is None:
            _fail(data, "no date", value)


def _check_recipient(data, fields):
    _check_values(data, fields, PER_RECIPIENT)
    for name in ("final-recipient", "action", "status"):
        if name not in fields:
            _fail(data, "no", name)
    if fields["action"] not in CLASSES:
        _fail(data, "a strange action", fields["action"])
    if not re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", fields["status"]) or \
            fields["status"][0] not in CLASSES[fields["action"]]:
        _fail(data, "a status that does not fit", fields)
    if ("will-retry-until" in fields) != (fields["action"] == "delayed"):
        _fail(data, "Will-Retry-Until at the wrong place", fields)


def _check_status_part(data, part):
    groups = part.split("\r\n\r\n")
    if any(not group.strip() or group.startswith("\r\n") for group in groups):
        _fail(data, "more than one empty line between groups of fields")
    if len(groups) < 2:
        _fail(data, "no recipient")
    head, *recipients = [_fields(data, group) for group in groups]
    _check_values(data, head, PER_MESSAGE)
    if "reporting-mta" not in head:
        _fail(data, "no Reporting-MTA")
    for fields in recipients:
        _check_recipient(data, fields)
    return recipients


def _raw_parts(data, boundary):
    """Each part with its head, as octets."""
    delimiter = b"\r\n--" + boundary.encode()
    body = data.partition(b"\r\n\r\n")[2]
    pieces = body.split(delimiter)
    if pieces[-1] != b"--\r\n":
        _fail(data, "no end", repr(pieces[-1]))
    parts = []
    for piece in pieces[1:-1]:
        # a part's head may be empty, the line after the boundary's is not the body's
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        parts.append((head, content))
    return parts


def _check_lines(data, original):
    if b"\n" in data.replace(b"\r\n", b"") or b"\r" in data.replace(b"\r\n", b""):
        _fail(data, "a bare CR or LF")
    # the original comes back as it is
    if max(map(len, data.replace(original, b"").split(b"\r\n"))) > 998:
        _fail(data, "too long a line")


def _check_text(data, text, recipients):
    lines = text.split("\r\n")
    for line in lines:
        if len(line) > TEXT_COLUMNS and " " in line.strip() and not any(
                mark in line for mark in ("@", "http", "Message-ID")):
            _fail(data, "a long line of text", repr(line))
    for fields in recipients[:NAMED_AT_LEAST] if len(recipients) <= NAMED_AT_LEAST else ():
        address = fields["final-recipient"].partition("; ")[2]
        if address not in text:
            _fail(data, "a text that does not name", address)
    if "Diagnostic information for administrators" not in text:
        _fail(data, "nothing for administrators")


def check_report(data, message):
    """data: its octets; message: the same, parsed."""
    parts = _raw_parts(data, message.get_boundary())
    _check_lines(data, parts[-1][1])
    head = data.partition(b"\r\n\r\n")[0]
    if not _is_ascii(head) and _is_ascii(str(message["To"]).encode()):
        _fail(data, "UTF-8 in its header")
    for name in ONCE:
        if len(message.get_all(name, [])) != 1:
            _fail(data, "not one field", name)
    if message["Auto-Submitted"] != "auto-replied":
        _fail(data, "no mark of a program")
    types = [part.get_content_type() for part in message.get_payload()]
    if len(parts) != 3 or len(types) != 3 or types[0] != "text/plain" or \
            types[1] not in STATUS_PARTS or types[2] not in ORIGINALS:
        _fail(data, "other parts", types)
    for (part_head, content), part in zip(parts, message.get_payload()):
        encoding = part.get("Content-Transfer-Encoding", "7bit")
        if encoding == "7bit" and not _is_ascii(part_head + content):
            _fail(data, "8-bit text in a part without", part_head)
    if types[1] == STATUS_PARTS[0] and not _is_ascii(parts[1][1]):
        _fail(data, "UTF-8 in", types[1])
    encoded = message.get_payload()[1].get("Content-Transfer-Encoding", "7bit")
    if encoded not in ("7bit", "8bit"):
        return      # converted on its way; the parser has decoded it
    recipients = _check_status_part(data, parts[1][1].decode().removesuffix("\r\n"))
    text = message.get_payload()[0].get_content().replace("\r\n", "\n").replace("\n", "\r\n")
    _check_text(data, text, recipients)
