/* Content-defined chunking and resemblance features: the fast twin of chunking_reference.py.
 *
 * Both must give the same answers to the last bit, as moved cuts would end deduplication with
 * stored data. The constants are those of gear.py, which says where they come from.
 *
 *   hash(e)  = sum of GEAR[data[e - 1 - k]] << k  for k in 0 .. 63, modulo 2^64
 *   chunk    = the smallest size s >= min_size with hash(start + s) < threshold(s), else max_size
 *   word(e)  = hash(e) << 28 modulo 2^64, which depends on the 36 bytes before e
 *   feature  = max over e >= 64 with word(e) < 2^57 of (word(e) * multiplier + addend) >> 32
 *
 * What noise is: see is_noise in chunking_reference.py.
 *
 * A chunk's first min_size bytes are skipped but for the window of the first hash. No index
 * depends on the data, so that a buffer another thread writes to meanwhile can only give other
 * cuts, never an access outside it.
 */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../store/_frame_layout.h"
#include "_blake3.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define WINDOW 64
#define FEATURES 12
#define FEATURE_BYTES 36
#define WORD_SHIFT (WINDOW - FEATURE_BYTES)
#define SAMPLED_BELOW (UINT64_C(1) << 57)
#define LANES 4
#define LANE_MAX 2048          /* bytes; longer lanes look further past the cut in vain */
#define SAMPLE_LANE_MAX 1024   /* bytes; the hashes of four such lanes fit the L1 cache */
#define GATHERED_BYTES 65536   /* at once, of the pieces behind one that a chunk does not end in */
#define GIL_FREE_BYTES 65536   /* from here on the work takes longer than giving the GIL away */

#define SAMPLE_WINDOWS 64
#define SEEN_BITS 12
#define NOISE_BYTES_MIN 16384
#define NOISE_SQUARES_MAX 71800
#define NOISE_REPEATS_MAX 1

#define OTHER_FRAMES_MAX 8     /* between two chunks: pages of the list of chunks */
#define MISSES_MAX 4           /* in a row; then a pack goes on with something else */
#define ABSENT_MAX 4           /* in a row; then the host does not have this part of a pack */

