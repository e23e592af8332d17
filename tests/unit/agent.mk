check_PROGRAMS += tests/unit/test_agent
tests_unit_test_agent_SOURCES = tests/unit/test_agent.c tests/unit/await.h tests/unit/unit.h
tests_unit_test_agent_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_agent_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_ways
tests_unit_test_ways_SOURCES = tests/unit/test_ways.c tests/unit/deliver_kit.c \
	tests/unit/deliver_kit.h tests/unit/deliver_stand_ins.c tests/unit/peer.c \
	tests/unit/peer.h tests/unit/await.h tests/unit/org_text.h tests/unit/unit.h
tests_unit_test_ways_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_ways_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(GSASL_LIBS) $(KRB5_LIBS) \
	$(UNIT_LIBS)
