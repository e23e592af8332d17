check_PROGRAMS += \
	tests/unit/test_org_defaults \
	tests/unit/test_org_recipients \
	tests/unit/test_org_rules \
	tests/unit/test_org_snapshot \
	tests/unit/test_org_value
tests_unit_test_org_defaults_SOURCES = tests/unit/test_org_defaults.c tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_org_defaults_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_org_defaults_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_org_recipients_SOURCES = tests/unit/test_org_recipients.c tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_org_recipients_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_org_recipients_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_org_rules_SOURCES = tests/unit/test_org_rules.c tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_org_rules_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_org_rules_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_org_snapshot_SOURCES = tests/unit/test_org_snapshot.c tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_org_snapshot_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_org_snapshot_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_org_value_SOURCES = tests/unit/test_org_value.c tests/unit/unit.h
tests_unit_test_org_value_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_org_value_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_roster
tests_unit_test_roster_SOURCES = tests/unit/test_roster.c tests/unit/unit.h
tests_unit_test_roster_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_roster_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_recipients_file
tests_unit_test_recipients_file_SOURCES = tests/unit/test_recipients_file.c tests/unit/await.h \
	tests/unit/unit.h
tests_unit_test_recipients_file_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_recipients_file_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
