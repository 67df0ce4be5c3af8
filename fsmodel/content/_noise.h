/* What looks random; see is_noise in chunking_reference.py. */

#ifndef CAIRNFS_NOISE_H
#define CAIRNFS_NOISE_H

#include <stddef.h>
#include <stdint.h>

#define NOISE_BYTES_MIN 16384

/* Whether a sample of at least NOISE_BYTES_MIN bytes is as even as noise, and repeats nothing. */
int is_noise(const uint8_t *bytes, size_t length);

#endif