static const uint64_t GEAR[256] = {
    UINT64_C(0x906d23968a5b6595), UINT64_C(0x904c67429b6bd7d0), UINT64_C(0xd88d9b4ea121fd6f), UINT64_C(0xbfe8b200b034213a),
    UINT64_C(0x81354665a3b265fa), UINT64_C(0x8b56463452a27e5b), UINT64_C(0xb74eff7658aa9212), UINT64_C(0x26e79c208a77fd26),
    UINT64_C(0x1c02566a97b8ef3a), UINT64_C(0xc04cba3e0864554b), UINT64_C(0x023f8c94381ee7b5), UINT64_C(0x016674e4c1d7c566),
    UINT64_C(0x1dd3e31017ca99bb), UINT64_C(0x72d57ed8edd7c92d), UINT64_C(0x39e68996eb7cc046), UINT64_C(0x8541bacb24e560dc),
    UINT64_C(0xb77d02e82f98e958), UINT64_C(0xbe4a85a92eb8e331), UINT64_C(0x2599c0fb554915d1), UINT64_C(0x7816e88f86b22b3e),
    UINT64_C(0xb2cd95881068d912), UINT64_C(0xe7596fc9c470fcf0), UINT64_C(0x996a72ef9d0119d4), UINT64_C(0xa0567eddac4ff78e),
    UINT64_C(0xa54611fa0a3b0f8f), UINT64_C(0xa29d68bb1d0a5174), UINT64_C(0x3191fd852a137fdb), UINT64_C(0x868c694c007b3982),
    UINT64_C(0xadd5f7803b722280), UINT64_C(0x505900f0c75c9254), UINT64_C(0xaf3221e19c99a49c), UINT64_C(0x1bf874155b1ebb40),
    UINT64_C(0x1d8d8b38daaae8f8), UINT64_C(0x6ca6e8721d8a00a9), UINT64_C(0x36b9a832da7bf0c3), UINT64_C(0xbac5bd857eb10c0b),
    UINT64_C(0x9645c6d2d84990c9), UINT64_C(0x84ad98edc00da6d6), UINT64_C(0xeef3064409a55a4b), UINT64_C(0x3e1912c06e49253e),
    UINT64_C(0x5a7e9fa41caedf99), UINT64_C(0xd3a96eb66d6d32f8), UINT64_C(0x11208ce421914c22), UINT64_C(0xe93ca75f4a1a468c),
    UINT64_C(0x00810f5714e2bbd9), UINT64_C(0xc1a430a95308228a), UINT64_C(0xd1ac378f99d7b3e4), UINT64_C(0x7c2321440f11ab76),
    UINT64_C(0x2486c46280b7290b), UINT64_C(0x616b4f55ffb2760f), UINT64_C(0x8662f3fb2f155cad), UINT64_C(0x46b09c70dc8814a7),
    UINT64_C(0xb8eae37ac76eb6da), UINT64_C(0xced8bf69ff44215e), UINT64_C(0x32a1afca5b0a3a2d), UINT64_C(0x065192d0e9123b88),
    UINT64_C(0x3bacbbf3399fa492), UINT64_C(0x7327ad6e44e4d196), UINT64_C(0x0769634d63b0a53c), UINT64_C(0x1f2fd1152082d096),
    UINT64_C(0x56cb41ab354b0366), UINT64_C(0xf7f5ba965a9bd9d6), UINT64_C(0x25d57d3ca84c9def), UINT64_C(0xc38e35058a79f274),
    UINT64_C(0xb45a1d8c9930a845), UINT64_C(0xafc555f080a4aac1), UINT64_C(0xf16659454864a2e6), UINT64_C(0x4c5f60b58cd47de6),
    UINT64_C(0xb515fafcdff7b213), UINT64_C(0xcba1b3592bb58269), UINT64_C(0xa4ea0dd83b20dd5d), UINT64_C(0xe2f136c1323c9796),
    UINT64_C(0x4571768df582b0ad), UINT64_C(0xbf41514889cfdca5), UINT64_C(0xae44094c604d1796), UINT64_C(0x0fd39c42582f12ff),
    UINT64_C(0xe5b16403558ca534), UINT64_C(0xc658b0c539d32eb7), UINT64_C(0x651c4095460143e8), UINT64_C(0x578990967728047b),
    UINT64_C(0xc2fa22bb752a76ae), UINT64_C(0x89e7d7418473f1e4), UINT64_C(0x5e0152fbfacb26cd), UINT64_C(0x87d8365c27cbde38),
    UINT64_C(0xe98740939b31a437), UINT64_C(0x1d5a72477fbd6742), UINT64_C(0x764b133564407374), UINT64_C(0xfb01c39cc19c1d89),
    UINT64_C(0x780e83f36f8534f1), UINT64_C(0x51a4faf59cd5eed8), UINT64_C(0xef39fad3844b5279), UINT64_C(0x4b2bf4fbe312e958),
    UINT64_C(0xc6c3de620f3e2ac9), UINT64_C(0x39ad43b0580a87fc), UINT64_C(0x2d314e4eb5d68f1d), UINT64_C(0xe753ba5470c783ae),
    UINT64_C(0xa6b68b62b18b2a8c), UINT64_C(0xcace904d6dbd7bf7), UINT64_C(0x09c670b091df0bff), UINT64_C(0xdcd9b8cd2c7b7ec1),
    UINT64_C(0xa6790f08cb72e7ad), UINT64_C(0x47a7d835b1fce79b), UINT64_C(0xb5d874c9e9d6bcac), UINT64_C(0xb9871d28b2629437),
    UINT64_C(0x065a49d2412e2fdf), UINT64_C(0xa24d29ec1e9ce583), UINT64_C(0xcc247a2de148e653), UINT64_C(0xe33124864bea0c0b),
    UINT64_C(0x58b7a3d214cc1222), UINT64_C(0x8b5aa2c258187815), UINT64_C(0x3c24755c64648d81), UINT64_C(0x701716c6a33b619b),
    UINT64_C(0x864f9e484ec74fb7), UINT64_C(0xd4b730c425eac8c4), UINT64_C(0x4c3c9e7bd29969ae), UINT64_C(0xd5d69ad942175c50),
    UINT64_C(0xa8bd87c462de6f29), UINT64_C(0xda769afbc0285fa8), UINT64_C(0x445222de082177ab), UINT64_C(0x3e63f641ed41366f),
    UINT64_C(0x80d8592ad3481349), UINT64_C(0xa8dfacf8db542861), UINT64_C(0xb10473df03790b9b), UINT64_C(0x70da81aa84102251),
    UINT64_C(0xd74688edd779b900), UINT64_C(0xb38042154e5a6db6), UINT64_C(0x7827323e32948fb5), UINT64_C(0x23d1e2f1d6cae744),
    UINT64_C(0xac53bf7fbc3c9d90), UINT64_C(0x4d9c34855d5fc0f1), UINT64_C(0xea609093236bb764), UINT64_C(0x3687be6e86e1b07e),
    UINT64_C(0x6c69b678c1a7db2b), UINT64_C(0xd6a83c504cc1784a), UINT64_C(0x24d7beae2b3ec19e), UINT64_C(0x8fea8fcba7860833),
    UINT64_C(0xb62f3726f320f6aa), UINT64_C(0x7629ad63e8cd36bf), UINT64_C(0xa121a69680fa4180), UINT64_C(0xc92c895613906b72),
    UINT64_C(0x3a93253a85ef8eaa), UINT64_C(0x3cd13984c53fcc12), UINT64_C(0xd4313848614337e2), UINT64_C(0x588af94a7d2aa0d9),
    UINT64_C(0x23ad8f94a63d5dc3), UINT64_C(0x14ce680765b852c5), UINT64_C(0x6059352ea645501a), UINT64_C(0x46f2d9bd94aaa062),
    UINT64_C(0x5a5fd79f92e48f5c), UINT64_C(0xe3848cfc69fe7256), UINT64_C(0xf75c01b72570cd18), UINT64_C(0x28666071a51a0d96),
    UINT64_C(0x56ce4cac328c8fcd), UINT64_C(0x3d86388ecacaa5f5), UINT64_C(0xd48698f4c3f2dae2), UINT64_C(0xfad86e728535438c),
    UINT64_C(0x007476ffa14bed61), UINT64_C(0x5fc9e395dc00e14a), UINT64_C(0x0253a11d27a23259), UINT64_C(0xcf191752377748e8),
    UINT64_C(0xca04a4a04ae3a02c), UINT64_C(0x07cec063cba158b8), UINT64_C(0x537fc1cef3d9e36a), UINT64_C(0x92c1c80df232beb5),
    UINT64_C(0x421715545a5cfb98), UINT64_C(0x3ea194a3d9d33d8e), UINT64_C(0x73514f8e13104c6e), UINT64_C(0x022e6edb7ecca7f0),
    UINT64_C(0x6331fb554dca110f), UINT64_C(0x009654013cb587ba), UINT64_C(0xf645071df21e3674), UINT64_C(0xe93434df16bf341f),
    UINT64_C(0x62238c477502299b), UINT64_C(0x03788bfc15768876), UINT64_C(0xaed2a4db99cfcf78), UINT64_C(0x51343bb33c9d6696),
    UINT64_C(0x84f9a86dc02f8494), UINT64_C(0x9c4e7f120487b329), UINT64_C(0x283d73a6d83150d7), UINT64_C(0xf1631c9a6a5519e0),
    UINT64_C(0x5cedd1c8c121f9f7), UINT64_C(0x9f04bbeeacc294e2), UINT64_C(0x15b98f20718b3a39), UINT64_C(0xa614a565cbb47f6b),
    UINT64_C(0x0ea5ecb9febd72bd), UINT64_C(0x873b27957f0838fd), UINT64_C(0xf9871ffdc58da1d9), UINT64_C(0xf9ccf7b4706f0a11),
    UINT64_C(0x737bc6a86dc04ba7), UINT64_C(0xa60042cc08ffc756), UINT64_C(0xa064349b59ee7b35), UINT64_C(0xf007e0f2e2bfe3b5),
    UINT64_C(0x9f011bf870219072), UINT64_C(0x943f1881d413405b), UINT64_C(0x749dfe426b162269), UINT64_C(0x70af87b567ebac3b),
    UINT64_C(0x57f4d53df728529c), UINT64_C(0xa89becd2cd62ab2b), UINT64_C(0x5907431fcd4ee2e5), UINT64_C(0x8031937cd8f305fb),
    UINT64_C(0x18a300f1b620eb13), UINT64_C(0xedc99d9b5a874a9c), UINT64_C(0xb6800e7386993361), UINT64_C(0xb306b0bb213dc4b3),
    UINT64_C(0xfad07654f95ae427), UINT64_C(0x84c1c5baa2a8479f), UINT64_C(0xb36f0e31b74f429b), UINT64_C(0x3389d9929325684c),
    UINT64_C(0x7b16315ac6960d7b), UINT64_C(0x34c80a442de71d68), UINT64_C(0x836dea3f7450881e), UINT64_C(0x03322423d323214e),
    UINT64_C(0xe1ecfc714d734b4f), UINT64_C(0xfa0fe33aab5bd651), UINT64_C(0x034e958c8d513604), UINT64_C(0x3f3a928bdc5db41c),
    UINT64_C(0x5b7bee2bb482810b), UINT64_C(0xa16c9d7b7651576d), UINT64_C(0x445f7b3a8dc29d77), UINT64_C(0x26960f9345534fa2),
    UINT64_C(0xaf8498ff5741709c), UINT64_C(0x8a79e52cca5ef006), UINT64_C(0xd6ee00a601eeaec4), UINT64_C(0x886827ecbefee109),
    UINT64_C(0x1d1333cd1a2b6992), UINT64_C(0x0656eebf9bbd3aee), UINT64_C(0xacebf202227ec97b), UINT64_C(0xef594c903b03f801),
    UINT64_C(0xc188bdcdcc0005db), UINT64_C(0xe00253e07474d80d), UINT64_C(0xed04a5a5230b4938), UINT64_C(0x514cb0700c0dec9d),
    UINT64_C(0xc6f1ae4de8b5aa06), UINT64_C(0x2739d907750bc4ee), UINT64_C(0xe0e49541272af17f), UINT64_C(0x309834094913b067),
    UINT64_C(0xde7b06ba1ee125ff), UINT64_C(0xe461bd41eb0be64b), UINT64_C(0x0e025033382d156e), UINT64_C(0x09c4996f00e8af90),
    UINT64_C(0x238085442b037e72), UINT64_C(0x53646662a00fb751), UINT64_C(0x666b3606422a6495), UINT64_C(0x77e97466079b60d0),
    UINT64_C(0x59b63621466bcbb2), UINT64_C(0x7e25029cea621d3d), UINT64_C(0x4af6199655cd74e8), UINT64_C(0x546dd10d6e74fcfc),
    UINT64_C(0xb18eb266403d76a2), UINT64_C(0x9459bad45407c71a), UINT64_C(0xb52405224d3e153a), UINT64_C(0xae0fbee65781cca4),
    UINT64_C(0x57c681d2a68df87b), UINT64_C(0x366b666d6ca37ccd), UINT64_C(0xcb7b198f7cb3ad3b), UINT64_C(0x2227a6af0f0e45b8),
};

