check_PROGRAMS += tests/unit/test_watch
tests_unit_test_watch_SOURCES = tests/unit/test_watch.c tests/unit/slapd.c tests/unit/slapd.h \
	tests/unit/await.h tests/unit/unit.h
tests_unit_test_watch_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_watch_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_watch_point
tests_unit_test_watch_point_SOURCES = tests/unit/test_watch_point.c tests/unit/slapd.c \
	tests/unit/slapd.h tests/unit/await.h tests/unit/unit.h
tests_unit_test_watch_point_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_watch_point_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) \
	-DHUB_SCHEMA='"$(abs_top_srcdir)/ldap-schema/hub-transport.schema"'

check_PROGRAMS += tests/unit/test_question
tests_unit_test_question_SOURCES = tests/unit/test_question.c tests/unit/await.h tests/unit/unit.h
tests_unit_test_question_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_question_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_cookie
tests_unit_test_cookie_SOURCES = tests/unit/test_cookie.c tests/unit/unit.h
tests_unit_test_cookie_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_cookie_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
