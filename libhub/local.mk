# libhub: what every program shares; knows nothing of daemons
noinst_LIBRARIES += %D%/libhub.a
libhub_libhub_a_SOURCES =
LIBHUB = libhub/libhub.a
LIBHUB_LIBS = $(EVENT_LIBS) $(CARES_LIBS) -lresolv $(SSL_LIBS) $(LDAP_LIBS) $(JANSSON_LIBS) \
	$(IDN2_LIBS)

include libhub/base/local.mk
include libhub/tls/local.mk
include libhub/smtp/local.mk
include libhub/routing/local.mk
include libhub/directory/local.mk
include libhub/org/local.mk
include libhub/daemon/local.mk
include libhub/admin/local.mk
include libhub/edge/local.mk
