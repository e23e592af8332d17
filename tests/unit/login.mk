check_PROGRAMS += tests/unit/test_login
tests_unit_test_login_SOURCES = tests/unit/test_login.c tests/unit/slapd.c tests/unit/slapd.h \
	tests/unit/identity.c tests/unit/identity.h tests/unit/unit.h
tests_unit_test_login_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_login_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(GSASL_LIBS) $(KRB5_LIBS) \
	$(UNIT_LIBS)
