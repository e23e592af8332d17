libhub_libhub_a_SOURCES += \
	%D%/clock.c %D%/clock.h \
	%D%/crc32c.c %D%/crc32c.h \
	%D%/err.c %D%/err.h \
	%D%/errands.c %D%/errands.h \
	%D%/gather.c %D%/gather.h \
	%D%/inbox.c %D%/inbox.h \
	%D%/inet.h \
	%D%/log.c %D%/log.h \
	%D%/log_writer.c %D%/log_writer.h \
	%D%/loop.c %D%/loop.h \
	%D%/mem.c %D%/mem.h \
	%D%/resolver.c %D%/resolver.h %D%/resolver_priv.h %D%/resolver_channel.c \
	%D%/resolver_answer.c %D%/resolver_answer.h \
	%D%/settings.c %D%/settings.h \
	%D%/writer.c %D%/writer.h
