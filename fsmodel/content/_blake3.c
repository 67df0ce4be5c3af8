/* BLAKE3 of chunks, without arguments for keys and longer outputs: a 32-byte hash of plain bytes.
 *
 * As in "BLAKE3: one function, fast everywhere" (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020),
 * whose words are used here: an input is cut into *pieces* of 1,024 bytes (the paper's "chunks"),
 * each of which gives a chaining value, and a binary tree above them gives one. Values of a level
 * are paired from the left, and an odd one goes up as it is, which is the same tree as the paper's.
 * So the values of a level that stands for 16 pieces each, the *sections*, are enough for the hash.
 *
 * Pieces do not depend on each other, so as many as a vector has words are compressed at once.
 */

#include "_blake3.h"

#include <stddef.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are read as they stand in memory, which must be little-endian"
#endif

#define BLOCK 64
#define BLOCK_WORDS 16
#define VALUE_WORDS 8
#define PIECE 1024
#define PIECE_BLOCKS (PIECE / BLOCK)
#define SUBTREE_PIECES 256 /* a power of two, so that full subtrees are subtrees of the whole */
#define SECTION_PIECES (BLAKE3_SECTION / PIECE)
#define SUBTREES_MAX (BLAKE3_BYTES_MAX / PIECE / SUBTREE_PIECES)

#define PIECE_START 1
#define PIECE_END 2
#define PARENT 4
#define ROOT 8

