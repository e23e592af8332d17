ROUTING_FIXTURE = tests/unit/org_fixture.c tests/unit/org_fixture.h tests/unit/routing_org.c \
	tests/unit/routing_org.h tests/unit/unit.h

check_PROGRAMS += tests/unit/test_graph
tests_unit_test_graph_SOURCES = tests/unit/test_graph.c $(ROUTING_FIXTURE)
tests_unit_test_graph_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_graph_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_choose
tests_unit_test_choose_SOURCES = tests/unit/test_choose.c $(ROUTING_FIXTURE)
tests_unit_test_choose_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_choose_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_next_hop
tests_unit_test_next_hop_SOURCES = tests/unit/test_next_hop.c $(ROUTING_FIXTURE)
tests_unit_test_next_hop_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_next_hop_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_resolve
tests_unit_test_resolve_SOURCES = tests/unit/test_resolve.c $(ROUTING_FIXTURE)
tests_unit_test_resolve_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_resolve_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_explain
tests_unit_test_explain_SOURCES = tests/unit/test_explain.c $(ROUTING_FIXTURE)
tests_unit_test_explain_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_explain_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_route_directory
tests_unit_test_route_directory_SOURCES = tests/unit/test_route_directory.c \
	tests/unit/org_text.h tests/unit/unit.h
tests_unit_test_route_directory_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_route_directory_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
