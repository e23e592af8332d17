libhub_libhub_a_SOURCES += \
	%D%/stream.h
libhub_libhub_a_SOURCES += \
	%D%/capability.c %D%/capability.h \
	%D%/extension.c %D%/extension.h \
	%D%/reply.c %D%/reply.h
