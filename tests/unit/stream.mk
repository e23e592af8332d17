check_PROGRAMS += tests/unit/test_stream
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c tests/unit/identity.c \
	tests/unit/identity.h tests/unit/unit.h
tests_unit_test_stream_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_stream_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
