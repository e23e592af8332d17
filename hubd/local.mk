# hubd: the transport daemon; all but its main() is a library, for the tests
noinst_LIBRARIES += %D%/libhubd.a
hubd_libhubd_a_SOURCES =
LIBHUBD = hubd/libhubd.a

include hubd/config/local.mk
include hubd/spool/local.mk
include hubd/track/local.mk
include hubd/queue/local.mk
include hubd/login/local.mk
include hubd/proof/local.mk
include hubd/receive/local.mk
include hubd/report/local.mk
include hubd/pickup/local.mk
include hubd/categorize/local.mk
include hubd/deliver/local.mk
include hubd/drop/local.mk
include hubd/agent/local.mk
include hubd/control/local.mk

hubd_libhubd_a_SOURCES += \
	%D%/daemon.c %D%/daemon.h \
	%D%/recovered.c %D%/recovered.h \
	%D%/worker.c %D%/worker.h

sbin_PROGRAMS += hubd/hubd
hubd_hubd_SOURCES = %D%/main.c
hubd_hubd_LDADD = $(LIBHUBD) $(LIBHUB) $(LIBHUB_LIBS) $(SYSTEMD_LIBS) $(CAP_LIBS) \
	$(GSASL_LIBS) $(KRB5_LIBS)

dist_man_MANS += %D%/hubd.8 %D%/hubd.conf.5
