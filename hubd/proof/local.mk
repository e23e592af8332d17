hubd_libhubd_a_SOURCES += \
	%D%/proof.c %D%/proof.h \
	%D%/prover.c %D%/prover.h \
	%D%/ticket.c %D%/ticket.h
