libhub_libhub_a_SOURCES += \
	%D%/context.c %D%/context.h \
	%D%/error.c %D%/error.h \
	%D%/pin.c %D%/pin.h \
	%D%/verify.c %D%/verify.h
