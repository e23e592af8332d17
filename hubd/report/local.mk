hubd_libhubd_a_SOURCES += \
	%D%/field.c %D%/field.h \
	%D%/machine.c \
	%D%/people.c \
	%D%/reader.c %D%/reader.h \
	%D%/reporter.c %D%/reporter.h \
	%D%/text.c %D%/text.h \
	%D%/words.c %D%/words.h
