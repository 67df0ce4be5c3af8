/* Cutting and hashing what comes in pieces; see _cut_chunks.c. */

#ifndef CAIRNFS_CUT_CHUNKS_H
#define CAIRNFS_CUT_CHUNKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "_cuts.h"

/* One of the pieces that bytes come in. */
typedef struct {
    const uint8_t *bytes;
    size_t length;
} piece;

/* Where in a pack the chunks may lie that are cut next. No descriptor: nothing is known. */
typedef struct {
    int descriptor;
    off_t offset;
    int misses, absent; /* in a row */
    int is_absent;      /* whether the header at the offset has to be passed over unread */
} sequel;

/* What cutting fills: ends of chunks, their hashes, and the values of sections of those that have
 * such values, one behind the other; room for the largest chunk.
 */
typedef struct {
    size_t *cuts;
    uint8_t *digests, *values, *scratch;
} found_chunks;

/* The ends of all chunks of bytes that come in pieces, with the BLAKE3 of each, taken while the
 * caches of the processor still have it.
 */
size_t cut_and_hash_all(const piece *pieces, size_t count, const cut_rule *rule, int final,
                        sequel *expected, const found_chunks *into);

#endif
