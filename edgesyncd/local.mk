# edgesyncd: what brings edges into step; all but its main() is a library, for the tests
noinst_LIBRARIES += %D%/libedgesyncd.a
edgesyncd_libedgesyncd_a_SOURCES =
LIBEDGESYNCD = edgesyncd/libedgesyncd.a

include edgesyncd/push.mk
include edgesyncd/session.mk

edgesyncd_libedgesyncd_a_SOURCES += \
	%D%/control.c %D%/control.h \
	%D%/control_priv.h \
	%D%/daemon.c %D%/daemon.h \
	%D%/metrics.c \
	%D%/request.c \
	%D%/settings.c %D%/settings.h \
	%D%/status.c

sbin_PROGRAMS += edgesyncd/edgesyncd
edgesyncd_edgesyncd_SOURCES = %D%/main.c
edgesyncd_edgesyncd_LDADD = $(LIBEDGESYNCD) $(LIBHUB) $(LIBHUB_LIBS) $(SYSTEMD_LIBS) $(CAP_LIBS)

dist_man_MANS += %D%/edgesyncd.8 %D%/edgesyncd.conf.5
