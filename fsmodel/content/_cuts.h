/* Where chunks end; see _cuts.c. */

#ifndef CAIRNFS_CUTS_H
#define CAIRNFS_CUTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t min_size;
    size_t normal_size;
    size_t max_size;
    uint64_t rare_below;
    uint64_t frequent_below;
} cut_rule;

/* Size of the chunk that begins at `bytes`, of which `available` are known; 0 when unsure. It is
 * known to be more than `checked`.
 */
size_t chunk_size(const uint8_t *bytes, size_t checked, size_t available, const cut_rule *rule);

/* Whether a chunk that is no shorter may be so long by the rule. */
int may_end_after(const uint8_t *bytes, size_t size, const cut_rule *rule);

/* Write the ends of all chunks to `cuts` and return how many there are. */
size_t cut_all(const uint8_t *bytes, size_t length, const cut_rule *rule, int final, size_t *cuts);

#endif
