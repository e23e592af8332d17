hubd_libhubd_a_SOURCES += \
	%D%/counters.c %D%/counters.h