static const uint64_t MULTIPLIERS[FEATURES] = {
    UINT64_C(0x2773589c262eebdf), UINT64_C(0x69be8a2825d3a3d7), UINT64_C(0x3cb6340cd021724d), UINT64_C(0x7296529fb2388e89),
    UINT64_C(0x18852df944958cc9), UINT64_C(0x34f194da2e8fc639), UINT64_C(0x794744c7ca2ad60d), UINT64_C(0x2b26de3c99f23421),
    UINT64_C(0xb328386db3159e77), UINT64_C(0x531f15e5a0900003), UINT64_C(0x87327c467f176b89), UINT64_C(0x7fd8cd59d996e043),
};

static const uint64_t ADDENDS[FEATURES] = {
    UINT64_C(0x3aa17ad5c89f7c67), UINT64_C(0xb286239f55592e2e), UINT64_C(0x8e52d0854fdb4cc5), UINT64_C(0xf2a228ead3011f7a),
    UINT64_C(0xe395fabd4b8f34ea), UINT64_C(0x0e217d661847236a), UINT64_C(0x634ba3a9f8cec8a4), UINT64_C(0xdb38edebc4b69373),
    UINT64_C(0xb5b422c09552d3b8), UINT64_C(0x3e9d5b951d368bc6), UINT64_C(0x3700e3bb7a419c30), UINT64_C(0xd4d589606f488d62),
};

