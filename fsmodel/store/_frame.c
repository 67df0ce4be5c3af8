/* Frames of chunks that are stored as they are: what right means. frames_reference.py has the same.
 *
 * All of a header is expected but for the checksum of the body: its BLAKE3 hash is the id, which
 * stands in the header.
 */

#include "_frame.h"

#include "../content/_blake3.h"
#include "_frame_layout.h"
#include "_xxh3.h"

#include <string.h>

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
frame_facts(uint8_t *header, chunk wanted)
{
    static const uint8_t BEGINNING[FRAME_CHECKSUM_AT] = FRAME_BEGINNING;
    static const uint8_t KIND[FRAME_PLAIN_AT - FRAME_KIND_AT] = {FRAME_KIND_CHUNK};
    uint32_t size = (uint32_t)wanted.size;

    memcpy(header, BEGINNING, sizeof BEGINNING);
    memcpy(header + FRAME_KIND_AT, KIND, sizeof KIND);
    memcpy(header + FRAME_PLAIN_AT, &size, sizeof size);
    memcpy(header + FRAME_STORED_AT, &size, sizeof size);
    memcpy(header + FRAME_ID_AT, wanted.id, BLAKE3_DIGEST);
}

uint64_t
frame_hash(const uint8_t *header, uint64_t seed)
{
    return xxh3_short(header + FRAME_FACTS_AT, FRAME_FACTS, seed);
}

int
frame_is_of(const uint8_t *header, const uint8_t *body, uint64_t seed, chunk wanted)
{
    uint8_t expected[FRAME_HEADER], digest[BLAKE3_DIGEST];
    uint32_t check;

    frame_facts(expected, wanted);
    check = (uint32_t)frame_hash(expected, seed);
    memcpy(expected + FRAME_CHECK_AT, &check, sizeof check);
    if (memcmp(header, expected, FRAME_CHECKSUM_AT) != 0 ||
        memcmp(header + FRAME_CHECK_AT, expected + FRAME_CHECK_AT,
               FRAME_HEADER - FRAME_CHECK_AT) != 0)
        return 0;
    blake3_of(body, wanted.size, BLAKE3_LANES_MAX, digest);
    return memcmp(digest, wanted.id, sizeof digest) == 0;
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
