hubd_libhubd_a_SOURCES += \
	%D%/agents.c %D%/agents.h \
	%D%/conn.c %D%/conn.h \
	%D%/conn_mail.c \
	%D%/line.c %D%/line.h \
	%D%/process.c %D%/process.h \
	%D%/spawn.c %D%/spawn.h
dist_man_MANS += %D%/hub-agent.7
