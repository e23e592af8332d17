libhub_libhub_a_SOURCES += \
	%D%/authenticate.h \
	%D%/entry.h \
	%D%/ldif.c %D%/ldif.h \
	%D%/record.c %D%/record.h \
	%D%/watch.h
