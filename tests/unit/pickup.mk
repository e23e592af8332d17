check_PROGRAMS += tests/unit/test_file_header
tests_unit_test_file_header_SOURCES = tests/unit/test_file_header.c tests/unit/unit.h
tests_unit_test_file_header_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_file_header_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

# the calls on the folder are led through the test
PICKUP_WRAPS = -Wl,--wrap=renameat2 -Wl,--wrap=unlinkat -Wl,--wrap=fsync
check_PROGRAMS += tests/unit/test_pickup
tests_unit_test_pickup_SOURCES = tests/unit/test_pickup.c tests/unit/spool_kit.c \
	tests/unit/spool_kit.h tests/unit/await.h tests/unit/org_text.h tests/unit/unit.h
tests_unit_test_pickup_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_pickup_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_pickup_LDFLAGS = $(AM_LDFLAGS) $(PICKUP_WRAPS)

check_PROGRAMS += tests/unit/test_file_name
tests_unit_test_file_name_SOURCES = tests/unit/test_file_name.c tests/unit/unit.h
tests_unit_test_file_name_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_file_name_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
