hubd_libhubd_a_SOURCES += \
	%D%/envelope.c %D%/envelope.h \
	%D%/spool.h \
	%D%/message.c %D%/message.h
