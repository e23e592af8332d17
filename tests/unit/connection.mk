check_PROGRAMS += tests/unit/test_connection
tests_unit_test_connection_SOURCES = tests/unit/test_connection.c tests/unit/slapd.c \
	tests/unit/slapd.h tests/unit/await.h tests/unit/unit.h
tests_unit_test_connection_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_connection_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_connection_answers
tests_unit_test_connection_answers_SOURCES = tests/unit/test_connection_answers.c $(LDAP_PEER)
tests_unit_test_connection_answers_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_connection_answers_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