static const uint32_t IV[VALUE_WORDS] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* Which words of the block each round mixes in. */
static const uint8_t SCHEDULE[7][BLOCK_WORDS] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
    {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
    {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/* Words and vectors of words alike. */
#define ROTATED(word, by) ((word) >> (by) | (word) << (32 - (by)))
#define MIX(v, a, b, c, d, x, y)            \
    do {                                    \
        v[a] += v[b] + (x);                 \
        v[d] = ROTATED(v[d] ^ v[a], 16);    \
        v[c] += v[d];                       \
        v[b] = ROTATED(v[b] ^ v[c], 12);    \
        v[a] += v[b] + (y);                 \
        v[d] = ROTATED(v[d] ^ v[a], 8);     \
        v[c] += v[d];                       \
        v[b] = ROTATED(v[b] ^ v[c], 7);     \
    } while (0)
#define ROUND(v, m, s)                         \
    do {                                       \
        MIX(v, 0, 4, 8, 12, m[s[0]], m[s[1]]); \
        MIX(v, 1, 5, 9, 13, m[s[2]], m[s[3]]); \
        MIX(v, 2, 6, 10, 14, m[s[4]], m[s[5]]); \
        MIX(v, 3, 7, 11, 15, m[s[6]], m[s[7]]); \
        MIX(v, 0, 5, 10, 15, m[s[8]], m[s[9]]); \
        MIX(v, 1, 6, 11, 12, m[s[10]], m[s[11]]); \
        MIX(v, 2, 7, 8, 13, m[s[12]], m[s[13]]); \
        MIX(v, 3, 4, 9, 14, m[s[14]], m[s[15]]); \
    } while (0)
#define ROUNDS(v, m)              \
    do {                          \
        ROUND(v, m, SCHEDULE[0]); \
        ROUND(v, m, SCHEDULE[1]); \
        ROUND(v, m, SCHEDULE[2]); \
        ROUND(v, m, SCHEDULE[3]); \
        ROUND(v, m, SCHEDULE[4]); \
        ROUND(v, m, SCHEDULE[5]); \
        ROUND(v, m, SCHEDULE[6]); \
    } while (0)

#if defined(__clang__)
#define SHUFFLED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLED(a, b, ...) __builtin_shuffle(a, b, (__typeof__(a)){__VA_ARGS__})
#endif

#define LANES 4
#define TARGET
#define INTERLEAVE_LOW(a, b) SHUFFLED(a, b, 0, 4, 1, 5)
#define INTERLEAVE_HIGH(a, b) SHUFFLED(a, b, 2, 6, 3, 7)
#include "_blake3_lanes.h"

#if defined(__x86_64__)

#define LANES 8
#define TARGET __attribute__((target("avx2")))
#define INTERLEAVE_LOW(a, b) SHUFFLED(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define INTERLEAVE_HIGH(a, b) SHUFFLED(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#include "_blake3_lanes.h"

#define LANES 16
#define TARGET __attribute__((target("avx512f")))
#define INTERLEAVE_LOW(a, b) \
    SHUFFLED(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define INTERLEAVE_HIGH(a, b) \
    SHUFFLED(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#include "_blake3_lanes.h"

#endif

typedef void compress_lanes(const uint8_t *, size_t, size_t, uint64_t, uint32_t, uint32_t, uint32_t,
                            uint32_t, uint32_t *);

typedef struct {
    compress_lanes *compress;
    size_t lanes;
} width;

static const width NARROW = {compress_4, 4};

/* The widest way to compress that this processor knows, with up to so many lanes. */
static width
widest(size_t lanes_max)
{
#if defined(__x86_64__)
    if (lanes_max >= 16 && __builtin_cpu_supports("avx512f"))
        return (width){compress_16, 16};
    if (lanes_max >= 8 && __builtin_cpu_supports("avx2"))
        return (width){compress_8, 8};
#endif
    (void)lanes_max;
    return NARROW;
}

/* Compress one block into a chaining value. */
static void
compress_block(uint32_t *value, const uint8_t *block, uint32_t length, uint64_t counter,
               uint32_t flags)
{
    uint32_t m[BLOCK_WORDS];
    uint32_t v[16] = {
        value[0], value[1], value[2], value[3], value[4], value[5], value[6], value[7],
        IV[0], IV[1], IV[2], IV[3], (uint32_t)counter, (uint32_t)(counter >> 32), length, flags,
    };

    memcpy(m, block, BLOCK);
    ROUNDS(v, m);
    for (size_t n = 0; n < VALUE_WORDS; n++)
        value[n] = v[n] ^ v[n + 8];
}

/* The chaining value of one piece, the last of which may be short; `last` is set for its end. */
static void
compress_piece(const uint8_t *bytes, size_t length, uint64_t counter, uint32_t last,
               uint32_t *value)
{
    uint32_t flags = PIECE_START;
    uint8_t padded[BLOCK] = {0};

    memcpy(value, IV, sizeof IV);
    for (; length > BLOCK; length -= BLOCK, bytes += BLOCK) {
        compress_block(value, bytes, BLOCK, counter, flags);
        flags = 0;
    }
    memcpy(padded, bytes, length);
    compress_block(value, padded, (uint32_t)length, counter, flags | PIECE_END | last);
}

/* Chaining values of full pieces. Vectors that reach beyond the end begin earlier instead. */
static void
compress_pieces(width wide, const uint8_t *bytes, size_t count, uint64_t counter, uint32_t *values)
{
    size_t done = 0;

    if (count < wide.lanes)
        wide = NARROW;
    while (done < count && count >= wide.lanes) {
        size_t from = done + wide.lanes <= count ? done : count - wide.lanes;
        wide.compress(bytes + from * PIECE, PIECE, PIECE_BLOCKS, counter + from, 1, 0, PIECE_START,
                      PIECE_END, values + from * VALUE_WORDS);
        done = from + wide.lanes;
    }
    for (; done < count; done++)
        compress_piece(bytes + done * PIECE, PIECE, counter + done, 0,
                       values + done * VALUE_WORDS);
}

/* Merge the values of one level into the first of them; how many are left. There is room for
 * BLAKE3_LANES_MAX pairs behind the last: vectors compress them too, in vain.
 */
static size_t
merge_level(width wide, uint32_t *values, size_t count)
{
    size_t pairs = count / 2;
    uint32_t odd[VALUE_WORDS];

    if (count % 2)
        memcpy(odd, values + (count - 1) * VALUE_WORDS, sizeof odd);
    if (count <= NARROW.lanes * 2)
        wide = NARROW;
    for (size_t pair = 0; pair < pairs; pair += wide.lanes)
        wide.compress((const uint8_t *)(values + 2 * pair * VALUE_WORDS), BLOCK, 1, 0, 0, PARENT, 0,
                      0, values + pair * VALUE_WORDS);
    if (count % 2)
        memcpy(values + pairs * VALUE_WORDS, odd, sizeof odd);
    return pairs + count % 2;
}

/* Merge one level after the other, with `root` in the end. */
static void
merge(width wide, uint32_t *values, size_t count, uint32_t root)
{
    while (count > 2)
        count = merge_level(wide, values, count);
    if (count == 2) {
        uint32_t value[VALUE_WORDS];

        memcpy(value, IV, sizeof IV);
        compress_block(value, (const uint8_t *)values, BLOCK, 0, PARENT | root);
        memcpy(values, value, sizeof value);
    }
}

/* The chaining value of up to SUBTREE_PIECES pieces that begin with piece number `counter`, and, if
 * they are wanted, those of its sections.
 */
static void
compress_subtree(width wide, const uint8_t *bytes, size_t length, uint64_t counter, uint32_t root,
                 uint32_t *value, uint8_t *sections)
{
    uint32_t values[(SUBTREE_PIECES + 2 * BLAKE3_LANES_MAX) * VALUE_WORDS] = {0};
    size_t full = length > 0 ? (length - 1) / PIECE : 0;

    if (full > 0 && length % PIECE == 0)
        full++;
    compress_pieces(wide, bytes, full, counter, values);
    size_t rest = length - full * PIECE, count = full + (full == 0 || rest > 0);
    if (count > full)
        compress_piece(bytes + full * PIECE, rest, counter + full, count == 1 ? root : 0,
                       values + full * VALUE_WORDS);
    if (sections != NULL) {
        for (size_t level = 1; level < SECTION_PIECES; level *= 2)
            count = count > 1 ? merge_level(wide, values, count) : count;
        memcpy(sections, values, count * BLAKE3_DIGEST);
    }
    merge(wide, values, count, root);
    memcpy(value, values, VALUE_WORDS * sizeof *value);
}

/* The hash, and, if they are wanted, the values of all sections. */
static void
hash_all(width wide, const uint8_t *bytes, size_t length, uint8_t *digest, uint8_t *sections)
{
    uint32_t values[(SUBTREES_MAX + 2 * BLAKE3_LANES_MAX) * VALUE_WORDS] = {0};
    size_t count = 0;

    do {
        size_t most = SUBTREE_PIECES * PIECE, at = count * most;
        size_t part = length - at < most ? length - at : most;
        uint8_t *of_part = sections == NULL ? NULL : sections + at / BLAKE3_SECTION * BLAKE3_DIGEST;
        compress_subtree(wide, bytes + at, part, count * SUBTREE_PIECES,
                         length <= most ? ROOT : 0, values + count * VALUE_WORDS, of_part);
        count++;
    } while (count * SUBTREE_PIECES * PIECE < length);
    merge(wide, values, count, ROOT);
    memcpy(digest, values, BLAKE3_DIGEST);
}

void
blake3_of(const uint8_t *bytes, size_t length, size_t lanes_max, uint8_t *digest)
{
    hash_all(widest(lanes_max), bytes, length, digest, NULL);
}

void
blake3_with_sections(const uint8_t *bytes, size_t length, uint8_t *digest, uint8_t *values)
{
    hash_all(widest(BLAKE3_LANES_MAX), bytes, length, digest, values);
}

void
blake3_section(const uint8_t *bytes, size_t length, size_t number, uint8_t *value)
{
    uint32_t words[VALUE_WORDS];

    compress_subtree(widest(BLAKE3_LANES_MAX), bytes, length, number * SECTION_PIECES, 0, words,
                     NULL);
    memcpy(value, words, BLAKE3_DIGEST);
}

void
blake3_joined(const uint8_t *values, size_t count, uint8_t *digest)
{
    uint32_t words[(BLAKE3_SECTIONS_MAX + 2 * BLAKE3_LANES_MAX) * VALUE_WORDS] = {0};

    memcpy(words, values, count * BLAKE3_DIGEST);
    merge(widest(BLAKE3_LANES_MAX), words, count, ROOT);
    memcpy(digest, words, BLAKE3_DIGEST);
}
