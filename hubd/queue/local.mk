hubd_libhubd_a_SOURCES += \
	%D%/admin.c %D%/admin.h \
	%D%/conn.c \
	%D%/conn_fit.c \
	%D%/failover.c %D%/failover.h \
	%D%/fair.c %D%/fair.h \
	%D%/item.c \
	%D%/outcome.c \
	%D%/queue.c %D%/queue.h \
	%D%/queue_priv.h \
	%D%/queue_time.c \
	%D%/refusal.c \
	%D%/schedule.c %D%/schedule.h \
	%D%/set.c \
	%D%/share.c %D%/share.h \
	%D%/turns.c \
	%D%/window.c %D%/window.h
