check_PROGRAMS += tests/unit/test_spool tests/unit/test_spool_damage
tests_unit_test_spool_SOURCES = tests/unit/test_spool.c tests/unit/spool_kit.c \
	tests/unit/spool_kit.h tests/unit/unit.h
tests_unit_test_spool_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_spool_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

tests_unit_test_spool_damage_SOURCES = tests/unit/test_spool_damage.c tests/unit/spool_kit.c \
	tests/unit/spool_kit.h tests/unit/unit.h
tests_unit_test_spool_damage_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_spool_damage_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_envelope
tests_unit_test_envelope_SOURCES = tests/unit/test_envelope.c tests/unit/unit.h
tests_unit_test_envelope_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_envelope_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_exclusion
tests_unit_test_exclusion_SOURCES = tests/unit/test_exclusion.c tests/unit/unit.h
tests_unit_test_exclusion_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_exclusion_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
