# What is pushed to the edges.
edgesyncd_libedgesyncd_a_SOURCES += \
	%D%/change_log.c %D%/change_log.h \
	%D%/configuration_push.c %D%/configuration_push.h \
	%D%/difference.c %D%/difference.h \
	%D%/edge_entries.c %D%/edge_entries.h \
	%D%/loss_window.c %D%/loss_window.h \
	%D%/projection.c %D%/projection.h \
	%D%/push_round.h \
	%D%/pusher.c %D%/pusher.h \
	%D%/pusher_job.c \
	%D%/pusher_priv.h \
	%D%/pushers.c \
	%D%/recipient_edits.c %D%/recipient_edits.h \
	%D%/recipient_full.c \
	%D%/recipient_live.c \
	%D%/recipient_push.c %D%/recipient_push.h \
	%D%/recipient_push_priv.h \
	%D%/recipient_scan.c %D%/recipient_scan.h \
	%D%/requests.c %D%/requests.h
