libhub_libhub_a_SOURCES += \
	%D%/authorities.c \
	%D%/certificate.c %D%/certificate.h \
	%D%/context.c %D%/context.h %D%/context_priv.h \
	%D%/context_client.c %D%/context_server.c \
	%D%/error.c %D%/error.h \
	%D%/peer.c %D%/peer.h \
	%D%/pin.c %D%/pin.h \
	%D%/staple.c %D%/staple.h \
	%D%/ticket.c %D%/ticket.h \
	%D%/verify.c %D%/verify.h
