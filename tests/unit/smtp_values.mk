# the pure values of libhub/smtp
check_PROGRAMS += tests/unit/test_smtp_address tests/unit/test_smtp_body \
	tests/unit/test_smtp_command tests/unit/test_smtp_header tests/unit/test_smtp_reply
tests_unit_test_smtp_address_SOURCES = tests/unit/test_smtp_address.c tests/unit/unit.h
tests_unit_test_smtp_address_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_smtp_address_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_smtp_body_SOURCES = tests/unit/test_smtp_body.c tests/unit/unit.h
tests_unit_test_smtp_body_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_smtp_body_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_smtp_command_SOURCES = tests/unit/test_smtp_command.c tests/unit/unit.h
tests_unit_test_smtp_command_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_smtp_command_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_smtp_header_SOURCES = tests/unit/test_smtp_header.c tests/unit/unit.h
tests_unit_test_smtp_header_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_smtp_header_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_smtp_reply_SOURCES = tests/unit/test_smtp_reply.c tests/unit/unit.h
tests_unit_test_smtp_reply_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_smtp_reply_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_smtp_conversion
tests_unit_test_smtp_conversion_SOURCES = tests/unit/test_smtp_conversion.c tests/unit/unit.h
tests_unit_test_smtp_conversion_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_smtp_conversion_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_encapsulation
tests_unit_test_encapsulation_SOURCES = tests/unit/test_encapsulation.c tests/unit/unit.h
tests_unit_test_encapsulation_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_encapsulation_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
