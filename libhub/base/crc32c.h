/* crc32c.h - CRC-32C (Castagnoli), the checksum of spool records. Pure; any thread.
 *
 * Own code because Debian 12 packages no library that offers it.
 */
#ifndef HUB_BASE_CRC32C_H
#define HUB_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues a checksum; begin with 0. crc32c(crc32c(0, a), b) == crc32c(0, ab). */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

#endif
