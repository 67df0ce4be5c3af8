/* Where things stand in the header of a frame, as pack_format.py has them. */

#ifndef CAIRNFS_FRAME_LAYOUT_H
#define CAIRNFS_FRAME_LAYOUT_H

#define FRAME_BEGINNING "\x89" "FRAME\x01" /* the magic and the version, whose other byte is 0 */
#define FRAME_CHECKSUM_AT 8
#define FRAME_CHECK_AT 16 /* of what follows it */
#define FRAME_FACTS_AT 20
#define FRAME_KIND_AT FRAME_FACTS_AT
#define FRAME_PLAIN_AT 24
#define FRAME_STORED_AT 28
#define FRAME_ID_AT 32
#define FRAME_HEADER 64
#define FRAME_FACTS (FRAME_HEADER - FRAME_FACTS_AT)

#define FRAME_KIND_CHUNK 1 /* the codec and the flags behind it are 0 for one that is as it is */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "numbers are read and written as they stand in a pack, which is little-endian"
#endif

#endif
