hubd_libhubd_a_SOURCES += \
	%D%/counters.c %D%/counters.h \
	%D%/csv.c %D%/csv.h \
	%D%/log_file.c %D%/log_file.h \
	%D%/protocol_log.c %D%/protocol_log.h
