/* BLAKE3 of chunks; see _blake3.c. */

#ifndef CAIRNFS_BLAKE3_H
#define CAIRNFS_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE3_DIGEST 32
#define BLAKE3_BYTES_MAX ((size_t)1 << 26)

#define BLAKE3_LANES_MAX 16

/* Hash up to BLAKE3_BYTES_MAX bytes into BLAKE3_DIGEST bytes, up to `lanes_max` pieces of them side
 * by side. How many changes the speed only.
 */
void blake3_of(const uint8_t *bytes, size_t length, size_t lanes_max, uint8_t *digest);

#endif
