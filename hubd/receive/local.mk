hubd_libhubd_a_SOURCES += \
	%D%/acceptor.c %D%/acceptor.h \
	%D%/acknowledge.c \
	%D%/address_watch.c %D%/address_watch.h \
	%D%/admission.c %D%/admission.h \
	%D%/blank.c %D%/blank.h \
	%D%/author.c %D%/author.h \
	%D%/content.c \
	%D%/intake.c %D%/intake.h \
	%D%/judge.c \
	%D%/listen_socket.c %D%/listen_socket.h \
	%D%/listener.c %D%/listener.h \
	%D%/manners.c %D%/manners.h \
	%D%/match.c %D%/match.h \
	%D%/mechanism.c %D%/mechanism.h \
	%D%/partner.c %D%/partner.h \
	%D%/peer_network.c %D%/peer_network.h \
	%D%/permission.c %D%/permission.h \
	%D%/rate.c %D%/rate.h \
	%D%/receiver.c %D%/receiver.h \
	%D%/refusal.c %D%/refusal.h \
	%D%/session.c %D%/session.h \
	%D%/session_connector.c \
	%D%/session_log.c \
	%D%/session_reply.c \
	%D%/stranger.c %D%/stranger.h \
	%D%/trace.c %D%/trace.h \
	%D%/verb_auth.c \
	%D%/verb_ehlo.c \
	%D%/verb_mail.c \
	%D%/verb_misc.c \
	%D%/verb_rcpt.c \
	%D%/verb_starttls.c
