/* BLAKE3 of chunks; see _blake3.c. */

#ifndef CAIRNFS_BLAKE3_H
#define CAIRNFS_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE3_DIGEST 32
#define BLAKE3_BYTES_MAX ((size_t)1 << 26)

#define BLAKE3_LANES_MAX 16

#define BLAKE3_SECTION ((size_t)16 << 10) /* bytes, a subtree of their own in any longer input */
#define BLAKE3_SECTIONS_MAX 64            /* that can be joined */

/* Hash up to BLAKE3_BYTES_MAX bytes into BLAKE3_DIGEST bytes, up to `lanes_max` pieces of them side
 * by side. How many changes the speed only.
 */
void blake3_of(const uint8_t *bytes, size_t length, size_t lanes_max, uint8_t *digest);

/* The same, and the values of all sections, BLAKE3_DIGEST bytes each, of which the last may be
 * short; the bytes are more than one section.
 */
void blake3_with_sections(const uint8_t *bytes, size_t length, uint8_t *digest, uint8_t *values);

/* The value of section number `number` of an input that has more than one. */
void blake3_section(const uint8_t *bytes, size_t length, size_t number, uint8_t *value);

/* The hash of an input whose sections have these values, 2 to BLAKE3_SECTIONS_MAX of them. */
void blake3_joined(const uint8_t *values, size_t count, uint8_t *digest);

#endif
