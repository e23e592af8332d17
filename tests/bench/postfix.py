"""A Postfix that relays everything to one host, set up so that nothing holds it back."""

import common  # noqa: F401  (finds the harness)

from harness.postfix import Postfix

SETTINGS = {
    # no checks on the way in
    "smtpd_peername_lookup": "no",
    "smtpd_client_restrictions": "",
    "smtpd_helo_required": "no",
    "smtpd_sender_restrictions": "",
    "smtpd_recipient_restrictions": "",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_client_connection_rate_limit": "0",
    "receive_override_options": "no_address_mappings, no_header_body_checks",
    # no brakes
    "in_flow_delay": "0",
    "default_process_limit": "100",
    "max_use": "1000000",
    "qmgr_message_active_limit": "100000",
    "qmgr_message_recipient_limit": "100000",
}


def unbraked(place, sink, port, concurrency=100, cache=True, name="postfix", **settings):
    return Postfix(place, port, dict(
        SETTINGS, relayhost="[127.0.0.1]:%d" % sink,
        default_destination_concurrency_limit=concurrency,
        initial_destination_concurrency=concurrency,
        smtp_destination_concurrency_limit=concurrency,
        smtp_connection_cache_on_demand="yes" if cache else "no", **settings), name=name)
