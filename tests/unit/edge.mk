check_PROGRAMS += tests/unit/test_buckets
tests_unit_test_buckets_SOURCES = tests/unit/test_buckets.c tests/unit/unit.h
tests_unit_test_buckets_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_buckets_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_replica_digest
tests_unit_test_replica_digest_SOURCES = tests/unit/test_replica_digest.c tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_replica_digest_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_replica_digest_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_credential
tests_unit_test_credential_SOURCES = tests/unit/test_credential.c tests/unit/identity.c \
	tests/unit/identity.h tests/unit/unit.h
tests_unit_test_credential_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_credential_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_subscription_file
tests_unit_test_subscription_file_SOURCES = tests/unit/test_subscription_file.c \
	tests/unit/identity.c tests/unit/identity.h tests/unit/org_text.h tests/unit/unit.h
tests_unit_test_subscription_file_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_subscription_file_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
