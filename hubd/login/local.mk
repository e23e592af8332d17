hubd_libhubd_a_SOURCES += \
	%D%/certificate.c %D%/certificate.h \
	%D%/gssapi.c %D%/gssapi.h \
	%D%/keytab.c %D%/keytab.h \
	%D%/login.c %D%/login.h \
	%D%/scram.c %D%/scram.h \
	%D%/service.c %D%/service.h \
	%D%/verifier.c %D%/verifier.h
