check_PROGRAMS += tests/unit/test_providers
tests_unit_test_providers_SOURCES = tests/unit/test_providers.c tests/unit/unit.h
tests_unit_test_providers_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_providers_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