typedef struct {
    size_t min_size;
    size_t normal_size;
    size_t max_size;
    uint64_t rare_below;
    uint64_t frequent_below;
} cut_rule;

static inline uint64_t
rolled(uint64_t hash, uint8_t byte)
{
    return (hash << 1) + GEAR[byte];
}

/* The hash of the WINDOW - 1 bytes before `at`, to be rolled on. */
static uint64_t
hash_before(const uint8_t *at)
{
    uint64_t hash = 0;
    for (const uint8_t *byte = at - (WINDOW - 1); byte < at; byte++)
        hash = rolled(hash, *byte);
    return hash;
}

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

/* Bytes a lane has when `left` bytes remain. */
static size_t
lane_of(size_t left, size_t most)
{
    return left / LANES < most ? left / LANES : most;
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

/* Size of the chunk that begins at `bytes`, of which `available` are known; 0 when unsure. It is
 * known to be more than `checked`.
 */
static size_t
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

/* Whether a chunk that is no shorter may be so long by the rule. */
static int
may_end_after(const uint8_t *bytes, size_t size, const cut_rule *rule)
{
    if (size < rule->min_size || size >= rule->max_size)
        return size == rule->max_size;
    const uint8_t *last = bytes + size - 1;
    uint64_t below = size < rule->normal_size ? rule->rare_below : rule->frequent_below;
    return rolled(hash_before(last), *last) < below;
}

/* Write the ends of all chunks to `cuts` and return how many there are. */
static size_t
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

/* One of the pieces that bytes come in. */
typedef struct {
    const uint8_t *bytes;
    size_t length;
} piece;

/* Copy up to `most` bytes from `at` in the first piece on; how many there are. */
static size_t
gather(const piece *pieces, size_t count, size_t at, size_t most, uint8_t *into)
{
    size_t done = 0;

    for (; count > 0 && done < most; pieces++, count--, at = 0) {
        size_t part = pieces->length - at < most - done ? pieces->length - at : most - done;
        memcpy(into + done, pieces->bytes + at, part);
        done += part;
    }
    return done;
}

/* Where in a pack the chunks may lie that are cut next. No descriptor: nothing is known. */
typedef struct {
    int descriptor;
    off_t offset;
    int misses, absent; /* in a row */
    int is_absent;      /* whether the header at the offset has to be passed over unread */
} sequel;

enum header_result { HEADER_READ, HEADER_ABSENT, HEADER_NONE };

/* Read a header if it is in memory; where the host cannot tell, in any case. */
static enum header_result
read_header(int descriptor, uint8_t *header, off_t offset)
{
    struct iovec into = {header, FRAME_HEADER};
    ssize_t got = preadv2(descriptor, &into, 1, offset, RWF_NOWAIT);
    if (got < 0 && errno == EAGAIN)
        return HEADER_ABSENT;
    if (got < 0 && errno == EOPNOTSUPP)
        got = pread(descriptor, header, FRAME_HEADER, offset);
    return got == FRAME_HEADER && memcmp(header, FRAME_BEGINNING, sizeof FRAME_BEGINNING - 1) == 0
               ? HEADER_READ
               : HEADER_NONE;
}

/* The size and the id of the next chunk in a pack; 0 when there is none that is in memory. */
static size_t
next_in_pack(sequel *expected, uint8_t *id)
{
    uint8_t header[FRAME_HEADER];
    uint32_t plain, body;

    for (size_t frames = 0; expected->descriptor >= 0 && frames < OTHER_FRAMES_MAX; frames++) {
        enum header_result result = read_header(expected->descriptor, header, expected->offset);
        expected->is_absent = result == HEADER_ABSENT && ++expected->absent < ABSENT_MAX;
        if (expected->is_absent)
            return 0;
        if (result != HEADER_READ)
            break;
        expected->absent = 0;
        memcpy(&plain, header + FRAME_PLAIN_AT, sizeof plain);
        memcpy(&body, header + FRAME_STORED_AT, sizeof body);
        expected->offset += FRAME_HEADER + (off_t)body;
        if (header[FRAME_KIND_AT] == FRAME_KIND_CHUNK) {
            memcpy(id, header + FRAME_ID_AT, BLAKE3_DIGEST);
            return plain;
        }
    }
    expected->descriptor = -1;
    return 0;
}

/* Pass over a frame whose header was absent, as if it held a chunk of this size as it is. If it does
 * not, what stands there is no header, or one of a chunk with another id.
 */
static void
pass_over(sequel *expected, size_t size)
{
    if (expected->is_absent)
        expected->offset += FRAME_HEADER + (off_t)(size + frame_values(size));
    expected->is_absent = 0;
}

/* Hash a chunk, with the values of its sections if a frame of it would have them. */
static void
hash_chunk(const uint8_t *bytes, size_t size, uint8_t *digest, uint8_t *values)
{
    if (frame_values(size) > 0)
        blake3_with_sections(bytes, size, digest, values);
    else
        blake3_of(bytes, size, BLAKE3_LANES_MAX, digest);
}

/* The chunk that begins at `at` in the first piece if it is the next one in a pack, 0 if not. Its
 * bytes were cut once, from where it begins, and no cut was found in it then; so none is there now,
 * and hashing them is all that has to be done.
 */
static size_t
expected_chunk(sequel *expected, const piece *pieces, size_t count, size_t at,
               const cut_rule *rule, uint8_t *scratch, uint8_t *digest, uint8_t *values)
{
    uint8_t id[BLAKE3_DIGEST];
    size_t size = next_in_pack(expected, id);
    const uint8_t *bytes = pieces->bytes + at;

    if (size == 0 || size > rule->max_size)
        return 0;
    if (size > pieces->length - at) {
        if (gather(pieces, count, at, size, scratch) < size)
            return 0;
        bytes = scratch;
    }
    if (may_end_after(bytes, size, rule)) {
        hash_chunk(bytes, size, digest, values);
        if (memcmp(digest, id, sizeof id) == 0) {
            expected->misses = 0;
            return size;
        }
    }
    if (++expected->misses == MISSES_MAX)
        expected->descriptor = -1;
    return 0;
}

/* Look for the end of the chunk that begins at `at` in the first piece, and hash it; 0 when it does
 * not end for certain. Only what the first piece does not hold is copied, into `scratch`, and no
 * more than has to be.
 */
static size_t
sought_chunk(const piece *pieces, size_t count, size_t at, const cut_rule *rule, int final,
             uint8_t *scratch, uint8_t *digest, uint8_t *values)
{
    const uint8_t *bytes = pieces->bytes + at;
    size_t available = pieces->length - at, size = chunk_size(bytes, 0, available, rule);

    if (size == 0 && count > 1) {
        size_t checked, wanted;
        bytes = scratch;
        do {
            checked = available;
            wanted = checked + GATHERED_BYTES < rule->max_size ? checked + GATHERED_BYTES
                                                               : rule->max_size;
            available = gather(pieces, count, at, wanted, scratch);
            size = chunk_size(scratch, checked, available, rule);
        } while (size == 0 && available == wanted);
    }
    if (size == 0 && final)
        size = available;
    if (size > 0)
        hash_chunk(bytes, size, digest, values);
    return size;
}

/* What cutting fills: ends of chunks, their hashes, and the values of sections of those that have
 * such values, one behind the other; room for the largest chunk.
 */
typedef struct {
    size_t *cuts;
    uint8_t *digests, *values, *scratch;
} found_chunks;

/* The ends of all chunks of bytes that come in pieces, with the BLAKE3 of each, taken while the
 * caches of the processor still have it.
 */
static size_t
cut_and_hash_all(const piece *pieces, size_t count, const cut_rule *rule, int final,
                 sequel *expected, const found_chunks *into)
{
    size_t found = 0, end = 0, at = 0;
    uint8_t *values = into->values;

    for (;;) {
        while (count > 0 && at >= pieces->length) {
            at -= pieces->length;
            pieces++;
            count--;
        }
        if (count == 0)
            break;
        uint8_t *digest = into->digests + found * BLAKE3_DIGEST, *scratch = into->scratch;
        size_t size = expected_chunk(expected, pieces, count, at, rule, scratch, digest, values);
        if (size == 0) {
            size = sought_chunk(pieces, count, at, rule, final, scratch, digest, values);
            pass_over(expected, size);
        }
        if (size == 0)
            break;
        values += frame_values(size);
        at += size;
        end += size;
        into->cuts[found++] = end;
    }
    return found;
}

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

/* Fill `maxima` and return how many positions were sampled. */
static size_t
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

/* Whether a sample of at least NOISE_BYTES_MIN bytes is as even as noise, and repeats nothing. */
static int
is_noise(const uint8_t *bytes, size_t length)
{
    uint32_t counts[256] = {0}, seen[1 << SEEN_BITS] = {0};
    uint32_t squares = 0, repeats = 0;

    for (size_t n = 0; n < SAMPLE_WINDOWS; n++) {
        const uint8_t *window = bytes + n * (length - WINDOW) / (SAMPLE_WINDOWS - 1);
        for (size_t at = 0; at < WINDOW; at++)
            counts[window[at]]++;
        for (size_t at = 0; n % 4 == 0 && at + 4 <= WINDOW; at++) {
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

static int
to_u64(PyObject *number, void *result)
{
    uint64_t value = PyLong_AsUnsignedLongLong(number);
    if (value == (uint64_t)-1 && PyErr_Occurred())
        return 0;
    *(uint64_t *)result = value;
    return 1;
}

static int
to_rule(PyObject *numbers, void *result)
{
    Py_ssize_t min_size, normal_size, max_size;
    cut_rule *rule = result;

    if (!PyTuple_Check(numbers)) {
        PyErr_SetString(PyExc_TypeError, "a cut rule is a tuple of five numbers");
        return 0;
    }
    if (!PyArg_ParseTuple(numbers, "nnnO&O&;a cut rule is a tuple of five numbers", &min_size,
                          &normal_size, &max_size, to_u64, &rule->rare_below, to_u64,
                          &rule->frequent_below))
        return 0;
    if (min_size < WINDOW || normal_size < min_size || max_size < normal_size) {
        PyErr_Format(PyExc_ValueError, "chunk sizes %zd, %zd, %zd must rise from at least %d",
                     min_size, normal_size, max_size, WINDOW);
        return 0;
    }
    rule->min_size = (size_t)min_size;
    rule->normal_size = (size_t)normal_size;
    rule->max_size = (size_t)max_size;
    return 1;
}

static PyObject *
list_of(const size_t *numbers, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    if (list == NULL)
        return NULL;
    for (size_t at = 0; at < count; at++) {
        PyObject *number = PyLong_FromSize_t(numbers[at]);
        if (number == NULL) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)at, number);
    }
    return list;
}

static PyObject *
tuple_of(const uint64_t *numbers, size_t count, int shift)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    if (tuple == NULL)
        return NULL;
    for (size_t at = 0; at < count; at++) {
        PyObject *number = PyLong_FromUnsignedLongLong(numbers[at] >> shift);
        if (number == NULL) {
            Py_DECREF(tuple);
            return NULL;
        }
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)at, number);
    }
    return tuple;
}

