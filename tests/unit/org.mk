ORG_TESTS = tests/unit/test_org_rules
check_PROGRAMS += $(ORG_TESTS)
tests_unit_test_org_rules_SOURCES = tests/unit/test_org_rules.c tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_org_rules_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_org_rules_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
