hubd_libhubd_a_SOURCES += \
	%D%/control.c %D%/control.h \
	%D%/control_priv.h \
	%D%/metrics.c \
	%D%/request.c \
	%D%/status.c \
	%D%/status_edge.c