PyDoc_STRVAR(cut_points_doc, "cut_points(data, rule, final, /)\n--\n\n"
             "End offsets of the chunks of data; see fsmodel.content.chunking.");

static PyObject *
cut_points(PyObject *module, PyObject *arguments)
{
    Py_buffer data;
    cut_rule rule;
    int final;
    (void)module;

    if (!PyArg_ParseTuple(arguments, "y*O&p:cut_points", &data, to_rule, &rule, &final))
        return NULL;
    size_t length = (size_t)data.len;
    PyObject *result = NULL;
    size_t *cuts = PyMem_Calloc(length / rule.min_size + 1, sizeof *cuts);
    if (cuts == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    size_t count;
    if (length < GIL_FREE_BYTES) {
        count = cut_all(data.buf, length, &rule, final, cuts);
    } else {
        Py_BEGIN_ALLOW_THREADS
        count = cut_all(data.buf, length, &rule, final, cuts);
        Py_END_ALLOW_THREADS
    }
    result = list_of(cuts, count);
done:
    PyMem_Free(cuts);
    PyBuffer_Release(&data);
    return result;
}

static PyObject *
list_of_chunks(const found_chunks *from, size_t count)
{
    const char *digest = (const char *)from->digests, *values = (const char *)from->values;
    size_t start = 0;
    PyObject *list = PyList_New((Py_ssize_t)count);
    if (list == NULL)
        return NULL;
    for (size_t at = 0; at < count; at++) {
        size_t end = from->cuts[at], size = frame_values(end - start);
        PyObject *each = Py_BuildValue("(ny#y#)", (Py_ssize_t)end, digest,
                                       (Py_ssize_t)BLAKE3_DIGEST, values, (Py_ssize_t)size);
        if (each == NULL) {
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)at, each);
        digest += BLAKE3_DIGEST;
        values += size;
        start = end;
    }
    return list;
}

