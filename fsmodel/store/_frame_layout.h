/* Where things stand in the header of a frame, as pack_format.py has them. */

#ifndef CAIRNFS_FRAME_LAYOUT_H
#define CAIRNFS_FRAME_LAYOUT_H

#include <stddef.h>

#define FRAME_BEGINNING "\x89" "FRAME\x01" /* the magic and the version, whose other byte is 0 */
#define FRAME_CHECKSUM_AT 8
#define FRAME_CHECK_AT 16 /* of what follows it */
#define FRAME_FACTS_AT 20
#define FRAME_KIND_AT FRAME_FACTS_AT
#define FRAME_FLAGS_AT 22
#define FRAME_PLAIN_AT 24
#define FRAME_STORED_AT 28
#define FRAME_ID_AT 32
#define FRAME_HEADER 64
#define FRAME_FACTS (FRAME_HEADER - FRAME_FACTS_AT)

#define FRAME_KIND_CHUNK 1   /* the codec behind it is 0 for one that is as it is */
#define FRAME_SECTIONED 1    /* a flag: the values of the chunk's sections follow it */
#define SECTION 16384         /* bytes of a chunk, the last of which may be short */
#define SECTIONED_ABOVE 32768 /* bytes; chunks that are no longer have no such values */
#define SECTIONED_MAX 1048576 /* nor have chunks that are longer than this */
#define SECTION_VALUE 32
#define VALUES_MAX (SECTIONED_MAX / SECTION * SECTION_VALUE)

/* How many bytes the values of its sections take behind a chunk of this size, if they are there. */
static inline size_t
frame_values(size_t size)
{
    if (size <= SECTIONED_ABOVE || size > SECTIONED_MAX)
        return 0;
    return (size + SECTION - 1) / SECTION * SECTION_VALUE;
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "numbers are read and written as they stand in a pack, which is little-endian"
#endif

#endif
