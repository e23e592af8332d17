check_PROGRAMS += tests/unit/test_hubctl
tests_unit_test_hubctl_SOURCES = tests/unit/test_hubctl.c tests/unit/unit.h
tests_unit_test_hubctl_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_hubctl_LDADD = $(LIBCTL) $(LIBHUB) $(LIBHUB_LIBS) $(CURL_LIBS) -lm $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_route_map_layout
tests_unit_test_route_map_layout_SOURCES = tests/unit/test_route_map_layout.c tests/unit/unit.h
tests_unit_test_route_map_layout_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_route_map_layout_LDADD = $(LIBCTL) $(LIBHUB) $(LIBHUB_LIBS) -lm $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_private_file
tests_unit_test_private_file_SOURCES = tests/unit/test_private_file.c tests/unit/unit.h
tests_unit_test_private_file_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_private_file_LDADD = $(LIBCTL) $(LIBHUB) $(LIBHUB_LIBS) -lm $(UNIT_LIBS)
