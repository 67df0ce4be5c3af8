/* A layer between a program and the files below one folder, loaded with LD_PRELOAD.
 *
 * It writes down what changes these files, in the order in which it happens, and lets chosen calls
 * fail. It sees the C library's functions, so LMDB's calls as well as Python's. Syncs are written
 * down and not done: nothing here looks at the disk itself.
 *
 * CAIRNFS_LAYER_ROOT    the folder; without it the layer does nothing
 * CAIRNFS_LAYER_RECORD  where to write down what happens (optional; outside of the folder)
 * CAIRNFS_LAYER_FAULT   CALL:NUMBER:ERRNO:TIMES, as of layer_fault() (optional)
 * CAIRNFS_LAYER_SWITCH  a file without which nothing fails, and no call counts (optional)
 *
 * Record, host byte order: event u8, flags u8, path length u16, other path's length u16, data
 * length u32, offset u64; then both paths, relative to the folder, and the data.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Twins of CALLS in tests/support/host_layer/faults.py. */
enum call {
    OPEN, READ, WRITE, TRUNCATE, ALLOCATE, RENAME, UNLINK, MKDIR, RMDIR, FSYNC, FDATASYNC,
    STATVFS, MMAP, LIST, CALLS
};
/* Twins of Event in tests/support/host_layer/record.py. */
enum event { CREATED = 1, WRITTEN, CUT, RENAMED, UNLINKED, MADE_FOLDER, REMOVED_FOLDER, SYNCED,
             SYNC_FAILED };
enum { DURABLE = 1 }; /* flag: the write was a sync of its own bytes, too */
enum { SHORT_WRITE = 0, ANY_CALL = -1 };

static char root[PATH_MAX];
static size_t root_length;
static int record = -1;
static const char *lever; /* the switch */
static pthread_mutex_t one_at_a_time = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct { int call, error; long number, times; } fault = {CALLS, 0, 0, 0};
static long seen[CALLS];   /* of each call, since the last layer_fault() */
static long seen_in_all;
static long fired;
static char fired_at[PATH_MAX];
static int fired_call;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    return found;
}

/* Fail the NUMBER-th call of a kind (-1: of any) from now on, and TIMES - 1 more after it.
 * An errno of 0 makes a write take half of its bytes. */
void layer_fault(int call, long number, int error, long times) {
    pthread_mutex_lock(&one_at_a_time);
    fault.call = call;
    fault.number = number;
    fault.error = error;
    fault.times = times;
    memset(seen, 0, sizeof seen);
    seen_in_all = fired = 0;
    fired_at[0] = 0;
    pthread_mutex_unlock(&one_at_a_time);
}

long layer_seen(void) { return seen_in_all; }
long layer_fired(void) { return fired; }
int layer_fired_call(void) { return fired_call; }
const char *layer_fired_at(void) { return fired_at; }

/* Another folder from now on. */
void layer_watch(const char *folder) {
    pthread_mutex_lock(&one_at_a_time);
    root_length = strlen(folder);
    memcpy(root, folder, root_length + 1);
    pthread_mutex_unlock(&one_at_a_time);
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("CAIRNFS_LAYER_ROOT"), *place = getenv("CAIRNFS_LAYER_RECORD");
    const char *wanted = getenv("CAIRNFS_LAYER_FAULT");
    lever = getenv("CAIRNFS_LAYER_SWITCH");
    if (folder != NULL) {
        layer_watch(folder);
    }
    if (place != NULL) {
        int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
        int opened = (int)syscall(SYS_openat, AT_FDCWD, place, flags, 0600);
        record = fcntl(opened, F_DUPFD_CLOEXEC, 700); /* out of everybody's way */
        syscall(SYS_close, opened);
    }
    if (wanted != NULL) {
        int call, error;
        long number, times;
        if (sscanf(wanted, "%d:%ld:%d:%ld", &call, &number, &error, &times) != 4) {
            abort();
        }
        layer_fault(call, number, error, times);
    }
}

/* The path below the folder, or NULL: of an absolute or relative path, or of a descriptor. */
static const char *below(const char *path) {
    if (root_length == 0 || strncmp(path, root, root_length) != 0) {
        return NULL;
    }
    if (path[root_length] == 0) {
        return ".";
    }
    return path[root_length] == '/' ? path + root_length + 1 : NULL;
}

