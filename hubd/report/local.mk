hubd_libhubd_a_SOURCES += \
	%D%/reporter.c %D%/reporter.h \
	%D%/text.c %D%/text.h
