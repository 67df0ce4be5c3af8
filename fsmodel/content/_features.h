/* What chunks resemble; see _features.c. */

#ifndef CAIRNFS_FEATURES_H
#define CAIRNFS_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#define FEATURES 12
#define FEATURE_BYTES 36

/* Hidden, as what could be another's at run time is read again for each sample. */
#define HIDDEN __attribute__((visibility("hidden")))
extern HIDDEN const uint64_t MULTIPLIERS[FEATURES], ADDENDS[FEATURES];

/* Fill `maxima`, which are 0, and return how many positions were sampled. */
size_t sample_all(const uint8_t *bytes, size_t length, uint64_t *maxima);

#endif
