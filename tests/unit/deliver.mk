check_PROGRAMS += tests/unit/test_client
tests_unit_test_client_SOURCES = tests/unit/test_client.c tests/unit/peer.c tests/unit/peer.h \
	tests/unit/await.h tests/unit/unit.h
tests_unit_test_client_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_client_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(GSASL_LIBS) $(KRB5_LIBS) \
	$(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_verdict
tests_unit_test_verdict_SOURCES = tests/unit/test_verdict.c tests/unit/unit.h
tests_unit_test_verdict_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_verdict_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_race
tests_unit_test_race_SOURCES = tests/unit/test_race.c tests/unit/unit.h
tests_unit_test_race_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_race_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(GSASL_LIBS) $(KRB5_LIBS) \
	$(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_fair
tests_unit_test_fair_SOURCES = tests/unit/test_fair.c tests/unit/unit.h
tests_unit_test_fair_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_fair_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_deliver
tests_unit_test_deliver_SOURCES = tests/unit/test_deliver.c tests/unit/deliver_kit.c \
	tests/unit/deliver_kit.h tests/unit/deliver_stand_ins.c \
	tests/unit/peer.c tests/unit/peer.h tests/unit/identity.c tests/unit/identity.h \
	tests/unit/await.h tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_deliver_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_deliver_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(GSASL_LIBS) $(KRB5_LIBS) \
	$(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_connections
tests_unit_test_connections_SOURCES = tests/unit/test_connections.c tests/unit/deliver_kit.c \
	tests/unit/deliver_kit.h tests/unit/deliver_stand_ins.c \
	tests/unit/peer.c tests/unit/peer.h tests/unit/await.h tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_connections_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_connections_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(GSASL_LIBS) \
	$(KRB5_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_ladder
tests_unit_test_ladder_SOURCES = tests/unit/test_ladder.c tests/unit/unit.h
tests_unit_test_ladder_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_ladder_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_failover
tests_unit_test_failover_SOURCES = tests/unit/test_failover.c tests/unit/await.h \
	tests/unit/org_text.h tests/unit/unit.h
tests_unit_test_failover_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_failover_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_session_identity
tests_unit_test_session_identity_SOURCES = tests/unit/test_session_identity.c tests/unit/unit.h
tests_unit_test_session_identity_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_session_identity_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_window
tests_unit_test_window_SOURCES = tests/unit/test_window.c tests/unit/unit.h
tests_unit_test_window_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_window_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
