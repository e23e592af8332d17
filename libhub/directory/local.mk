libhub_libhub_a_SOURCES += \
	%D%/authenticate.c %D%/authenticate.h \
	%D%/cache.c %D%/cache.h \
	%D%/cache_saver.c %D%/cache_saver.h \
	%D%/connection.c %D%/connection.h %D%/connection_priv.h \
	%D%/cookie.c %D%/cookie.h \
	%D%/dial.c %D%/dial.h \
	%D%/draft.c %D%/draft.h \
	%D%/entry.h \
	%D%/generalized_time.c %D%/generalized_time.h \
	%D%/identify.c %D%/identify.h \
	%D%/ldif.c %D%/ldif.h \
	%D%/nodes.c %D%/nodes.h \
	%D%/probe.c %D%/probe.h \
	%D%/providers.c %D%/providers.h \
	%D%/question.c %D%/question.h \
	%D%/sync.c %D%/sync.h \
	%D%/watch.c %D%/watch.h \
	%D%/write.c
