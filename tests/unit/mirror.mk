check_PROGRAMS += tests/unit/test_mirror
tests_unit_test_mirror_SOURCES = tests/unit/test_mirror.c tests/unit/slapd.c tests/unit/slapd.h \
	tests/unit/await.h tests/unit/unit.h
tests_unit_test_mirror_CPPFLAGS = $(AM_CPPFLAGS) \
	-DHUB_SCHEMA='"$(abs_top_srcdir)/ldap-schema/hub-transport.schema"'
tests_unit_test_mirror_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_mirror_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
