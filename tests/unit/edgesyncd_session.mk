check_PROGRAMS += tests/unit/test_lease
tests_unit_test_lease_SOURCES = tests/unit/test_lease.c tests/unit/unit.h
tests_unit_test_lease_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_lease_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_account_plan
tests_unit_test_account_plan_SOURCES = tests/unit/test_account_plan.c tests/unit/unit.h
tests_unit_test_account_plan_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_account_plan_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_home
tests_unit_test_home_SOURCES = tests/unit/test_home.c tests/unit/slapd.c tests/unit/slapd.h \
	tests/unit/await.h tests/unit/unit.h
tests_unit_test_home_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_home_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_clearing
tests_unit_test_clearing_SOURCES = tests/unit/test_clearing.c tests/unit/await.h tests/unit/unit.h
tests_unit_test_clearing_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_clearing_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
