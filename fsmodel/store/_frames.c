/* Chunks that are stored as they are: read from a pack, and checked. The fast twin of
 * frames_reference.py.
 */

#define _GNU_SOURCE /* preadv2 */
#include "_frame.h"

#include "../content/_blake3.h"

#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#define CHUNKS_MAX 512 /* preadv takes 1,024 buffers, and a frame is two */
#define AT_ONCE_BYTES ((size_t)256 << 10)
#define PART_BYTES_MAX (1 << 20)

/* -- many chunks, without the interpreter's lock ------------------------------------------- */

/* What reading takes besides the bodies' own memory; one for each chunk of the first three. */
typedef struct {
    chunk chunks[CHUNKS_MAX];
    uint8_t ids[CHUNKS_MAX][BLAKE3_DIGEST];
    uint8_t headers[CHUNKS_MAX][FRAME_HEADER];
    struct iovec parts[2 * CHUNKS_MAX];
} reading;

/* Take down what is wanted, and where it goes; how many chunks, or -1 with an error set. */
static Py_ssize_t
prepare(reading *job, PyObject *wanted, const Py_buffer *into)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(wanted);
    size_t left = (size_t)into->len;
    uint8_t *body = into->buf;

    if (count > CHUNKS_MAX)
        count = CHUNKS_MAX;
    for (Py_ssize_t n = 0; n < count; n++) {
        chunk *each = &job->chunks[n];

        if (chunk_of(PySequence_Fast_GET_ITEM(wanted, n), each) < 0)
            return -1;
        if (each->size > left) {
            PyErr_SetString(PyExc_ValueError, "the chunks are longer than the buffer");
            return -1;
        }
        memcpy(job->ids[n], each->id, BLAKE3_DIGEST);
        each->id = job->ids[n];
        job->parts[2 * n] = (struct iovec){job->headers[n], FRAME_HEADER};
        job->parts[2 * n + 1] = (struct iovec){body, each->size};
        body += each->size;
        left -= each->size;
    }
    return count;
}

/* How many chunks from `first` on are read by one call of the host: they are hashed while they are
 * in the processor's own cache.
 */
static Py_ssize_t
few_from(const reading *job, Py_ssize_t first, Py_ssize_t count)
{
    size_t size = 0;
    Py_ssize_t end = first;

    while (end < count && size < AT_ONCE_BYTES)
        size += FRAME_HEADER + job->chunks[end++].size;
    return end - first;
}

/* Read, and count how many are whole and right, from the first on; -1 with errno set if the host
 * could not read the first.
 */
static Py_ssize_t
fill(reading *job, Py_ssize_t count, int descriptor, off_t offset, uint64_t seed)
{
    Py_ssize_t right = 0;

    while (right < count) {
        Py_ssize_t end = right + few_from(job, right, count);
        ssize_t left = preadv(descriptor, &job->parts[2 * right], 2 * (int)(end - right), offset);

        if (left < 0)
            return right > 0 ? right : -1;
        for (; right < end; right++) {
            ssize_t size = FRAME_HEADER + (ssize_t)job->chunks[right].size;

            left -= size;
            if (left < 0 || !frame_is_of(job->headers[right], job->parts[2 * right + 1].iov_base,
                                      seed, job->chunks[right]))
                return right;
            offset += size;
        }
    }
    return right;
}

PyDoc_STRVAR(read_chunks_doc, "read_chunks(descriptor, offset, seed, chunks, into, /)\n--\n\n"
             "Read chunks, and check them; see fsmodel.store.frames.");

static PyObject *
read_chunks(PyObject *module, PyObject *arguments)
{
    int descriptor;
    long long offset;
    unsigned long long seed;
    PyObject *chunks, *wanted, *result = NULL;
    Py_buffer into;
    Py_ssize_t count, right = 0;
    (void)module;

    if (!PyArg_ParseTuple(arguments, "iLKOw*", &descriptor, &offset, &seed, &chunks, &into))
        return NULL;
    wanted = PySequence_Fast(chunks, "chunks are a sequence");
    reading *job = PyMem_RawMalloc(sizeof *job);
    if (wanted == NULL || job == NULL)
        goto done;
    count = prepare(job, wanted, &into);
    if (count < 0)
        goto done;
    Py_BEGIN_ALLOW_THREADS
    right = fill(job, count, descriptor, (off_t)offset, seed);
    Py_END_ALLOW_THREADS
    result = right < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromSsize_t(right);
done:
    if (job == NULL)
        PyErr_NoMemory();
    PyMem_RawFree(job);
    Py_XDECREF(wanted);
    PyBuffer_Release(&into);
    return result;
}

/* -- a part of one, at once ---------------------------------------------------------------- */

PyDoc_STRVAR(read_part_doc, "read_part(descriptor, offset, seed, chunk, low, high, /)\n--\n\n"
             "Bytes of a chunk all of which is checked; see fsmodel.store.frames.");

