libhub_libhub_a_SOURCES += \
	%D%/credential.c %D%/credential.h \
	%D%/subscription_check.c \
	%D%/subscription_file.c %D%/subscription_file.h
