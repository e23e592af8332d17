libhub_libhub_a_SOURCES += \
	%D%/context.h \
	%D%/pin.h \
	%D%/verify.h
