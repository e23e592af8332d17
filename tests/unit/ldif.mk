check_PROGRAMS += tests/unit/test_ldif
tests_unit_test_ldif_SOURCES = tests/unit/test_ldif.c tests/unit/unit.h
tests_unit_test_ldif_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_ldif_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_cache
tests_unit_test_cache_SOURCES = tests/unit/test_cache.c tests/unit/await.h tests/unit/unit.h
tests_unit_test_cache_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_cache_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
