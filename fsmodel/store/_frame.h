/* The frame of a chunk that is stored as it is; see _frame.c. */

#ifndef CAIRNFS_FRAME_H
#define CAIRNFS_FRAME_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_frame_layout.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *id; /* BLAKE3_DIGEST bytes */
    size_t size;
} chunk;

/* One chunk out of a tuple that begins with its id and its size; -1 with an error set. The id is
 * that of the tuple, and lasts as long.
 */
int chunk_of(PyObject *tuple, chunk *found);

/* All of a chunk's header but for its two checksums. */
void frame_facts(uint8_t *header, chunk wanted);

/* The hash of what a header says, in the pack that has this seed. */
uint64_t frame_hash(const uint8_t *header, uint64_t seed);

/* Whether a header and a body are those of a chunk, in the pack that has this seed. */
int frame_is_of(const uint8_t *header, const uint8_t *body, uint64_t seed, chunk wanted);

/* How many bytes the frame has that this header begins, whatever is in it; 0 if it is none. */
size_t frame_size(const uint8_t *header, uint64_t seed);

#endif