/* Cut and hash pieces of `length` bytes in all; a list of ends, hashes and values of sections. */
static PyObject *
chunks_of(const piece *pieces, size_t count, size_t length, const cut_rule *rule, int final,
          sequel expected)
{
    size_t most = length / rule->min_size + 1, found;
    PyObject *result = NULL;
    found_chunks into = {
        .cuts = PyMem_Calloc(most, sizeof *into.cuts),
        .digests = PyMem_Malloc(most * BLAKE3_DIGEST),
        .values = PyMem_Malloc((length / SECTION * 2 + 1) * SECTION_VALUE),
        .scratch = PyMem_Malloc(rule->max_size),
    };

    if (rule->max_size > BLAKE3_BYTES_MAX) {
        PyErr_Format(PyExc_ValueError, "chunks of up to %zu bytes are too long", rule->max_size);
    } else if (into.cuts == NULL || into.digests == NULL || into.values == NULL ||
               into.scratch == NULL) {
        PyErr_NoMemory();
    } else {
        if (length < GIL_FREE_BYTES) {
            found = cut_and_hash_all(pieces, count, rule, final, &expected, &into);
        } else {
            Py_BEGIN_ALLOW_THREADS
            found = cut_and_hash_all(pieces, count, rule, final, &expected, &into);
            Py_END_ALLOW_THREADS
        }
        result = list_of_chunks(&into, found);
    }
    PyMem_Free(into.cuts);
    PyMem_Free(into.digests);
    PyMem_Free(into.values);
    PyMem_Free(into.scratch);
    return result;
}

