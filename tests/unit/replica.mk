check_PROGRAMS += tests/unit/test_replica
tests_unit_test_replica_SOURCES = tests/unit/test_replica.c tests/unit/org_text.h tests/unit/unit.h
tests_unit_test_replica_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_replica_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_bucket_cache
tests_unit_test_bucket_cache_SOURCES = tests/unit/test_bucket_cache.c tests/unit/await.h \
	tests/unit/org_text.h tests/unit/unit.h
tests_unit_test_bucket_cache_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_bucket_cache_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
