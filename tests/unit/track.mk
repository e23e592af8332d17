check_PROGRAMS += tests/unit/test_track
tests_unit_test_track_SOURCES = tests/unit/test_track.c tests/unit/unit.h
tests_unit_test_track_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_track_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
