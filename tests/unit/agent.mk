check_PROGRAMS += tests/unit/test_agent
tests_unit_test_agent_SOURCES = tests/unit/test_agent.c tests/unit/await.h tests/unit/unit.h
tests_unit_test_agent_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_agent_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
