check_PROGRAMS += tests/unit/test_endpoint
tests_unit_test_endpoint_SOURCES = tests/unit/test_endpoint.c tests/unit/asker.c \
	tests/unit/asker.h tests/unit/identity.c tests/unit/identity.h tests/unit/await.h \
	tests/unit/unit.h
tests_unit_test_endpoint_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_endpoint_LDADD = $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

# rights are those of the test; edges and the mirror are functions of it
CONTROL_WRAPS = -Wl,--wrap=admin_call_right
check_PROGRAMS += tests/unit/test_control
tests_unit_test_control_SOURCES = tests/unit/test_control.c tests/unit/asker.c tests/unit/asker.h \
	tests/unit/await.h tests/unit/unit.h
tests_unit_test_control_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_control_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
tests_unit_test_control_LDFLAGS = $(AM_LDFLAGS) $(CONTROL_WRAPS)
