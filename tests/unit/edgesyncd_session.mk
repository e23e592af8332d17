check_PROGRAMS += tests/unit/test_lease
tests_unit_test_lease_SOURCES = tests/unit/test_lease.c tests/unit/unit.h
tests_unit_test_lease_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_lease_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_account_plan
tests_unit_test_account_plan_SOURCES = tests/unit/test_account_plan.c tests/unit/unit.h
tests_unit_test_account_plan_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_account_plan_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_belonging
tests_unit_test_belonging_SOURCES = tests/unit/test_belonging.c tests/unit/unit.h
tests_unit_test_belonging_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_belonging_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_home
tests_unit_test_home_SOURCES = tests/unit/test_home.c tests/unit/slapd.c tests/unit/slapd.h \
	tests/unit/await.h tests/unit/unit.h
tests_unit_test_home_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_home_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

LDAP_PEER = tests/unit/ldap_peer.c tests/unit/ldap_peer.h tests/unit/await.h tests/unit/unit.h
# the monotonic clock is the test's, see stepped_clock.h
CLOCK_WRAPS = -Wl,--wrap=clock_mono_ms

check_PROGRAMS += tests/unit/test_lease_keeper
tests_unit_test_lease_keeper_SOURCES = tests/unit/test_lease_keeper.c \
	tests/unit/stepped_clock.h $(LDAP_PEER)
tests_unit_test_lease_keeper_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_lease_keeper_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_lease_keeper_LDFLAGS = $(AM_LDFLAGS) $(CLOCK_WRAPS)

check_PROGRAMS += tests/unit/test_clearing
tests_unit_test_clearing_SOURCES = tests/unit/test_clearing.c tests/unit/stepped_clock.h \
	$(LDAP_PEER)
tests_unit_test_clearing_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_clearing_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_clearing_LDFLAGS = $(AM_LDFLAGS) $(CLOCK_WRAPS)

check_PROGRAMS += tests/unit/test_accounts
tests_unit_test_accounts_SOURCES = tests/unit/test_accounts.c tests/unit/stepped_clock.h \
	tests/unit/identity.c tests/unit/identity.h $(LDAP_PEER)
tests_unit_test_accounts_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_accounts_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_accounts_LDFLAGS = $(AM_LDFLAGS) $(CLOCK_WRAPS)

EDGE_ORG = tests/unit/edge_org.c tests/unit/edge_org.h tests/unit/identity.c tests/unit/identity.h

check_PROGRAMS += tests/unit/test_sealed
tests_unit_test_sealed_SOURCES = tests/unit/test_sealed.c $(EDGE_ORG) tests/unit/unit.h
tests_unit_test_sealed_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_sealed_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_target
tests_unit_test_target_SOURCES = tests/unit/test_target.c tests/unit/stepped_clock.h $(EDGE_ORG) \
	$(LDAP_PEER)
tests_unit_test_target_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_target_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_target_LDFLAGS = $(AM_LDFLAGS) $(CLOCK_WRAPS)
