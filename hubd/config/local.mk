hubd_libhubd_a_SOURCES += \
	%D%/certificate_check.c %D%/certificate_check.h \
	%D%/key_pairs.c %D%/key_pairs.h \
	%D%/live.c %D%/live.h \
	%D%/settings.c %D%/settings.h
