check_PROGRAMS += tests/unit/test_report
tests_unit_test_report_SOURCES = tests/unit/test_report.c tests/unit/unit.h
tests_unit_test_report_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_report_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_report_reader
tests_unit_test_report_reader_SOURCES = tests/unit/test_report_reader.c tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_report_reader_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_report_reader_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
