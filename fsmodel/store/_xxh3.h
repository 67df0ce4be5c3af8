/* XXH3-64 with a seed, of headers and of chunks. */

#ifndef CAIRNFS_XXH3_H
#define CAIRNFS_XXH3_H

#include <stddef.h>
#include <stdint.h>

#define XXH3_SHORT_MIN 33 /* bytes that xxh3_short takes, up to 64 */
#define XXH3_SHORT_MAX 64
#define XXH3_LONG_MIN 241 /* bytes that xxh3_long takes, and more */

uint64_t xxh3_short(const uint8_t *bytes, size_t length, uint64_t seed);
uint64_t xxh3_long(const uint8_t *bytes, size_t length, uint64_t seed);

#endif