static const char *below_descriptor(int descriptor, char *room) {
    char link[40];
    if (root_length == 0) {
        return NULL;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, room, PATH_MAX - 1);
    if (length <= 0) {
        return NULL;
    }
    room[length] = 0;
    return below(room);
}

static const char *below_folder(int folder, const char *path, char *room) {
    if (root_length == 0 || path == NULL) {
        return NULL;
    }
    if (path[0] == '/') {
        return below(path);
    }
    if (folder == AT_FDCWD) {
        if (getcwd(room, PATH_MAX) == NULL) {
            return NULL;
        }
    } else if (below_descriptor(folder, room) == NULL) {
        return NULL;
    }
    size_t length = strlen(room);
    snprintf(room + length, PATH_MAX - length, "/%s", path);
    return below(room);
}

/* Whether this call is to fail, with errno set; `*shorter` if it is only to take less. */
static int fails(enum call call, const char *path, int *shorter) {
    long number;
    if (lever != NULL && syscall(SYS_faccessat, AT_FDCWD, lever, F_OK) != 0) {
        return 0;
    }
    seen[call]++;
    seen_in_all++;
    if (fault.call == ANY_CALL) {
        number = seen_in_all;
    } else if (fault.call == (int)call) {
        number = seen[call];
    } else {
        return 0;
    }
    if (number < fault.number || number >= fault.number + fault.times) {
        return 0;
    }
    if (fault.error == SHORT_WRITE && (call != WRITE || shorter == NULL)) {
        return 0;
    }
    fired++;
    fired_call = call;
    snprintf(fired_at, sizeof fired_at, "%s", path);
    if (fault.error == SHORT_WRITE) {
        *shorter = 1;
        return 0;
    }
    errno = fault.error;
    return 1;
}

static void note(enum event event, int flags, const char *path, const char *other, uint64_t offset,
                 const struct iovec *parts, int count, size_t size) {
    struct __attribute__((packed)) {
        uint8_t event, flags;
        uint16_t path, other;
        uint32_t size;
        uint64_t offset;
    } head = {event, flags, strlen(path), strlen(other), size, offset};
    const char *name = strrchr(path, '/');
    if (record < 0 || (name != NULL && strcmp(name, "/lock.mdb") == 0)) {
        return; /* LMDB makes that one anew */
    }
    int saved = errno;
    syscall(SYS_write, record, &head, sizeof head);
    syscall(SYS_write, record, path, strlen(path));
    syscall(SYS_write, record, other, strlen(other));
    for (int i = 0; i < count && size > 0; i++) {
        size_t taken = parts[i].iov_len < size ? parts[i].iov_len : size;
        syscall(SYS_write, record, parts[i].iov_base, taken);
        size -= taken;
    }
    errno = saved;
}

static void note_simply(enum event event, const char *path, uint64_t offset) {
    note(event, 0, path, "", offset, NULL, 0, 0);
}

#define LOCKED(type, body) \
    pthread_mutex_lock(&one_at_a_time); \
    type answer = body; \
    pthread_mutex_unlock(&one_at_a_time); \
    return answer

/* Opening */

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char room[PATH_MAX];
    const char *place = below_folder(folder, path, room);
    if (place == NULL) {
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    }
    if (fails(OPEN, place, NULL)) {
        return -1;
    }
    int existed = syscall(SYS_faccessat, folder, path, F_OK) == 0;
    int descriptor = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (descriptor >= 0 && (flags & O_CREAT) && !existed) {
        note_simply(CREATED, place, 0);
    } else if (descriptor >= 0 && (flags & O_TRUNC)) {
        note_simply(CUT, place, 0);
    }
    return descriptor;
}

static int opened_locked(int folder, const char *path, int flags, mode_t mode) {
    LOCKED(int, opened(folder, path, flags, mode));
}

#define MODE_OF(last) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, last); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened_locked(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened_locked(AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened_locked(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE_OF(flags)
    return opened_locked(folder, path, flags, mode);
}

/* Writing */

