/* Frames of chunks that are stored as they are: what right means. frames_reference.py has the same.
 *
 * All of a header is expected but for the checksum of the body: its BLAKE3 hash is the id, which
 * stands in the header. Whether the values of its sections follow the chunk is not expected.
 */

#define _GNU_SOURCE /* preadv */
#include "_frame.h"

#include "../content/_blake3.h"
#include "_frame_layout.h"
#include "_xxh3.h"

#include <string.h>
#include <sys/uio.h>

#define AT_ONCE_BYTES ((size_t)256 << 10) /* hashed while they are in the processor's own cache */
#define FRAMES_AT_ONCE_MAX 64

_Static_assert(SECTION == BLAKE3_SECTION && SECTION_VALUE == BLAKE3_DIGEST &&
                   SECTIONED_MAX / SECTION <= BLAKE3_SECTIONS_MAX,
               "sections are those of the tree");

int
chunk_of(PyObject *tuple, chunk *found)
{
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) < 2 ||
        !PyBytes_Check(PyTuple_GET_ITEM(tuple, 0)) ||
        PyBytes_GET_SIZE(PyTuple_GET_ITEM(tuple, 0)) != BLAKE3_DIGEST) {
        PyErr_SetString(PyExc_TypeError, "a chunk is a tuple of its id, its size and what may follow");
        return -1;
    }
    found->id = (const uint8_t *)PyBytes_AS_STRING(PyTuple_GET_ITEM(tuple, 0));
    found->size = PyLong_AsSize_t(PyTuple_GET_ITEM(tuple, 1));
    if (found->size == (size_t)-1 && PyErr_Occurred())
        return -1;
    if (found->size > BLAKE3_BYTES_MAX) {
        PyErr_Format(PyExc_ValueError, "a chunk of %zu bytes", found->size);
        return -1;
    }
    return 0;
}

void
frame_facts(uint8_t *header, chunk wanted, int sectioned)
{
    static const uint8_t BEGINNING[FRAME_CHECKSUM_AT] = FRAME_BEGINNING;
    const uint8_t kind[FRAME_PLAIN_AT - FRAME_KIND_AT] = {
        [0] = FRAME_KIND_CHUNK, [FRAME_FLAGS_AT - FRAME_KIND_AT] = sectioned ? FRAME_SECTIONED : 0};
    uint32_t size = (uint32_t)wanted.size;
    uint32_t stored = size + (sectioned ? (uint32_t)frame_values(wanted.size) : 0);

    memcpy(header, BEGINNING, sizeof BEGINNING);
    memcpy(header + FRAME_KIND_AT, kind, sizeof kind);
    memcpy(header + FRAME_PLAIN_AT, &size, sizeof size);
    memcpy(header + FRAME_STORED_AT, &stored, sizeof stored);
    memcpy(header + FRAME_ID_AT, wanted.id, BLAKE3_DIGEST);
}

uint64_t
frame_hash(const uint8_t *header, uint64_t seed)
{
    return xxh3_short(header + FRAME_FACTS_AT, FRAME_FACTS, seed);
}

size_t
frame_begins(const uint8_t *header, uint64_t seed, chunk wanted)
{
    int sectioned = header[FRAME_FLAGS_AT] == FRAME_SECTIONED && frame_values(wanted.size) > 0;
    uint8_t expected[FRAME_HEADER];
    uint32_t check;

    frame_facts(expected, wanted, sectioned);
    check = (uint32_t)frame_hash(expected, seed);
    memcpy(expected + FRAME_CHECK_AT, &check, sizeof check);
    if (memcmp(header, expected, FRAME_CHECKSUM_AT) != 0 ||
        memcmp(header + FRAME_CHECK_AT, expected + FRAME_CHECK_AT,
               FRAME_HEADER - FRAME_CHECK_AT) != 0)
        return 0;
    return FRAME_HEADER + wanted.size + (sectioned ? frame_values(wanted.size) : 0);
}

size_t
frame_is_of(const uint8_t *header, const uint8_t *body, uint64_t seed, chunk wanted)
{
    size_t size = frame_begins(header, seed, wanted);
    uint8_t digest[BLAKE3_DIGEST];

    if (size == 0)
        return 0;
    blake3_of(body, wanted.size, BLAKE3_LANES_MAX, digest);
    return memcmp(digest, wanted.id, sizeof digest) == 0 ? size : 0;
}

size_t
frame_size(const uint8_t *header, uint64_t seed)
{
    static const uint8_t BEGINNING[FRAME_CHECKSUM_AT] = FRAME_BEGINNING;
    uint32_t check, stored;

    memcpy(&check, header + FRAME_CHECK_AT, sizeof check);
    memcpy(&stored, header + FRAME_STORED_AT, sizeof stored);
    if (memcmp(header, BEGINNING, sizeof BEGINNING) != 0 ||
        check != (uint32_t)frame_hash(header, seed))
        return 0;
    return FRAME_HEADER + (size_t)stored;
}

enum frames_result
read_frames(int descriptor, uint64_t seed, const chunk *chunks, size_t count, uint8_t *into,
            frames_read *at)
{
    uint8_t headers[FRAMES_AT_ONCE_MAX][FRAME_HEADER], values[VALUES_MAX];
    struct iovec parts[3 * FRAMES_AT_ONCE_MAX];
    uint8_t *body = into + at->right_bytes;
    size_t first = at->right, few = 0, size = 0;

    for (; first + few < count && few < FRAMES_AT_ONCE_MAX && size < AT_ONCE_BYTES; few++) {
        size_t each = chunks[first + few].size;

        parts[3 * few] = (struct iovec){headers[few], FRAME_HEADER};
        parts[3 * few + 1] = (struct iovec){body + size, each};
        parts[3 * few + 2] = (struct iovec){values, at->bare ? 0 : frame_values(each)};
        size += each;
    }
    ssize_t left = preadv(descriptor, parts, 3 * (int)few, at->end);
    if (left < 0)
        return FRAMES_FAILED;
    for (size_t n = 0; n < few; n++) {
        chunk wanted = chunks[first + n];
        size_t whole = FRAME_HEADER + wanted.size;

        if (left < FRAME_HEADER)
            return FRAMES_SHORT;
        memcpy(at->header, headers[n], FRAME_HEADER);
        size_t frame = left < (ssize_t)whole
                           ? 0
                           : frame_is_of(headers[n], parts[3 * n + 1].iov_base, seed, wanted);
        if (frame == 0)
            return FRAMES_OTHER;
        at->last = at->end;
        at->end += (off_t)frame;
        at->right++;
        at->right_bytes += wanted.size;
        at->frame_bytes += frame;
        left -= (ssize_t)(whole + parts[3 * n + 2].iov_len);
        if (frame != whole + parts[3 * n + 2].iov_len) {
            at->bare = !at->bare; /* what was read behind it does not lie where it was read from */
            break;
        }
    }
    return FRAMES_GO_ON;
}
