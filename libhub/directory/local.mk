libhub_libhub_a_SOURCES += \
	%D%/authenticate.c %D%/authenticate.h \
	%D%/connection.c %D%/connection.h \
	%D%/dial.c %D%/dial.h \
	%D%/entry.h \
	%D%/ldif.c %D%/ldif.h \
	%D%/record.c %D%/record.h \
	%D%/sync.c %D%/sync.h \
	%D%/watch.c %D%/watch.h
