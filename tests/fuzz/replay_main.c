/* replay_main.c - runs a fuzz target over files instead of under a fuzzer.
 *
 * Arguments are files and folders; without any, the folder tests/fuzz/corpus/NAME of the source
 * tree for a program called replay_NAME. Every file has to pass; that there is none is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 1 << 20 };

static unsigned replayed;

static _Noreturn void die(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	exit(EXIT_FAILURE);
}

/* The input is copied to memory of its exact size, so that a sanitizer sees a read beyond it. */
static void replay_file(const char *path)
{
	static uint8_t buf[FILE_MAX];
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	size_t n;

	if (f == NULL)
		die(path);
	n = fread(buf, 1, sizeof(buf), f);
	if (ferror(f))
		die(path);
	fclose(f);
	data = malloc(n > 0 ? n : 1);
	if (data == NULL)
		die(path);
	memcpy(data, buf, n);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	replayed++;
}

static void replay(const char *path)
{
	struct dirent **names;
	struct stat st;
	char *child;
	int i, n;

	if (stat(path, &st) != 0)
		die(path);
	if (!S_ISDIR(st.st_mode)) {
		replay_file(path);
		return;
	}
	n = scandir(path, &names, NULL, alphasort);
	if (n < 0)
		die(path);
	for (i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			if (asprintf(&child, "%s/%s", path, names[i]->d_name) < 0)
				die(path);
			replay(child);
			free(child);
		}
		free(names[i]);
	}
	free(names);
}

static void replay_default(const char *program)
{
	const char *srcdir = getenv("srcdir");	/* automake's test driver sets it */
	const char *slash = strrchr(program, '/'), *name = slash != NULL ? slash + 1 : program;
	char *path;

	name = strncmp(name, "replay_", 7) == 0 ? name + 7 : name;
	if (asprintf(&path, "%s/tests/fuzz/corpus/%s", srcdir != NULL ? srcdir : ".", name) < 0)
		die(program);
	replay(path);
	free(path);
}

int main(int argc, char **argv)
{
	int i;

	if (argc == 1)
		replay_default(argv[0]);
	for (i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%u files\n", replayed);
	return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
