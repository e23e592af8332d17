libhub_libhub_a_SOURCES += \
	%D%/stream.c %D%/stream.h %D%/stream_priv.h \
	%D%/stream_input.c %D%/stream_output.c %D%/stream_silence.c %D%/stream_tls.c \
	%D%/stream_wire.c
libhub_libhub_a_SOURCES += \
	%D%/address.c %D%/address.h %D%/domain.c %D%/xtext.c \
	%D%/body.c %D%/body.h \
	%D%/capability.c %D%/capability.h %D%/chars_priv.h \
	%D%/conversion.c %D%/conversion.h %D%/mime_field.c %D%/mime_field.h \
	%D%/transfer_encoder.c %D%/transfer_encoder.h \
	%D%/command.c %D%/command.h %D%/command_params.c %D%/command_priv.h \
	%D%/encapsulation.c %D%/encapsulation.h \
	%D%/extension.c %D%/extension.h \
	%D%/header.c %D%/header.h \
	%D%/plain.c %D%/plain.h \
	%D%/mailbox_list.c %D%/mailbox_list.h \
	%D%/reply.c %D%/reply.h
