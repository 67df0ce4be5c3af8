/* Frames of chunks that are stored as they are: what right means. frames_reference.py has the same.
 *
 * The layout of a header is that of pack_format.py. All of it is expected but for the checksum of
 * the body: its BLAKE3 hash is the id, which stands in the header.
 */

#include "_frame.h"

#include "../content/_blake3.h"

#include <string.h>

#define CHECKSUM_AT 8
#define CHECK_AT 16
#define FACTS_AT 20
#define STORED_AT (FACTS_AT + 8)
#define FACTS (FRAME_HEADER - FACTS_AT)

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "numbers are read and written as they stand in memory, which must be little-endian"
#endif

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

static uint64_t
number_at(const uint8_t *bytes)
{
    uint64_t number;

    memcpy(&number, bytes, sizeof number);
    return number;
}

static uint64_t
mixed(const uint8_t *bytes, const uint8_t *secret, uint64_t seed)
{
    unsigned __int128 product = (unsigned __int128)(number_at(bytes) ^ (number_at(secret) + seed)) *
                                (number_at(bytes + 8) ^ (number_at(secret + 8) - seed));

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* XXH3-64 of as many bytes as the facts have, with a seed: the case of 33 to 64 bytes of
 * XXH3_len_17to128_64b in Yann Collet's xxHash, with the beginning of its secret.
 */
static uint64_t
checksum_of_facts(const uint8_t *facts, uint64_t seed)
{
    static const uint8_t SECRET[64] = {
        0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad,
        0x1c, 0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3,
        0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc,
        0xff, 0x72, 0x21, 0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6,
        0x81, 0x3a, 0x26, 0x4c,
    };
    uint64_t sum = FACTS * UINT64_C(0x9E3779B185EBCA87);

    sum += mixed(facts + 16, SECRET + 32, seed);
    sum += mixed(facts + FACTS - 32, SECRET + 48, seed);
    sum += mixed(facts, SECRET, seed);
    sum += mixed(facts + FACTS - 16, SECRET + 16, seed);
    sum = (sum ^ (sum >> 37)) * UINT64_C(0x165667919E3779F9);
    return sum ^ (sum >> 32);
}

/* The header that a chunk's frame must have, but for the checksum of its body: zero here. */
static void
expect_header(uint8_t *header, uint64_t seed, chunk wanted)
{
    static const uint8_t CONSTANT[FACTS_AT + 4] = {
        0x89, 'F', 'R', 'A', 'M', 'E', 1, 0, [FACTS_AT] = 1, /* magic, version; kind, codec, flags */
    };
    uint32_t size = (uint32_t)wanted.size, check;

    memcpy(header, CONSTANT, sizeof CONSTANT);
    memcpy(header + FACTS_AT + 4, &size, sizeof size); /* plain */
    memcpy(header + FACTS_AT + 8, &size, sizeof size); /* stored */
    memcpy(header + FACTS_AT + 12, wanted.id, BLAKE3_DIGEST);
    check = (uint32_t)checksum_of_facts(header + FACTS_AT, seed);
    memcpy(header + FACTS_AT - sizeof check, &check, sizeof check);
}

int
frame_is_of(const uint8_t *header, const uint8_t *body, uint64_t seed, chunk wanted)
{
    const size_t behind = CHECKSUM_AT + sizeof(uint64_t);
    uint8_t expected[FRAME_HEADER], digest[BLAKE3_DIGEST];

    expect_header(expected, seed, wanted);
    if (memcmp(header, expected, CHECKSUM_AT) != 0 ||
        memcmp(header + behind, expected + behind, FRAME_HEADER - behind) != 0)
        return 0;
    blake3_of(body, wanted.size, BLAKE3_LANES_MAX, digest);
    return memcmp(digest, wanted.id, sizeof digest) == 0;
}

size_t
frame_size(const uint8_t *header, uint64_t seed)
{
    static const uint8_t CONSTANT[CHECKSUM_AT] = {0x89, 'F', 'R', 'A', 'M', 'E', 1, 0};
    uint32_t check, stored;

    memcpy(&check, header + CHECK_AT, sizeof check);
    memcpy(&stored, header + STORED_AT, sizeof stored);
    if (memcmp(header, CONSTANT, sizeof CONSTANT) != 0 ||
        check != (uint32_t)checksum_of_facts(header + FACTS_AT, seed))
        return 0;
    return FRAME_HEADER + (size_t)stored;
}
