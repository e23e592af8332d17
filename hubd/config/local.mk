hubd_libhubd_a_SOURCES += \
	%D%/certificate_check.c %D%/certificate_check.h \
	%D%/live.c %D%/live.h \
	%D%/settings.c %D%/settings.h
