/* Threads that read chunks which are stored as they are, and check them, ahead of who will ask.
 *
 * They know nothing of the interpreter, and never wait for its lock: who answers requests holds it
 * most of the time. Work is done in the order in which it came, as the first is wanted first. As
 * soon as a few chunks are there, they may be used, while the rest is still read.
 *
 * Where the frame that is wanted is not the next one, a few others are passed over: the pages of a
 * manifest lie amid the chunks of a stream. What is found then must have the id, as anywhere.
 */

#define _GNU_SOURCE /* preadv, pthread_setname_np */
#include "_filling.h"

#include "../content/_blake3.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#define SKIPPED_FRAMES_MAX 6
#define SKIPPED_BYTES_MAX ((size_t)256 << 10)

/* How far one has come; the thread's own. */
typedef struct {
    frames_read found;
    size_t skipped_frames, skipped_bytes;
} progress;

/* -- reading ------------------------------------------------------------------------------- */

/* Go past a frame that is not the wanted one; 0 where there is none, or too much was passed. */
static int
skip(progress *at, uint64_t seed)
{
    size_t size = frame_size(at->found.header, seed);

    at->skipped_frames++;
    at->skipped_bytes += size;
    at->found.end += (off_t)size;
    return size > 0 && at->skipped_frames <= SKIPPED_FRAMES_MAX &&
           at->skipped_bytes <= SKIPPED_BYTES_MAX;
}

/* Read the next few chunks, and check them; 0 when it ends here. */
static int
fill_piece(const filling *work, progress *at)
{
    switch (read_frames(work->descriptor, work->seed, work->chunks, work->count, work->into,
                        &at->found)) {
    case FRAMES_GO_ON:
        return 1;
    case FRAMES_OTHER:
        return skip(at, work->seed);
    default:
        return 0;
    }
}

/* -- the threads --------------------------------------------------------------------------- */

static void
tell(const filling_pool *pool)
{
    uint64_t one = 1;

    while (write(pool->news, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

/* Show how far a filling has come; 0 when nobody wants the rest. The lock is held. */
static int
publish(filling_pool *pool, filling *work, const frames_read *at)
{
    pool->frames += at->right - work->right;
    pool->bytes += at->frame_bytes - work->frame_bytes;
    work->right = at->right;
    work->right_bytes = at->right_bytes;
    work->frame_bytes = at->frame_bytes;
    work->last = at->last;
    work->end = at->end;
    if (work->right_bytes >= work->awaited_bytes) {
        work->awaited_bytes = SIZE_MAX;
        tell(pool);
    }
    return !work->unwanted && !pool->closing;
}

/* Fill a buffer from where its first frame lies. The lock is held, but not while it is read. */
static void
fill(filling_pool *pool, filling *work, off_t offset)
{
    progress at = {.found = {.last = offset, .end = offset}};
    int goes_on = 1;

    while (goes_on && at.found.right < work->count) {
        pthread_mutex_unlock(&pool->lock);
        goes_on = fill_piece(work, &at);
        pthread_mutex_lock(&pool->lock);
        goes_on &= publish(pool, work, &at.found);
    }
}

/* The next that need not wait for another one, taken out of the queue, or NULL. */
static filling *
take_next(filling_pool *pool)
{
    for (filling **at = &pool->first; *at != NULL; at = &(*at)->next) {
        filling *work = *at;

        if (work->after == NULL || work->after->state == FILLING_OVER) {
            *at = work->next;
            return work;
        }
    }
    return NULL;
}

/* One from beginning to end. The lock is held. */
static void
do_one(filling_pool *pool, filling *work)
{
    const filling *after = work->after;

    work->state = FILLING_RUNS;
    if (!work->unwanted && !pool->closing) {
        if (after == NULL)
            fill(pool, work, work->offset);
        else if (after->right == after->count) /* else nobody knows where this one lies */
            fill(pool, work, work->again ? after->last : after->end);
    }
    work->state = FILLING_OVER;
    pthread_cond_broadcast(&pool->changed);
    tell(pool);
}

static void *
work_on(void *argument)
{
    filling_pool *pool = argument;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        filling *work = take_next(pool);

        if (work != NULL)
            do_one(pool, work);
        else if (pool->closing)
            break;
        else
            pthread_cond_wait(&pool->changed, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* -- who gives them work ------------------------------------------------------------------- */

int
filling_open(filling_pool *pool, size_t threads)
{
    sigset_t all, before;
    int error = 0;

    *pool = (filling_pool){.news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (pool->news < 0)
        return errno;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    sigfillset(&all); /* signals are for the threads of the interpreter */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (error == 0 && pool->thread_count < threads) {
        error = pthread_create(&pool->threads[pool->thread_count], NULL, work_on, pool);
        if (error == 0)
            pthread_setname_np(pool->threads[pool->thread_count++], "read-ahead");
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        filling_close(pool);
    return error;
}

void
filling_add(filling_pool *pool, filling *work)
{
    filling **at = &pool->first;

    work->awaited_bytes = SIZE_MAX;
    pthread_mutex_lock(&pool->lock);
    while (*at != NULL)
        at = &(*at)->next;
    *at = work;
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

int
filling_reaches(filling_pool *pool, filling *work, size_t bytes)
{
    pthread_mutex_lock(&pool->lock);
    int there = work->right_bytes >= bytes;
    if (!there && bytes < work->awaited_bytes)
        work->awaited_bytes = bytes;
    pthread_mutex_unlock(&pool->lock);
    return there;
}

int
filling_is_over(filling_pool *pool, filling *work)
{
    pthread_mutex_lock(&pool->lock);
    int is_over = work->state == FILLING_OVER;
    pthread_mutex_unlock(&pool->lock);
    return is_over;
}

void
filling_drop(filling_pool *pool, filling *work)
{
    pthread_mutex_lock(&pool->lock);
    work->unwanted = 1;
    pthread_mutex_unlock(&pool->lock);
}

void
filling_close(filling_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closing = 1;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    while (pool->thread_count > 0)
        pthread_join(pool->threads[--pool->thread_count], NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    close(pool->news);
    pool->news = -1;
}
