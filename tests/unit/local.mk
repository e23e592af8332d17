# unit tests: one binary a module, no network
UNIT_LIBS = $(CHECK_LIBS)
AM_CPPFLAGS += -I$(top_srcdir)/tests/unit
# Check would end a test after 4 seconds, which a busy machine needs for very little
AM_TESTS_ENVIRONMENT = CK_DEFAULT_TIMEOUT=60; export CK_DEFAULT_TIMEOUT;

include tests/unit/base.mk
include tests/unit/spool.mk
include tests/unit/routing.mk
include tests/unit/ldif.mk
include tests/unit/guard.mk
include tests/unit/replica.mk
include tests/unit/mirror.mk
include tests/unit/providers.mk
include tests/unit/watch.mk
include tests/unit/edgesyncd_session.mk
include tests/unit/connection.mk
include tests/unit/authenticate.mk
include tests/unit/smtp_values.mk
include tests/unit/stream.mk
include tests/unit/resolver.mk
include tests/unit/org.mk
include tests/unit/edge.mk
include tests/unit/endpoint.mk
include tests/unit/login.mk
include tests/unit/receive.mk
include tests/unit/report.mk
include tests/unit/track.mk
include tests/unit/deliver.mk
include tests/unit/agent.mk
include tests/unit/pickup.mk
include tests/unit/hubctl.mk
include tests/unit/push.mk
include tests/unit/validator.mk
