check_PROGRAMS += tests/unit/test_authenticate
tests_unit_test_authenticate_SOURCES = tests/unit/test_authenticate.c tests/unit/slapd.c \
	tests/unit/slapd.h tests/unit/await.h tests/unit/unit.h
tests_unit_test_authenticate_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_authenticate_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
