# tools: hubctl and hub-validator. All of hubctl but its main() is a library, for the tests.
noinst_LIBRARIES += %D%/libctl.a
LIBCTL = tools/libctl.a
tools_libctl_a_SOURCES = \
	%D%/args.c %D%/args.h \
	%D%/ask.c %D%/ask.h \
	%D%/change.c %D%/change.h \
	%D%/change_write.c \
	%D%/commands.h \
	%D%/config.c \
	%D%/config_change.c %D%/config_change.h \
	%D%/config_edge.c %D%/config_edge.h \
	%D%/ctl.c %D%/ctl.h \
	%D%/defaults.c %D%/defaults.h \
	%D%/edge_subscription.c %D%/edge_subscription.h \
	%D%/edge_subscription_import.c \
	%D%/edge_subscription_new.c \
	%D%/edge_subscription_remove.c \
	%D%/edge_tree.c %D%/edge_tree.h \
	%D%/edge_sync.c %D%/edge_sync_show.c %D%/edge_sync_show.h \
	%D%/http.c %D%/http.h \
	%D%/ldif_change.c %D%/ldif_change.h \
	%D%/ldif_out.c %D%/ldif_out.h \
	%D%/metrics.c \
	%D%/object.c %D%/object.h \
	%D%/object_edit.c \
	%D%/option_text.c %D%/option_text.h \
	%D%/object_options.c \
	%D%/object_show.c %D%/object_show.h \
	%D%/org.c %D%/org.h \
	%D%/pick.c %D%/pick.h \
	%D%/presented.c %D%/presented.h \
	%D%/private_file.c %D%/private_file.h \
	%D%/queue.c \
	%D%/route.c \
	%D%/route_change.c %D%/route_change.h \
	%D%/route_compare.c %D%/route_compare.h \
	%D%/route_map.c %D%/route_map.h \
	%D%/route_map_layout.c %D%/route_map_layout.h \
	%D%/route_map_svg.c %D%/route_map_svg.h \
	%D%/route_show.c %D%/route_show.h \
	%D%/route_table.c %D%/route_table.h \
	%D%/route_view.c %D%/route_view.h \
	%D%/server.c %D%/server.h \
	%D%/session.c %D%/session.h \
	%D%/table.c %D%/table.h

bin_PROGRAMS += %D%/hubctl
tools_hubctl_SOURCES = %D%/hubctl.c
tools_hubctl_LDADD = $(LIBCTL) $(LIBHUB) $(LIBHUB_LIBS) $(CURL_LIBS) -lm

dist_man_MANS += %D%/hubctl.1
dist_libexec_SCRIPTS = %D%/hub-agent
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/hubctl.bash

include tools/validator/local.mk
