hubd_libhubd_a_SOURCES += \
	%D%/admin.c %D%/admin.h \
	%D%/failover.c %D%/failover.h \
	%D%/fair.c %D%/fair.h \
	%D%/item.c \
	%D%/outcome.c \
	%D%/queue.c %D%/queue.h \
	%D%/queue_priv.h \
	%D%/refusal.c \
	%D%/schedule.c %D%/schedule.h \
	%D%/set.c \
	%D%/share.c %D%/share.h