static ssize_t put(int descriptor, const struct iovec *parts, int count, off_t offset, int flags,
                   int in_place) {
    char room[PATH_MAX];
    const char *place = below_descriptor(descriptor, room);
    struct iovec half;
    int shorter = 0;
    if (place != NULL && fails(WRITE, place, &shorter)) {
        return -1;
    }
    if (shorter && parts[0].iov_len > 1) {
        half = (struct iovec){parts[0].iov_base, parts[0].iov_len / 2};
        parts = &half;
        count = 1;
    }
    ssize_t taken = in_place
        ? syscall(SYS_pwritev2, descriptor, parts, count, offset, 0, flags)
        : syscall(SYS_writev, descriptor, parts, count);
    if (taken > 0 && place != NULL) {
        int status = (int)syscall(SYS_fcntl, descriptor, F_GETFL);
        if (!in_place) {
            offset = syscall(SYS_lseek, descriptor, 0, SEEK_CUR) - taken;
        }
        note(WRITTEN, status & O_DSYNC ? DURABLE : 0, place, "", offset, parts, count, taken);
    }
    return taken;
}

static ssize_t put_locked(int descriptor, const struct iovec *parts, int count, off_t offset,
                          int flags, int in_place) {
    LOCKED(ssize_t, put(descriptor, parts, count, offset, flags, in_place));
}

ssize_t write(int descriptor, const void *data, size_t size) {
    struct iovec part = {(void *)data, size};
    return put_locked(descriptor, &part, 1, 0, 0, 0);
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    return put_locked(descriptor, parts, count, 0, 0, 0);
}
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    struct iovec part = {(void *)data, size};
    return put_locked(descriptor, &part, 1, offset, 0, 1);
}
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
    return pwrite(descriptor, data, size, offset);
}
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    return put_locked(descriptor, parts, count, offset, 0, 1);
}
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
    return put_locked(descriptor, parts, count, offset, 0, 1);
}
ssize_t pwritev2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags) {
    return put_locked(descriptor, parts, count, offset, flags, 1);
}
ssize_t pwritev64v2(int descriptor, const struct iovec *parts, int count, off64_t offset,
                    int flags) {
    return put_locked(descriptor, parts, count, offset, flags, 1);
}

/* Reading: only to let it fail. */

static int read_fails(int descriptor) {
    char room[PATH_MAX];
    const char *place = below_descriptor(descriptor, room);
    LOCKED(int, place != NULL && fails(READ, place, NULL));
}

ssize_t read(int descriptor, void *data, size_t size) {
    return read_fails(descriptor) ? -1 : syscall(SYS_read, descriptor, data, size);
}
ssize_t pread(int descriptor, void *data, size_t size, off_t offset) {
    return read_fails(descriptor) ? -1 : syscall(SYS_pread64, descriptor, data, size, offset);
}
ssize_t pread64(int descriptor, void *data, size_t size, off64_t offset) {
    return pread(descriptor, data, size, offset);
}
ssize_t preadv2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags) {
    return read_fails(descriptor)
        ? -1 : syscall(SYS_preadv2, descriptor, parts, count, offset, 0, flags);
}
ssize_t preadv64v2(int descriptor, const struct iovec *parts, int count, off64_t offset,
                   int flags) {
    return preadv2(descriptor, parts, count, offset, flags);
}
void *mmap(void *wanted, size_t size, int protection, int flags, int descriptor, off_t offset) {
    char room[PATH_MAX];
    const char *place = descriptor >= 0 ? below_descriptor(descriptor, room) : NULL;
    if (place != NULL) {
        pthread_mutex_lock(&one_at_a_time);
        int failed = fails(MMAP, place, NULL);
        pthread_mutex_unlock(&one_at_a_time);
        if (failed) {
            return MAP_FAILED;
        }
    }
    return (void *)syscall(SYS_mmap, wanted, size, protection, flags, descriptor, offset);
}
void *mmap64(void *wanted, size_t size, int protection, int flags, int descriptor, off64_t offset) {
    return mmap(wanted, size, protection, flags, descriptor, offset);
}
DIR *opendir(const char *path) {
    char room[PATH_MAX];
    const char *place = below_folder(AT_FDCWD, path, room);
    pthread_mutex_lock(&one_at_a_time);
    int failed = place != NULL && fails(LIST, place, NULL);
    pthread_mutex_unlock(&one_at_a_time);
    return failed ? NULL : REAL(opendir)(path);
}
static int room_fails(const char *place) {
    LOCKED(int, place != NULL && fails(STATVFS, place, NULL));
}
int statvfs64(const char *path, struct statvfs64 *found) {
    char room[PATH_MAX];
    return room_fails(below_folder(AT_FDCWD, path, room)) ? -1 : REAL(statvfs64)(path, found);
}
int statvfs(const char *path, struct statvfs *found) {
    char room[PATH_MAX];
    return room_fails(below_folder(AT_FDCWD, path, room)) ? -1 : REAL(statvfs)(path, found);
}

