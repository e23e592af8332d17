check_PROGRAMS += tests/unit/test_resolver
tests_unit_test_resolver_SOURCES = tests/unit/test_resolver.c tests/unit/unit.h
tests_unit_test_resolver_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_resolver_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
