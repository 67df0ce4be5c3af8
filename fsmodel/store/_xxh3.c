/* XXH3-64 as xxHash 0.8 defines it (Yann Collet), of the lengths that frames need.
 *
 * A long input is taken in stripes of 64 bytes, each of which goes into eight sums with a part of
 * the secret; after sixteen of them the sums are scrambled. The seed makes the secret another one.
 */

#include "_xxh3.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are read as they stand in memory, which must be little-endian"
#endif

#define PRIME32_1 UINT64_C(0x9E3779B1)
#define PRIME32_2 UINT64_C(0x85EBCA77)
#define PRIME32_3 UINT64_C(0xC2B2AE3D)
#define PRIME64_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME64_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME64_3 UINT64_C(0x165667B19E3779F9)
#define PRIME64_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME64_5 UINT64_C(0x27D4EB2F165667C5)
#define PRIME_MX1 UINT64_C(0x165667919E3779F9)

#define STRIPE 64
#define SUMS (STRIPE / 8)
#define SECRET 192
#define BLOCK_STRIPES ((SECRET - STRIPE) / 8)
#define BLOCK (BLOCK_STRIPES * STRIPE)
#define LAST_STRIPE_AT (SECRET - STRIPE - 7)
#define MERGED_AT 11

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

static const uint8_t DEFAULT_SECRET[SECRET] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

static inline uint64_t
word_at(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* The two halves of a product of 128 bits, mixed. */
static inline uint64_t
folded(uint64_t one, uint64_t other)
{
    unsigned __int128 product = (unsigned __int128)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t
avalanche(uint64_t hash)
{
    hash ^= hash >> 37;
    hash *= PRIME_MX1;
    return hash ^ hash >> 32;
}

static inline uint64_t
mixed(const uint8_t *bytes, const uint8_t *secret, uint64_t seed)
{
    return folded(word_at(bytes) ^ (word_at(secret) + seed),
                  word_at(bytes + 8) ^ (word_at(secret + 8) - seed));
}

uint64_t
xxh3_short(const uint8_t *bytes, size_t length, uint64_t seed)
{
    const uint8_t *end = bytes + length;
    uint64_t sum = length * PRIME64_1;

    sum += mixed(bytes + 16, DEFAULT_SECRET + 32, seed);
    sum += mixed(end - 32, DEFAULT_SECRET + 48, seed);
    sum += mixed(bytes, DEFAULT_SECRET, seed);
    sum += mixed(end - 16, DEFAULT_SECRET + 16, seed);
    return avalanche(sum);
}

static inline __attribute__((always_inline)) void
add_stripes(uint64_t *sums, const uint8_t *bytes, const uint8_t *secret, size_t count)
{
    for (size_t stripe = 0; stripe < count; stripe++, bytes += STRIPE, secret += 8) {
        for (size_t n = 0; n < SUMS; n++) {
            uint64_t key = word_at(bytes + 8 * n) ^ word_at(secret + 8 * n);
            sums[n] += word_at(bytes + 8 * (n ^ 1)) + (uint32_t)key * (key >> 32);
        }
    }
}

FOR_EACH_PROCESSOR static void
add_all(uint64_t *given, const uint8_t *bytes, size_t length, const uint8_t *secret)
{
    size_t blocks = (length - 1) / BLOCK;
    uint64_t sums[SUMS];

    memcpy(sums, given, sizeof sums);
    for (size_t block = 0; block < blocks; block++) {
        add_stripes(sums, bytes + block * BLOCK, secret, BLOCK_STRIPES);
        for (size_t n = 0; n < SUMS; n++) {
            sums[n] ^= sums[n] >> 47 ^ word_at(secret + SECRET - STRIPE + 8 * n);
            sums[n] *= PRIME32_1;
        }
    }
    size_t done = blocks * BLOCK;
    add_stripes(sums, bytes + done, secret, (length - 1 - done) / STRIPE);
    add_stripes(sums, bytes + length - STRIPE, secret + LAST_STRIPE_AT, 1);
    memcpy(given, sums, sizeof sums);
}

uint64_t
xxh3_long(const uint8_t *bytes, size_t length, uint64_t seed)
{
    uint64_t sums[SUMS] = {PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3,
                           PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1};
    uint8_t secret[SECRET];
    uint64_t hash = length * PRIME64_1;

    for (size_t at = 0; at < SECRET; at += 16) {
        uint64_t low = word_at(DEFAULT_SECRET + at) + seed;
        uint64_t high = word_at(DEFAULT_SECRET + at + 8) - seed;
        memcpy(secret + at, &low, sizeof low);
        memcpy(secret + at + 8, &high, sizeof high);
    }
    add_all(sums, bytes, length, secret);
    for (size_t n = 0; n < SUMS; n += 2)
        hash += folded(sums[n] ^ word_at(secret + MERGED_AT + 8 * n),
                       sums[n + 1] ^ word_at(secret + MERGED_AT + 8 * n + 8));
    return avalanche(hash);
}
