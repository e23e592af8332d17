check_PROGRAMS += tests/unit/test_graph
tests_unit_test_graph_SOURCES = tests/unit/test_graph.c tests/unit/org_fixture.c \
	tests/unit/org_fixture.h tests/unit/unit.h
tests_unit_test_graph_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_graph_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