/* Sizes and syncs */

static int cut(int descriptor, off_t size) {
    char room[PATH_MAX];
    const char *place = below_descriptor(descriptor, room);
    if (place != NULL && fails(TRUNCATE, place, NULL)) {
        return -1;
    }
    int failed = (int)syscall(SYS_ftruncate, descriptor, size);
    if (!failed && place != NULL) {
        note_simply(CUT, place, (uint64_t)size);
    }
    return failed;
}
int ftruncate(int descriptor, off_t size) { LOCKED(int, cut(descriptor, size)); }
int ftruncate64(int descriptor, off64_t size) { LOCKED(int, cut(descriptor, size)); }

static int allocate(int descriptor, int mode, off_t offset, off_t size) {
    char room[PATH_MAX];
    const char *place = below_descriptor(descriptor, room);
    if (place != NULL && fails(ALLOCATE, place, NULL)) {
        return -1;
    }
    return (int)syscall(SYS_fallocate, descriptor, mode, offset, size);
}
int fallocate(int descriptor, int mode, off_t offset, off_t size) {
    LOCKED(int, allocate(descriptor, mode, offset, size));
}
int fallocate64(int descriptor, int mode, off64_t offset, off64_t size) {
    LOCKED(int, allocate(descriptor, mode, offset, size));
}

static int sync_of(enum call call, int descriptor) {
    char room[PATH_MAX];
    const char *place = below_descriptor(descriptor, room);
    if (place == NULL) {
        return (int)syscall(call == FSYNC ? SYS_fsync : SYS_fdatasync, descriptor);
    }
    if (fails(call, place, NULL)) {
        note_simply(SYNC_FAILED, place, 0);
        return -1;
    }
    note_simply(SYNCED, place, 0);
    return 0;
}
int fsync(int descriptor) { LOCKED(int, sync_of(FSYNC, descriptor)); }
int fdatasync(int descriptor) { LOCKED(int, sync_of(FDATASYNC, descriptor)); }

/* Names */

static int renamed(int old_folder, const char *old, int new_folder, const char *new) {
    char room[PATH_MAX], other_room[PATH_MAX];
    const char *place = below_folder(old_folder, old, room);
    const char *other = below_folder(new_folder, new, other_room);
    if (place != NULL && fails(RENAME, place, NULL)) {
        return -1;
    }
    int failed = (int)syscall(SYS_renameat2, old_folder, old, new_folder, new, 0);
    if (!failed && place != NULL && other != NULL) {
        note(RENAMED, 0, place, other, 0, NULL, 0, 0);
    }
    return failed;
}
int rename(const char *old, const char *new) {
    LOCKED(int, renamed(AT_FDCWD, old, AT_FDCWD, new));
}
int renameat(int old_folder, const char *old, int new_folder, const char *new) {
    LOCKED(int, renamed(old_folder, old, new_folder, new));
}

static int removed(int folder, const char *path, int flags) {
    char room[PATH_MAX];
    const char *place = below_folder(folder, path, room);
    int is_folder = flags & AT_REMOVEDIR;
    if (place != NULL && fails(is_folder ? RMDIR : UNLINK, place, NULL)) {
        return -1;
    }
    int failed = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (!failed && place != NULL) {
        note_simply(is_folder ? REMOVED_FOLDER : UNLINKED, place, 0);
    }
    return failed;
}
int unlink(const char *path) { LOCKED(int, removed(AT_FDCWD, path, 0)); }
int unlinkat(int folder, const char *path, int flags) { LOCKED(int, removed(folder, path, flags)); }
int rmdir(const char *path) { LOCKED(int, removed(AT_FDCWD, path, AT_REMOVEDIR)); }

static int made(int folder, const char *path, mode_t mode) {
    char room[PATH_MAX];
    const char *place = below_folder(folder, path, room);
    if (place != NULL && fails(MKDIR, place, NULL)) {
        return -1;
    }
    int failed = (int)syscall(SYS_mkdirat, folder, path, mode);
    if (!failed && place != NULL) {
        note_simply(MADE_FOLDER, place, 0);
    }
    return failed;
}
int mkdir(const char *path, mode_t mode) { LOCKED(int, made(AT_FDCWD, path, mode)); }
int mkdirat(int folder, const char *path, mode_t mode) { LOCKED(int, made(folder, path, mode)); }
