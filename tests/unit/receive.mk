check_PROGRAMS += tests/unit/test_receive
tests_unit_test_receive_SOURCES = tests/unit/test_receive.c tests/unit/unit.h
tests_unit_test_receive_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_receive_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_acceptor
tests_unit_test_acceptor_SOURCES = tests/unit/test_acceptor.c tests/unit/await.h \
	tests/unit/org_text.h tests/unit/own_network.h tests/unit/unit.h
tests_unit_test_acceptor_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_acceptor_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_match
tests_unit_test_match_SOURCES = tests/unit/test_match.c tests/unit/org_text.h \
	tests/unit/socket_address.h tests/unit/unit.h
tests_unit_test_match_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_match_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_admission
tests_unit_test_admission_SOURCES = tests/unit/test_admission.c tests/unit/await.h \
	tests/unit/org_text.h tests/unit/socket_address.h tests/unit/unit.h
tests_unit_test_admission_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_admission_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_author
tests_unit_test_author_SOURCES = tests/unit/test_author.c \
	tests/unit/org_text.h tests/unit/unit.h
tests_unit_test_author_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_author_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
