check_PROGRAMS += tests/unit/test_validator
tests_unit_test_validator_SOURCES = tests/unit/test_validator.c tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_validator_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_validator_LDADD = $(LIBVALIDATOR) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
