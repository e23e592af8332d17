hubd_libhubd_a_SOURCES += \
	%D%/drop.c %D%/drop.h \
	%D%/drop_file.c %D%/drop_file.h \
	%D%/drop_text.c %D%/drop_text.h
