/* The frame of a chunk that is stored as it is; see _frame.c. */

#ifndef CAIRNFS_FRAME_H
#define CAIRNFS_FRAME_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_frame_layout.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    const uint8_t *id; /* BLAKE3_DIGEST bytes */
    size_t size;
} chunk;

/* One chunk out of a tuple that begins with its id and its size; -1 with an error set. The id is
 * that of the tuple, and lasts as long.
 */
int chunk_of(PyObject *tuple, chunk *found);

/* All of a chunk's header but for its two checksums, with values of its sections or without. */
void frame_facts(uint8_t *header, chunk wanted, int sectioned);

/* The hash of what a header says, in the pack that has this seed. */
uint64_t frame_hash(const uint8_t *header, uint64_t seed);

/* How many bytes the frame has that this header begins if it is that of a chunk, in the pack that
 * has this seed; else 0.
 */
size_t frame_begins(const uint8_t *header, uint64_t seed, chunk wanted);

/* The same if the body, too, is that of the chunk. */
size_t frame_is_of(const uint8_t *header, const uint8_t *body, uint64_t seed, chunk wanted);

/* How many bytes the frame has that this header begins, whatever is in it; 0 if it is none. */
size_t frame_size(const uint8_t *header, uint64_t seed);

/* How far one has come with reading chunks whose frames lie one behind the other. */
typedef struct {
    size_t right, right_bytes; /* chunks that are there and right, from the first on */
    size_t frame_bytes;        /* of their frames */
    off_t last, end;           /* where the last one's frame lies, and where the next one's does */
    int bare;                  /* frames seem to have no values of sections */
    uint8_t header[FRAME_HEADER]; /* of the frame at the end, if this was stopped by it */
} frames_read;

enum frames_result { FRAMES_GO_ON, FRAMES_OTHER, FRAMES_SHORT, FRAMES_FAILED };

/* Read the next few of these chunks by one call of the host, into where their bodies go, one behind
 * the other, and check them. FRAMES_OTHER: the header is there of a frame that is none of the next
 * chunk, or is not right; FRAMES_SHORT: not even that; FRAMES_FAILED: see errno.
 */
enum frames_result read_frames(int descriptor, uint64_t seed, const chunk *chunks, size_t count,
                               uint8_t *into, frames_read *at);

#endif
