hubd_libhubd_a_SOURCES += \
	%D%/live.c %D%/live.h \
	%D%/settings.c %D%/settings.h
