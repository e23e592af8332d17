/* main.c - edgesyncd's command line. */
#include <stdio.h>

#include "edgesyncd/daemon.h"
#include "libhub/base/log.h"
#include "libhub/base/log_writer.h"
#include "libhub/base/mem.h"
#include "libhub/daemon/command_line.h"

int main(int argc, char **argv)
{
	struct command_line o;
	struct arena *arena;
	struct edge_settings settings;
	struct err e;
	int status = command_line_parse(argc, argv, "edgesyncd", &o);

	if (status >= 0)
		return status;
	mem_keep_freed();
	arena = arena_new();
	if (edge_settings_load(o.file, arena, &settings, &e) != 0 ||
		daemon_check(&settings, &e) != 0) {
		fprintf(stderr, "edgesyncd: %s\n", e.text);
		arena_free(&arena);
		return 2;
	}
	log_init((enum log_format)settings.common.log_format,
		o.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	status = o.test ? 0 : daemon_run(&settings);
	log_writer_stop();
	arena_free(&arena);
	return status;
}
