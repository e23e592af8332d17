# the pure values of libhub/smtp
check_PROGRAMS += tests/unit/test_smtp_body tests/unit/test_smtp_command
tests_unit_test_smtp_body_SOURCES = tests/unit/test_smtp_body.c tests/unit/unit.h
tests_unit_test_smtp_body_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_smtp_body_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_smtp_command_SOURCES = tests/unit/test_smtp_command.c tests/unit/unit.h
tests_unit_test_smtp_command_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_smtp_command_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