PyDoc_STRVAR(cut_chunks_doc, "cut_chunks(pieces, rule, final, pack=-1, offset=0, /)\n--\n\n"
             "What the chunks of data are; see fsmodel.content.chunking.");

static PyObject *
cut_chunks(PyObject *module, PyObject *arguments)
{
    PyObject *given, *result = NULL;
    cut_rule rule;
    int final;
    size_t held = 0, length = 0;
    sequel expected = {.descriptor = -1};
    long long offset = 0;
    (void)module;

    if (!PyArg_ParseTuple(arguments, "O!O&p|iL:cut_chunks", &PyList_Type, &given, to_rule, &rule,
                          &final, &expected.descriptor, &offset))
        return NULL;
    expected.offset = (off_t)offset;
    /* A tuple of the same: the list may change while the lock is given away. */
    PyObject *kept = PyList_AsTuple(given);
    if (kept == NULL)
        return NULL;
    size_t count = (size_t)PyTuple_GET_SIZE(kept);
    Py_buffer *views = PyMem_Calloc(count + 1, sizeof *views);
    piece *pieces = PyMem_Calloc(count + 1, sizeof *pieces);
    if (views == NULL || pieces == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (; held < count; held++) {
        PyObject *each = PyTuple_GET_ITEM(kept, (Py_ssize_t)held);
        if (PyObject_GetBuffer(each, &views[held], PyBUF_SIMPLE) < 0)
            goto done;
        pieces[held] = (piece){views[held].buf, (size_t)views[held].len};
        length += pieces[held].length;
    }
    result = chunks_of(pieces, count, length, &rule, final, expected);
done:
    while (held > 0)
        PyBuffer_Release(&views[--held]);
    PyMem_Free(views);
    PyMem_Free(pieces);
    Py_DECREF(kept);
    return result;
}

PyDoc_STRVAR(digest_doc, "digest(data, lanes_max, /)\n--\n\n"
             "The hash of data with vectors of up to so many words, for tests.");

static PyObject *
digest(PyObject *module, PyObject *arguments)
{
    Py_buffer data;
    Py_ssize_t lanes_max;
    uint8_t found[BLAKE3_DIGEST];
    PyObject *result = NULL;
    (void)module;

    if (!PyArg_ParseTuple(arguments, "y*n:digest", &data, &lanes_max))
        return NULL;
    if ((size_t)data.len > BLAKE3_BYTES_MAX) {
        PyErr_Format(PyExc_ValueError, "%zd bytes are too many", data.len);
    } else {
        blake3_of(data.buf, (size_t)data.len, (size_t)lanes_max, found);
        result = PyBytes_FromStringAndSize((const char *)found, sizeof found);
    }
    PyBuffer_Release(&data);
    return result;
}

PyDoc_STRVAR(features_doc, "features(data, /)\n--\n\n"
             "Resemblance features of data; see fsmodel.content.chunking.");

static PyObject *
features(PyObject *module, PyObject *object)
{
    Py_buffer data;
    uint64_t maxima[FEATURES] = {0};
    size_t sampled;
    (void)module;

    if (PyObject_GetBuffer(object, &data, PyBUF_SIMPLE) < 0)
        return NULL;
    if (data.len < GIL_FREE_BYTES) {
        sampled = sample_all(data.buf, (size_t)data.len, maxima);
    } else {
        Py_BEGIN_ALLOW_THREADS
        sampled = sample_all(data.buf, (size_t)data.len, maxima);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&data);
    return tuple_of(maxima, sampled > 0 ? FEATURES : 0, 32);
}

PyDoc_STRVAR(noise_doc, "is_noise(data, /)\n--\n\n"
             "Whether data looks random; see fsmodel.content.chunking.");

static PyObject *
noise(PyObject *module, PyObject *object)
{
    Py_buffer data;
    (void)module;

    if (PyObject_GetBuffer(object, &data, PyBUF_SIMPLE) < 0)
        return NULL;
    int found = data.len >= NOISE_BYTES_MIN && is_noise(data.buf, (size_t)data.len);
    PyBuffer_Release(&data);
    return PyBool_FromLong(found);
}

static const uint64_t FRAME_LAYOUT[] = {FRAME_HEADER, FRAME_KIND_AT, SECTIONED_ABOVE, SECTIONED_MAX};

static int
add_constants(PyObject *module)
{
    const struct { const char *name; const uint64_t *numbers; size_t count; } constants[] = {
        {"GEAR", GEAR, 256},
        {"MULTIPLIERS", MULTIPLIERS, FEATURES},
        {"ADDENDS", ADDENDS, FEATURES},
        {"FRAME_LAYOUT", FRAME_LAYOUT, sizeof FRAME_LAYOUT / sizeof *FRAME_LAYOUT},
    };

    for (size_t at = 0; at < sizeof constants / sizeof *constants; at++) {
        PyObject *tuple = tuple_of(constants[at].numbers, constants[at].count, 0);
        int failed = PyModule_AddObjectRef(module, constants[at].name, tuple);
        Py_XDECREF(tuple);
        if (failed < 0)
            return -1;
    }
    return PyModule_AddIntConstant(module, "FEATURE_BYTES", FEATURE_BYTES);
}

static PyMethodDef methods[] = {
    {"cut_points", cut_points, METH_VARARGS, cut_points_doc},
    {"cut_chunks", cut_chunks, METH_VARARGS, cut_chunks_doc},
    {"digest", digest, METH_VARARGS, digest_doc},
    {"features", features, METH_O, features_doc},
    {"is_noise", noise, METH_O, noise_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_constants},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "fsmodel.content._chunking",
    .m_doc = "The C kernel of fsmodel.content.chunking.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__chunking(void)
{
    return PyModuleDef_Init(&definition);
}
