libhub_libhub_a_SOURCES += \
	%D%/answer.c %D%/answer.h \
	%D%/answer_mirror.c %D%/answer_mirror.h \
	%D%/call.c \
	%D%/endpoint.c %D%/endpoint.h \
	%D%/endpoint_priv.h \
	%D%/login.c %D%/login.h
