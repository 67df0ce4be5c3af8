/* What looks random; see is_noise in chunking_reference.py. */

#include "_noise.h"

#include <string.h>

#define SAMPLE_WINDOW 64
#define SAMPLE_WINDOWS 64
#define SEEN_BITS 12
#define NOISE_SQUARES_MAX 71800
#define NOISE_REPEATS_MAX 1

int
is_noise(const uint8_t *bytes, size_t length)
{
    uint32_t counts[256] = {0}, seen[1 << SEEN_BITS] = {0};
    uint32_t squares = 0, repeats = 0;

    for (size_t n = 0; n < SAMPLE_WINDOWS; n++) {
        const uint8_t *window = bytes + n * (length - SAMPLE_WINDOW) / (SAMPLE_WINDOWS - 1);
        for (size_t at = 0; at < SAMPLE_WINDOW; at++)
            counts[window[at]]++;
        for (size_t at = 0; n % 4 == 0 && at + 4 <= SAMPLE_WINDOW; at++) {
            uint32_t word;
            memcpy(&word, window + at, 4);
            uint32_t *place = &seen[word * UINT32_C(2654435761) >> (32 - SEEN_BITS)];
            repeats += *place == word;
            *place = word;
        }
    }
    for (size_t value = 0; value < 256; value++)
        squares += counts[value] * counts[value];
    return squares <= NOISE_SQUARES_MAX && repeats <= NOISE_REPEATS_MAX;
}
