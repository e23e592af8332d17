hubd_libhubd_a_SOURCES += \
	%D%/admin_login.c %D%/admin_login.h \
	%D%/control.c %D%/control.h \
	%D%/control_priv.h \
	%D%/metrics.c \
	%D%/request.c \
	%D%/status.c