static PyObject *
read_part(PyObject *module, PyObject *arguments)
{
    /* Used again and again: memory that is touched for the first time costs more than the rest.
     * The interpreter's lock, which is held throughout, guards it.
     */
    static uint8_t *scratch = NULL;
    static size_t room = 0;
    int descriptor;
    long long offset;
    unsigned long long seed;
    PyObject *tuple;
    Py_ssize_t low, high;
    chunk wanted;
    (void)module;

    if (!PyArg_ParseTuple(arguments, "iLKOnn", &descriptor, &offset, &seed, &tuple, &low, &high) ||
        chunk_of(tuple, &wanted) < 0)
        return NULL;
    if (low < 0 || low > high || (size_t)high > wanted.size || wanted.size > PART_BYTES_MAX)
        return PyErr_Format(PyExc_ValueError, "bytes %zd to %zd of a chunk of %zu", low, high,
                            wanted.size);
    if (room < FRAME_HEADER + wanted.size) {
        uint8_t *larger = PyMem_RawRealloc(scratch, FRAME_HEADER + wanted.size);
        if (larger == NULL)
            return PyErr_NoMemory();
        scratch = larger;
        room = FRAME_HEADER + wanted.size;
    }
    struct iovec part = {scratch, FRAME_HEADER + wanted.size};
    ssize_t got = preadv2(descriptor, &part, 1, (off_t)offset, RWF_NOWAIT);
    if (got < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    if ((size_t)got < part.iov_len || !frame_is_of(scratch, scratch + FRAME_HEADER, seed, wanted))
        Py_RETURN_NONE;
    return PyBytes_FromStringAndSize((const char *)scratch + FRAME_HEADER + low, high - low);
}

/* -- memory that is used again ------------------------------------------------------------- */

#define BLOCK_UNIT ((size_t)1 << 20)
#define BLOCKS_KEPT_MAX 8
#define BYTES_KEPT_MAX ((size_t)24 << 20)

/* What is kept for the next who asks; the interpreter's lock guards it. */
static struct {
    void *memory;
    size_t room;
} kept[BLOCKS_KEPT_MAX];
static size_t kept_blocks = 0, kept_bytes = 0;

/* A stretch of memory, with as many views of it as there may be. */
typedef struct {
    PyObject_HEAD
    void *memory;
    size_t room;
    Py_ssize_t size;
} block;

/* A kept block of this room, the last one that was used, or NULL. */
static void *
take_kept(size_t room)
{
    for (size_t n = kept_blocks; n-- > 0;)
        if (kept[n].room == room) {
            void *memory = kept[n].memory;
            memmove(&kept[n], &kept[n + 1], (kept_blocks - n - 1) * sizeof kept[0]);
            kept_blocks--;
            kept_bytes -= room;
            return memory;
        }
    return NULL;
}

static void
block_dealloc(PyObject *object)
{
    block *self = (block *)object;
    PyTypeObject *type = Py_TYPE(object);

    if (kept_blocks < BLOCKS_KEPT_MAX && kept_bytes + self->room <= BYTES_KEPT_MAX) {
        kept[kept_blocks].memory = self->memory;
        kept[kept_blocks++].room = self->room;
        kept_bytes += self->room;
    } else {
        PyMem_RawFree(self->memory);
    }
    type->tp_free(object);
    Py_DECREF(type);
}

static int
block_getbuffer(PyObject *object, Py_buffer *view, int flags)
{
    block *self = (block *)object;

    return PyBuffer_FillInfo(view, object, self->memory, self->size, 0, flags);
}

static PyType_Slot block_slots[] = {
    {Py_tp_doc, "Memory that is used again once nobody has a view of it."},
    {Py_tp_dealloc, block_dealloc},
    {Py_bf_getbuffer, block_getbuffer},
    {0, NULL},
};

static PyType_Spec block_spec = {
    .name = "fsmodel.store._frames.Block",
    .basicsize = sizeof(block),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = block_slots,
};

PyDoc_STRVAR(blank_doc, "blank(size, /)\n--\n\n"
             "A buffer that is to be filled; see fsmodel.store.frames.");

static PyObject *
blank(PyObject *module, PyObject *object)
{
    PyTypeObject *type = *(PyTypeObject **)PyModule_GetState(module);
    Py_ssize_t size = PyLong_AsSsize_t(object);

    if (size == -1 && PyErr_Occurred())
        return NULL;
    if (size < 0) {
        PyErr_SetString(PyExc_ValueError, "negative count");
        return NULL;
    }
    size_t room = ((size_t)size / BLOCK_UNIT + 1) * BLOCK_UNIT;
    void *memory = take_kept(room);
    if (memory == NULL)
        memory = PyMem_RawMalloc(room);
    if (memory == NULL)
        return PyErr_NoMemory();
    block *made = PyObject_New(block, type);
    if (made == NULL) {
        PyMem_RawFree(memory);
        return NULL;
    }
    made->memory = memory;
    made->room = room;
    made->size = size;
    PyObject *view = PyMemoryView_FromObject((PyObject *)made);
    Py_DECREF(made);
    return view;
}

static PyMethodDef methods[] = {
    {"blank", blank, METH_O, blank_doc},
    {"read_chunks", read_chunks, METH_VARARGS, read_chunks_doc},
    {"read_part", read_part, METH_VARARGS, read_part_doc},
    {NULL, NULL, 0, NULL},
};

/* The module's state is the type of its blocks. */
static int
make_types(PyObject *module)
{
    PyObject **type = PyModule_GetState(module);

    *type = PyType_FromSpec(&block_spec);
    return *type == NULL ? -1 : 0;
}

static int
traverse(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(*(PyObject **)PyModule_GetState(module));
    return 0;
}

static int
clear(PyObject *module)
{
    Py_CLEAR(*(PyObject **)PyModule_GetState(module));
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, make_types},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "fsmodel.store._frames",
    .m_doc = "The C kernel of fsmodel.store.frames.",
    .m_size = sizeof(PyObject *),
    .m_traverse = traverse,
    .m_clear = clear,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__frames(void)
{
    return PyModuleDef_Init(&definition);
}
