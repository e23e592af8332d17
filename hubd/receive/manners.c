/* manners.c - see manners.h */
#include "hubd/receive/manners.h"

#include <string.h>
#include <sys/socket.h>

bool manners_spoke_first(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

bool manners_is_web(const char *line, size_t n)
{
	static const char *const methods[] = {
		"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
		"PRI",
	};
	size_t i, length;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		length = strlen(methods[i]);
		if (length < n && line[length] == ' ' && memcmp(line, methods[i], length) == 0)
			return true;
	}
	return false;
}
