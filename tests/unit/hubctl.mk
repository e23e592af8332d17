check_PROGRAMS += tests/unit/test_hubctl
tests_unit_test_hubctl_SOURCES = tests/unit/test_hubctl.c tests/unit/unit.h
tests_unit_test_hubctl_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_hubctl_LDADD = $(LIBCTL) $(LIBHUB) $(LIBHUB_LIBS) $(CURL_LIBS) -lm $(UNIT_LIBS)
