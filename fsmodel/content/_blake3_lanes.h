/* Compressing LANES inputs side by side: _blake3.c includes this once for each number of lanes.
 *
 * It defines LANES, TARGET (the instructions the compiler may use), INTERLEAVE_LOW and
 * INTERLEAVE_HIGH (the words of two vectors in turn, of their first and their second halves).
 */

#define JOIN_AGAIN(name, lanes) name##_##lanes
#define JOIN(name, lanes) JOIN_AGAIN(name, lanes)
#define LANED(name) JOIN(name, LANES)

typedef uint32_t LANED(vector) __attribute__((vector_size(4 * LANES)));

/* LANES rows of as many words become columns. Interleaving the upper half of the rows with the
 * lower one moves one bit of each word's column number into its row number; after all bits of
 * them have moved, the two have changed places.
 */
TARGET static inline __attribute__((always_inline)) void
LANED(transpose)(LANED(vector) *rows)
{
#pragma GCC unroll 4
    for (size_t bit = 1; bit < LANES; bit *= 2) {
        LANED(vector) moved[LANES];
#pragma GCC unroll 8
        for (size_t n = 0; n < LANES / 2; n++) {
            moved[2 * n] = INTERLEAVE_LOW(rows[n], rows[n + LANES / 2]);
            moved[2 * n + 1] = INTERLEAVE_HIGH(rows[n], rows[n + LANES / 2]);
        }
#pragma GCC unroll 16
        for (size_t n = 0; n < LANES; n++)
            rows[n] = moved[n];
    }
}

/* Word n of the next block of every lane, for each n. */
TARGET static inline __attribute__((always_inline)) void
LANED(load)(const uint8_t *at, size_t stride, LANED(vector) *words)
{
#pragma GCC unroll 4
    for (size_t part = 0; part < BLOCK_WORDS; part += LANES) {
#pragma GCC unroll 16
        for (size_t lane = 0; lane < LANES; lane++)
            memcpy(&words[part + lane], at + lane * stride + 4 * part, 4 * LANES);
        LANED(transpose)(words + part);
    }
}

/* Chaining values of LANES inputs of `blocks` blocks each, `stride` bytes apart, 8 words each.
 * Lane n has the counter `counter` + n, or none, as parents have, with `counted` 0.
 */
TARGET static void
LANED(compress)(const uint8_t *inputs, size_t stride, size_t blocks, uint64_t counter,
                uint32_t counted, uint32_t flags, uint32_t first, uint32_t last, uint32_t *values)
{
    LANED(vector) chained[LANES > VALUE_WORDS ? LANES : VALUE_WORDS], low, high;

#pragma GCC unroll 8
    for (size_t n = 0; n < VALUE_WORDS; n++)
        chained[n] = (LANED(vector)){0} + IV[n];
    for (size_t lane = 0; lane < LANES; lane++) {
        low[lane] = (uint32_t)(counter + lane * counted);
        high[lane] = (uint32_t)((counter + lane * counted) >> 32);
    }
    for (size_t block = 0; block < blocks; block++) {
        LANED(vector) words[BLOCK_WORDS], state[16];
        uint32_t all_flags = flags | (block == 0 ? first : 0) | (block + 1 == blocks ? last : 0);

        LANED(load)(inputs + block * BLOCK, stride, words);
#pragma GCC unroll 8
        for (size_t n = 0; n < VALUE_WORDS; n++)
            state[n] = chained[n];
#pragma GCC unroll 4
        for (size_t n = 0; n < 4; n++)
            state[8 + n] = (LANED(vector)){0} + IV[n];
        state[12] = low;
        state[13] = high;
        state[14] = (LANED(vector)){0} + BLOCK;
        state[15] = (LANED(vector)){0} + all_flags;
        ROUNDS(state, words);
#pragma GCC unroll 8
        for (size_t n = 0; n < VALUE_WORDS; n++)
            chained[n] = state[n] ^ state[n + 8];
    }
    for (size_t lane = 0; lane < LANES; lane++)
        for (size_t n = 0; n < VALUE_WORDS; n++)
            values[lane * VALUE_WORDS + n] = chained[n][lane];
}

#undef JOIN_AGAIN
#undef JOIN
#undef LANED
#undef LANES
#undef TARGET
#undef INTERLEAVE_LOW
#undef INTERLEAVE_HIGH
