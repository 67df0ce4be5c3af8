/* Chunks of bytes that come in pieces, cut and hashed where they lie.
 *
 * What lies in a pack where the next chunks are expected is compared with, and spares the search.
 */

#define _GNU_SOURCE /* preadv2 */
#include "_cut_chunks.h"

#include "../store/_frame_layout.h"
#include "_blake3.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define GATHERED_BYTES 65536 /* at once, of the pieces behind one that a chunk does not end in */
#define OTHER_FRAMES_MAX 8   /* between two chunks: pages of the list of chunks */
#define MISSES_MAX 4         /* in a row; then a pack goes on with something else */
#define ABSENT_MAX 4         /* in a row; then the host does not have this part of a pack */

/* Copy up to `most` bytes from `at` in the first piece on; how many there are. */
static size_t
gather(const piece *pieces, size_t count, size_t at, size_t most, uint8_t *into)
{
    size_t done = 0;

    for (; count > 0 && done < most; pieces++, count--, at = 0) {
        size_t part = pieces->length - at < most - done ? pieces->length - at : most - done;
        memcpy(into + done, pieces->bytes + at, part);
        done += part;
    }
    return done;
}

enum header_result { HEADER_READ, HEADER_ABSENT, HEADER_NONE };

/* Read a header if it is in memory; where the host cannot tell, in any case. */
static enum header_result
read_header(int descriptor, uint8_t *header, off_t offset)
{
    struct iovec into = {header, FRAME_HEADER};
    ssize_t got = preadv2(descriptor, &into, 1, offset, RWF_NOWAIT);
    if (got < 0 && errno == EAGAIN)
        return HEADER_ABSENT;
    if (got < 0 && errno == EOPNOTSUPP)
        got = pread(descriptor, header, FRAME_HEADER, offset);
    return got == FRAME_HEADER && memcmp(header, FRAME_BEGINNING, sizeof FRAME_BEGINNING - 1) == 0
               ? HEADER_READ
               : HEADER_NONE;
}

/* The size and the id of the next chunk in a pack; 0 when there is none that is in memory. */
static size_t
next_in_pack(sequel *expected, uint8_t *id)
{
    uint8_t header[FRAME_HEADER];
    uint32_t plain, body;

    for (size_t frames = 0; expected->descriptor >= 0 && frames < OTHER_FRAMES_MAX; frames++) {
        enum header_result result = read_header(expected->descriptor, header, expected->offset);
        expected->is_absent = result == HEADER_ABSENT && ++expected->absent < ABSENT_MAX;
        if (expected->is_absent)
            return 0;
        if (result != HEADER_READ)
            break;
        expected->absent = 0;
        memcpy(&plain, header + FRAME_PLAIN_AT, sizeof plain);
        memcpy(&body, header + FRAME_STORED_AT, sizeof body);
        expected->offset += FRAME_HEADER + (off_t)body;
        if (header[FRAME_KIND_AT] == FRAME_KIND_CHUNK) {
            memcpy(id, header + FRAME_ID_AT, BLAKE3_DIGEST);
            return plain;
        }
    }
    expected->descriptor = -1;
    return 0;
}

/* Pass over a frame whose header was absent, as if it held a chunk of this size as it is. If it does
 * not, what stands there is no header, or one of a chunk with another id.
 */
static void
pass_over(sequel *expected, size_t size)
{
    if (expected->is_absent)
        expected->offset += FRAME_HEADER + (off_t)(size + frame_values(size));
    expected->is_absent = 0;
}

/* Hash a chunk, with the values of its sections if a frame of it would have them. */
static void
hash_chunk(const uint8_t *bytes, size_t size, uint8_t *digest, uint8_t *values)
{
    if (frame_values(size) > 0)
        blake3_with_sections(bytes, size, digest, values);
    else
        blake3_of(bytes, size, BLAKE3_LANES_MAX, digest);
}

/* The chunk that begins at `at` in the first piece if it is the next one in a pack, 0 if not. Its
 * bytes were cut once, from where it begins, and no cut was found in it then; so none is there now,
 * and hashing them is all that has to be done.
 */
static size_t
expected_chunk(sequel *expected, const piece *pieces, size_t count, size_t at,
               const cut_rule *rule, uint8_t *scratch, uint8_t *digest, uint8_t *values)
{
    uint8_t id[BLAKE3_DIGEST];
    size_t size = next_in_pack(expected, id);
    const uint8_t *bytes = pieces->bytes + at;

    if (size == 0 || size > rule->max_size)
        return 0;
    if (size > pieces->length - at) {
        if (gather(pieces, count, at, size, scratch) < size)
            return 0;
        bytes = scratch;
    }
    if (may_end_after(bytes, size, rule)) {
        hash_chunk(bytes, size, digest, values);
        if (memcmp(digest, id, sizeof id) == 0) {
            expected->misses = 0;
            return size;
        }
    }
    if (++expected->misses == MISSES_MAX)
        expected->descriptor = -1;
    return 0;
}

/* Look for the end of the chunk that begins at `at` in the first piece, and hash it; 0 when it does
 * not end for certain. Only what the first piece does not hold is copied, into `scratch`, and no
 * more than has to be.
 */
static size_t
sought_chunk(const piece *pieces, size_t count, size_t at, const cut_rule *rule, int final,
             uint8_t *scratch, uint8_t *digest, uint8_t *values)
{
    const uint8_t *bytes = pieces->bytes + at;
    size_t available = pieces->length - at, size = chunk_size(bytes, 0, available, rule);

    if (size == 0 && count > 1) {
        size_t checked, wanted;
        bytes = scratch;
        do {
            checked = available;
            wanted = checked + GATHERED_BYTES < rule->max_size ? checked + GATHERED_BYTES
                                                               : rule->max_size;
            available = gather(pieces, count, at, wanted, scratch);
            size = chunk_size(scratch, checked, available, rule);
        } while (size == 0 && available == wanted);
    }
    if (size == 0 && final)
        size = available;
    if (size > 0)
        hash_chunk(bytes, size, digest, values);
    return size;
}

size_t
cut_and_hash_all(const piece *pieces, size_t count, const cut_rule *rule, int final,
                 sequel *expected, const found_chunks *into)
{
    size_t found = 0, end = 0, at = 0;
    uint8_t *values = into->values;

    for (;;) {
        while (count > 0 && at >= pieces->length) {
            at -= pieces->length;
            pieces++;
            count--;
        }
        if (count == 0)
            break;
        uint8_t *digest = into->digests + found * BLAKE3_DIGEST, *scratch = into->scratch;
        size_t size = expected_chunk(expected, pieces, count, at, rule, scratch, digest, values);
        if (size == 0) {
            size = sought_chunk(pieces, count, at, rule, final, scratch, digest, values);
            pass_over(expected, size);
        }
        if (size == 0)
            break;
        values += frame_values(size);
        at += size;
        end += size;
        into->cuts[found++] = end;
    }
    return found;
}
