hubd_libhubd_a_SOURCES += \
	%D%/key_pairs.c %D%/key_pairs.h \
	%D%/live.c %D%/live.h \
	%D%/settings.c %D%/settings.h
