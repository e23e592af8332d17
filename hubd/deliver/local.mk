hubd_libhubd_a_SOURCES += \
	%D%/client.c %D%/client.h \
	%D%/client_auth.c \
	%D%/client_fit.c \
	%D%/client_log.c \
	%D%/client_mail.c \
	%D%/client_priv.h \
	%D%/client_pump.c \
	%D%/deliver.c %D%/deliver.h \
	%D%/delivery.c %D%/delivery.h \
	%D%/delivery_mail.c \
	%D%/delivery_race.c \
	%D%/delivery_source.c \
	%D%/delivery_tls.c \
	%D%/delivery_way.c \
	%D%/host.c %D%/host.h \
	%D%/ladder.c %D%/ladder.h \
	%D%/mx.c %D%/mx.h \
	%D%/ourselves.c %D%/ourselves.h \
	%D%/places.c %D%/places.h \
	%D%/policy.c %D%/policy.h \
	%D%/race.c %D%/race.h \
	%D%/resume.c %D%/resume.h \
	%D%/rota.c %D%/rota.h \
	%D%/send_log.c %D%/send_log.h \
	%D%/session_identity.c %D%/session_identity.h \
	%D%/verdict.c %D%/verdict.h
