check_PROGRAMS += tests/unit/test_projection
tests_unit_test_projection_SOURCES = tests/unit/test_projection.c tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_projection_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_projection_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
