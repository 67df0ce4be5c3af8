/* Where chunks end.
 *
 *   chunk = the smallest size s >= min_size with hash(start + s) < threshold(s), else max_size
 *
 * A chunk's first min_size bytes are skipped but for the window of the first hash. No index
 * depends on the data, so that a buffer another thread writes to meanwhile can only give other
 * cuts, never an access outside it.
 */

#include "_cuts.h"

#include "_gear.h"

#define LANE_MAX 2048 /* bytes; longer lanes look further past the cut in vain */

/* The smallest n in 1 .. count for which the hash of the window that ends at `at` + n is below
 * the threshold; 0 when there is none. Readable from WINDOW - 1 bytes before `at`.
 */
static size_t
find_in_one(const uint8_t *at, size_t count, uint64_t below)
{
    uint64_t hash = hash_before(at);

    for (size_t n = 0; n < count; n++) {
        hash = rolled(hash, at[n]);
        if (hash < below)
            return n + 1;
    }
    return 0;
}

/* The same over four lanes of `lane` bytes side by side, which takes half as long, as no hash
 * waits for that of another lane. The first lane to hit stops all; those before it go on alone.
 */
static size_t
find_in_lanes(const uint8_t *at, size_t lane, uint64_t below)
{
    uint64_t hash0 = hash_before(at), hash1 = hash_before(at + lane);
    uint64_t hash2 = hash_before(at + 2 * lane), hash3 = hash_before(at + 3 * lane);
    size_t n = 0, hit = LANES;

#pragma GCC unroll 2
    for (; n < lane; n++) {
        hash0 = rolled(hash0, at[n]);
        hash1 = rolled(hash1, at[n + lane]);
        hash2 = rolled(hash2, at[n + 2 * lane]);
        hash3 = rolled(hash3, at[n + 3 * lane]);
        if (hash0 < below || hash1 < below || hash2 < below || hash3 < below) {
            hit = hash0 < below ? 0 : hash1 < below ? 1 : hash2 < below ? 2 : 3;
            break;
        }
    }
    if (hit == LANES)
        return 0;
    for (size_t before = 0; before < hit; before++) {
        size_t start = before * lane + n + 1;
        size_t found = find_in_one(at + start, lane - n - 1, below);
        if (found > 0)
            return start + found;
    }
    return hit * lane + n + 1;
}

/* The same, by blocks: what lies behind the first hash sought is looked at for nothing. */
static size_t
find_below(const uint8_t *at, size_t count, uint64_t below)
{
    size_t done = 0;

    while (done < count) {
        size_t lane = lane_of(count - done, LANE_MAX);
        size_t block = lane < WINDOW ? count - done : LANES * lane;
        size_t n = lane < WINDOW ? find_in_one(at + done, block, below)
                                 : find_in_lanes(at + done, lane, below);
        if (n > 0)
            return done + n;
        done += block;
    }
    return 0;
}

size_t
chunk_size(const uint8_t *bytes, size_t checked, size_t available, const cut_rule *rule)
{
    size_t last = available < rule->max_size ? available : rule->max_size;
    if (last < rule->min_size)
        return 0;

    /* Sizes min_size .. normal_size - 1 need a rare hash, normal_size .. last a frequent one. */
    size_t before = checked < rule->min_size ? rule->min_size - 1 : checked;
    size_t rare_to = rule->normal_size - 1 < last ? rule->normal_size - 1 : last;
    if (before < rare_to) {
        size_t found = find_below(bytes + before, rare_to - before, rule->rare_below);
        if (found > 0)
            return before + found;
        before = rare_to;
    }
    size_t found = find_below(bytes + before, last - before, rule->frequent_below);
    if (found > 0)
        return before + found;
    return last == rule->max_size ? last : 0;
}

int
may_end_after(const uint8_t *bytes, size_t size, const cut_rule *rule)
{
    if (size < rule->min_size || size >= rule->max_size)
        return size == rule->max_size;
    const uint8_t *last = bytes + size - 1;
    uint64_t below = size < rule->normal_size ? rule->rare_below : rule->frequent_below;
    return rolled(hash_before(last), *last) < below;
}

size_t
cut_all(const uint8_t *bytes, size_t length, const cut_rule *rule, int final, size_t *cuts)
{
    size_t count = 0;
    size_t start = 0;

    while (start < length) {
        size_t size = chunk_size(bytes + start, 0, length - start, rule);
        if (size == 0) {
            if (final)
                cuts[count++] = length;
            break;
        }
        start += size;
        cuts[count++] = start;
    }
    return count;
}
