/* Resemblance features.
 *
 *   word(e) = hash(e) << 28 modulo 2^64, which depends on the 36 bytes before e
 *   feature = max over e >= 64 with word(e) < 2^57 of (word(e) * multiplier + addend) >> 32
 */

#include "_features.h"

#include "_gear.h"

#define WORD_SHIFT (WINDOW - FEATURE_BYTES)
#define SAMPLED_BELOW (UINT64_C(1) << 57)
#define SAMPLE_LANE_MAX 1024 /* bytes; the hashes of four such lanes fit the L1 cache */

const uint64_t MULTIPLIERS[FEATURES] = {
    UINT64_C(0x2773589c262eebdf), UINT64_C(0x69be8a2825d3a3d7), UINT64_C(0x3cb6340cd021724d), UINT64_C(0x7296529fb2388e89),
    UINT64_C(0x18852df944958cc9), UINT64_C(0x34f194da2e8fc639), UINT64_C(0x794744c7ca2ad60d), UINT64_C(0x2b26de3c99f23421),
    UINT64_C(0xb328386db3159e77), UINT64_C(0x531f15e5a0900003), UINT64_C(0x87327c467f176b89), UINT64_C(0x7fd8cd59d996e043),
};

const uint64_t ADDENDS[FEATURES] = {
    UINT64_C(0x3aa17ad5c89f7c67), UINT64_C(0xb286239f55592e2e), UINT64_C(0x8e52d0854fdb4cc5), UINT64_C(0xf2a228ead3011f7a),
    UINT64_C(0xe395fabd4b8f34ea), UINT64_C(0x0e217d661847236a), UINT64_C(0x634ba3a9f8cec8a4), UINT64_C(0xdb38edebc4b69373),
    UINT64_C(0xb5b422c09552d3b8), UINT64_C(0x3e9d5b951d368bc6), UINT64_C(0x3700e3bb7a419c30), UINT64_C(0xd4d589606f488d62),
};

/* The word one byte further on. Words are hashes of fewer bytes, in the high bits. */
static inline uint64_t
next_word(uint64_t word, uint8_t byte)
{
    return (word << 1) + (GEAR[byte] << WORD_SHIFT);
}

/* Raise each maximum to the largest transform of these words. */
static void
transform(const uint64_t *sampled, size_t count, uint64_t *maxima)
{
    for (size_t at = 0; at < count; at++) {
        for (size_t n = 0; n < FEATURES; n++) {
            uint64_t value = sampled[at] * MULTIPLIERS[n] + ADDENDS[n];
            maxima[n] = value > maxima[n] ? value : maxima[n];
        }
    }
}

/* Sample four lanes of `lane` bytes side by side, and return how many positions were sampled. */
static size_t
sample_lanes(const uint8_t *at, size_t lane, uint64_t *maxima)
{
    const uint8_t *at1 = at + lane, *at2 = at1 + lane, *at3 = at2 + lane;
    uint64_t word0 = hash_before(at) << WORD_SHIFT, word1 = hash_before(at1) << WORD_SHIFT;
    uint64_t word2 = hash_before(at2) << WORD_SHIFT, word3 = hash_before(at3) << WORD_SHIFT;
    uint64_t sampled[LANES][SAMPLE_LANE_MAX];
    size_t count0 = 0, count1 = 0, count2 = 0, count3 = 0;

    /* Storing always and counting sometimes spares branches that nobody can predict. */
    for (size_t n = 0; n < lane; n++) {
        sampled[0][count0] = word0 = next_word(word0, at[n]);
        sampled[1][count1] = word1 = next_word(word1, at1[n]);
        sampled[2][count2] = word2 = next_word(word2, at2[n]);
        sampled[3][count3] = word3 = next_word(word3, at3[n]);
        count0 += word0 < SAMPLED_BELOW;
        count1 += word1 < SAMPLED_BELOW;
        count2 += word2 < SAMPLED_BELOW;
        count3 += word3 < SAMPLED_BELOW;
    }
    transform(sampled[0], count0, maxima);
    transform(sampled[1], count1, maxima);
    transform(sampled[2], count2, maxima);
    transform(sampled[3], count3, maxima);
    return count0 + count1 + count2 + count3;
}

/* Sample `count` bytes fewer than the lanes are worth. */
static size_t
sample_one(const uint8_t *at, size_t count, uint64_t *maxima)
{
    uint64_t word = hash_before(at) << WORD_SHIFT;
    size_t total = 0;

    for (size_t n = 0; n < count; n++) {
        word = next_word(word, at[n]);
        if (word < SAMPLED_BELOW) {
            transform(&word, 1, maxima);
            total++;
        }
    }
    return total;
}

size_t
sample_all(const uint8_t *bytes, size_t length, uint64_t *maxima)
{
    size_t total = 0;

    for (size_t done = WINDOW - 1; done < length;) {
        size_t lane = lane_of(length - done, SAMPLE_LANE_MAX);
        size_t block = lane < WINDOW ? length - done : LANES * lane;
        total += lane < WINDOW ? sample_one(bytes + done, block, maxima)
                               : sample_lanes(bytes + done, lane, maxima);
        done += block;
    }
    return total;
}
