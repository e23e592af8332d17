check_PROGRAMS += tests/unit/test_projection
tests_unit_test_projection_SOURCES = tests/unit/test_projection.c tests/unit/org_text.h \
	tests/unit/unit.h
tests_unit_test_projection_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_projection_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

PUSH_KIT = tests/unit/push_kit.c tests/unit/push_kit.h tests/unit/slapd.c tests/unit/slapd.h \
	tests/unit/org_text.h tests/unit/await.h tests/unit/unit.h
PUSH_KIT_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) \
	-DHUB_SCHEMA='"$(abs_top_srcdir)/ldap-schema/hub-transport.schema"'

check_PROGRAMS += tests/unit/test_pusher
tests_unit_test_pusher_SOURCES = tests/unit/test_pusher.c $(PUSH_KIT)
tests_unit_test_pusher_CFLAGS = $(PUSH_KIT_CFLAGS)
tests_unit_test_pusher_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_push_trouble
tests_unit_test_push_trouble_SOURCES = tests/unit/test_push_trouble.c $(PUSH_KIT)
tests_unit_test_push_trouble_CFLAGS = $(PUSH_KIT_CFLAGS)
tests_unit_test_push_trouble_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_push_settled
tests_unit_test_push_settled_SOURCES = tests/unit/test_push_settled.c $(PUSH_KIT)
tests_unit_test_push_settled_CFLAGS = $(PUSH_KIT_CFLAGS)
tests_unit_test_push_settled_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_push_loss
tests_unit_test_push_loss_SOURCES = tests/unit/test_push_loss.c $(PUSH_KIT)
tests_unit_test_push_loss_CFLAGS = $(PUSH_KIT_CFLAGS)
tests_unit_test_push_loss_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_recipient_changes
tests_unit_test_recipient_changes_SOURCES = tests/unit/test_recipient_changes.c tests/unit/await.h \
	tests/unit/unit.h
tests_unit_test_recipient_changes_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_recipient_changes_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_bad_edge
tests_unit_test_bad_edge_SOURCES = tests/unit/test_bad_edge.c tests/unit/org_text.h \
	tests/unit/await.h tests/unit/unit.h
tests_unit_test_bad_edge_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_bad_edge_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)

check_PROGRAMS += tests/unit/test_loss_window
tests_unit_test_loss_window_SOURCES = tests/unit/test_loss_window.c tests/unit/unit.h
tests_unit_test_loss_window_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_loss_window_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(UNIT_LIBS)
