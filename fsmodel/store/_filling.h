/* Buffers that threads fill with chunks; see _filling.c. */

#ifndef CAIRNFS_FILLING_H
#define CAIRNFS_FILLING_H

#include "_frame.h"

#include <pthread.h>
#include <sys/types.h>

#define FILLING_THREADS_MAX 8

enum filling_state { FILLING_WAITS, FILLING_RUNS, FILLING_OVER };

/* A buffer, and the chunks that are to go into it, whose frames lie one behind the other. */
typedef struct filling {
    /* Given, and left alone until it is over. */
    int descriptor;
    uint64_t seed;
    off_t offset;          /* of the first frame, unless another filling tells: */
    struct filling *after; /* it lies behind the frames of this one, or NULL */
    int again;             /* no: it is the last frame of that one, once more */
    chunk *chunks;
    size_t count;
    uint8_t *into;
    /* Found out; guarded by the lock. */
    enum filling_state state;
    int unwanted;
    size_t right, right_bytes; /* chunks that are there and right, from the first on */
    size_t frame_bytes;        /* of their frames */
    size_t awaited_bytes;      /* somebody is to be told when there are so many */
    off_t last, end;           /* where the last one of these lies, and where its frame ends */
    struct filling *next;
} filling;

/* Threads, and what they are to do, in order. */
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t threads[FILLING_THREADS_MAX];
    size_t thread_count;
    filling *first;
    int news; /* an eventfd: something is over, or what was awaited is there */
    int closing;
    unsigned long long frames, bytes; /* read, and right */
} filling_pool;

/* Begin with threads that wait; 0, or an errno. */
int filling_open(filling_pool *pool, size_t threads);

/* Let one be filled behind those that were added before. */
void filling_add(filling_pool *pool, filling *work);

/* Whether so many bytes of one are there; if not, the news come when they are, or it is over. */
int filling_reaches(filling_pool *pool, filling *work, size_t bytes);

/* Whether one is over, so that no thread knows of it any more. */
int filling_is_over(filling_pool *pool, filling *work);

/* Nobody wants it any more: what has not been read will not be. It is over soon. */
void filling_drop(filling_pool *pool, filling *work);

/* Give up all that is under way, and end the threads. */
void filling_close(filling_pool *pool);

#endif
