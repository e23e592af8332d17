hubd_libhubd_a_SOURCES += \
	%D%/body.c \
	%D%/commit.c \
	%D%/compact.c \
	%D%/copy.c %D%/copy.h \
	%D%/draft.c \
	%D%/envelope.c %D%/envelope.h \
	%D%/exclusion.c %D%/exclusion.h \
	%D%/firewall.c %D%/firewall.h \
	%D%/folder.c \
	%D%/group.c \
	%D%/index.c %D%/index.h \
	%D%/message.c %D%/message.h \
	%D%/origin.c %D%/origin.h \
	%D%/outgoing.c %D%/outgoing.h \
	%D%/port.c \
	%D%/quarantine.c \
	%D%/record.c %D%/record.h \
	%D%/recover.c %D%/recover.h \
	%D%/scan.c \
	%D%/spool.c %D%/spool.h %D%/spool_priv.h \
	%D%/store.c %D%/store.h \
	%D%/watch.c
