check_PROGRAMS += tests/unit/test_stream
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c tests/unit/unit.h \
	tests/unit/stream_ends.c tests/unit/stream_ends.h
tests_unit_test_stream_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_stream_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_stream_connect
tests_unit_test_stream_connect_SOURCES = tests/unit/test_stream_connect.c tests/unit/unit.h \
	tests/unit/stream_ends.c tests/unit/stream_ends.h
tests_unit_test_stream_connect_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_stream_connect_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_stream_tls
tests_unit_test_stream_tls_SOURCES = tests/unit/test_stream_tls.c tests/unit/unit.h \
	tests/unit/stream_ends.c tests/unit/stream_ends.h \
	tests/unit/identity.c tests/unit/identity.h
tests_unit_test_stream_tls_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_stream_tls_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_pin
tests_unit_test_pin_SOURCES = tests/unit/test_pin.c tests/unit/unit.h \
	tests/unit/identity.c tests/unit/identity.h
tests_unit_test_pin_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_pin_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_tls_choice
tests_unit_test_tls_choice_SOURCES = tests/unit/test_tls_choice.c tests/unit/unit.h \
	tests/unit/identity.c tests/unit/identity.h
tests_unit_test_tls_choice_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_tls_choice_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
