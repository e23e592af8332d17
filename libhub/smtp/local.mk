libhub_libhub_a_SOURCES += \
	%D%/stream.h
