libhub_libhub_a_SOURCES += \
	%D%/command_line.c %D%/command_line.h \
	%D%/common_settings.c %D%/common_settings.h \
	%D%/identity.c %D%/identity.h \
	%D%/key_pairs.c %D%/key_pairs.h \
	%D%/privilege.c %D%/privilege.h
