check_PROGRAMS += tests/unit/test_resolver
tests_unit_test_resolver_SOURCES = tests/unit/test_resolver.c tests/unit/unit.h
tests_unit_test_resolver_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_resolver_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_resolver_answer
tests_unit_test_resolver_answer_SOURCES = tests/unit/test_resolver_answer.c tests/unit/unit.h
tests_unit_test_resolver_answer_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_resolver_answer_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
