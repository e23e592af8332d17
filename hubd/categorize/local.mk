hubd_libhubd_a_SOURCES += \
	%D%/categorizer.c %D%/categorizer.h \
	%D%/expand.c \
	%D%/plan.c %D%/plan.h
