check_PROGRAMS += tests/unit/test_file_header
tests_unit_test_file_header_SOURCES = tests/unit/test_file_header.c tests/unit/unit.h
tests_unit_test_file_header_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_file_header_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
