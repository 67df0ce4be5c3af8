/* Chunks that are stored as they are: read from a pack, and checked. The fast twin of
 * frames_reference.py.
 */

#define _GNU_SOURCE /* preadv2 */
#include "_frame.h"

#include "../content/_blake3.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#define CHUNKS_MAX 512
#define PART_BYTES_MAX (1 << 20)

/* -- many chunks, without the interpreter's lock ------------------------------------------- */

/* What is wanted. */
typedef struct {
    chunk chunks[CHUNKS_MAX];
    uint8_t ids[CHUNKS_MAX][BLAKE3_DIGEST];
} wanted_chunks;

/* Take down what is wanted, and see that there is room for it; how many chunks, or -1 with an error
 * set.
 */
static Py_ssize_t
prepare(wanted_chunks *job, PyObject *wanted, const Py_buffer *into)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(wanted);
    size_t left = (size_t)into->len;

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
        each->id = memcpy(job->ids[n], each->id, BLAKE3_DIGEST);
        left -= each->size;
    }
    return count;
}

/* Read, and count how many are whole and right, from the first on; -1 with errno set if the host
 * could not read the first.
 */
static Py_ssize_t
fill(const wanted_chunks *job, size_t count, int descriptor, off_t offset, uint64_t seed,
     uint8_t *into)
{
    frames_read at = {.end = offset};
    enum frames_result result = FRAMES_GO_ON;

    while (result == FRAMES_GO_ON && at.right < count)
        result = read_frames(descriptor, seed, job->chunks, count, into, &at);
    return result == FRAMES_FAILED && at.right == 0 ? -1 : (Py_ssize_t)at.right;
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
    wanted_chunks *job = PyMem_RawMalloc(sizeof *job);
    if (wanted == NULL || job == NULL)
        goto done;
    count = prepare(job, wanted, &into);
    if (count < 0)
        goto done;
    Py_BEGIN_ALLOW_THREADS
    right = fill(job, (size_t)count, descriptor, (off_t)offset, seed, into.buf);
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

/* -- a part of one ------------------------------------------------------------------------- */

enum sections_result {
    SECTIONS_RIGHT,
    SECTIONS_WRONG, /* or there are none, or all are wanted: the whole chunk has to be read */
    SECTIONS_ABSENT /* the host does not give all of it; errno says why, or is 0 */
};

/* Read the sections of a chunk that a range touches, and the values of all of them, and check that
 * they make its id; and where in `scratch` the range begins.
 */
static enum sections_result
read_sections(int descriptor, off_t offset, chunk wanted, size_t low, size_t high, int flags,
              uint8_t *scratch, const uint8_t **found)
{
    uint8_t values[VALUES_MAX], digest[BLAKE3_DIGEST];
    size_t count = frame_values(wanted.size) / BLAKE3_DIGEST;
    size_t first = low / BLAKE3_SECTION, end = (high + BLAKE3_SECTION - 1) / BLAKE3_SECTION;
    size_t begin = first * BLAKE3_SECTION, length = end * BLAKE3_SECTION;

    if (end - first >= count || low == high)
        return SECTIONS_WRONG;
    length = (length < wanted.size ? length : wanted.size) - begin;
    offset += FRAME_HEADER;
    struct iovec of_values = {values, count * BLAKE3_DIGEST}, body = {scratch, length};
    off_t values_at = offset + (off_t)wanted.size;
    errno = 0;
    if (flags == 0) /* both at once, if a disk has to bring them; without waiting they are anyway */
        posix_fadvise(descriptor, values_at, (off_t)of_values.iov_len, POSIX_FADV_WILLNEED);
    ssize_t body_read = preadv2(descriptor, &body, 1, offset + (off_t)begin, flags);
    ssize_t values_read = preadv2(descriptor, &of_values, 1, values_at, flags);
    if (body_read != (ssize_t)length || values_read < 0)
        return SECTIONS_ABSENT;
    if (values_read < (ssize_t)of_values.iov_len)
        return SECTIONS_WRONG; /* the pack ends before */
    for (size_t at = 0; at < length; at += BLAKE3_SECTION) {
        size_t number = (begin + at) / BLAKE3_SECTION;
        size_t left = length - at;

        blake3_section(scratch + at, left < BLAKE3_SECTION ? left : BLAKE3_SECTION, number,
                       values + number * BLAKE3_DIGEST);
    }
    blake3_joined(values, count, digest);
    *found = scratch + (low - begin);
    return memcmp(digest, wanted.id, sizeof digest) == 0 ? SECTIONS_RIGHT : SECTIONS_WRONG;
}

/* Read a whole frame if it is that of a chunk, and check it; where the body begins, or NULL, with
 * errno set if it is an error of the host, else 0. What is not even its header is not read on.
 */
static const uint8_t *
read_whole(int descriptor, off_t offset, uint64_t seed, chunk wanted, uint8_t *scratch)
{
    struct iovec header = {scratch, FRAME_HEADER}, whole = {scratch, FRAME_HEADER + wanted.size};

    errno = 0;
    if (frame_values(wanted.size) > 0 &&
        (preadv2(descriptor, &header, 1, offset, RWF_NOWAIT) != FRAME_HEADER ||
         !frame_begins(scratch, seed, wanted)))
        return NULL;
    if (preadv2(descriptor, &whole, 1, offset, RWF_NOWAIT) != (ssize_t)whole.iov_len ||
        !frame_is_of(scratch, scratch + FRAME_HEADER, seed, wanted))
        return NULL;
    return scratch + FRAME_HEADER;
}

/* Whether a range is one of a chunk that is not too long; if not, an error is set. */
static int
is_range(chunk wanted, Py_ssize_t low, Py_ssize_t high)
{
    if (low >= 0 && low <= high && (size_t)high <= wanted.size && wanted.size <= PART_BYTES_MAX)
        return 1;
    PyErr_Format(PyExc_ValueError, "bytes %zd to %zd of a chunk of %zu", low, high, wanted.size);
    return 0;
}

PyDoc_STRVAR(read_part_doc, "read_part(descriptor, offset, seed, chunk, low, high, /)\n--\n\n"
             "Bytes of a chunk, which are checked, if the host has them; see fsmodel.store.frames.");

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
    const uint8_t *found = NULL;
    enum sections_result result;
    (void)module;

    if (!PyArg_ParseTuple(arguments, "iLKOnn", &descriptor, &offset, &seed, &tuple, &low, &high) ||
        chunk_of(tuple, &wanted) < 0 || !is_range(wanted, low, high))
        return NULL;
    if (room < FRAME_HEADER + wanted.size) {
        uint8_t *larger = PyMem_RawRealloc(scratch, FRAME_HEADER + wanted.size);
        if (larger == NULL)
            return PyErr_NoMemory();
        scratch = larger;
        room = FRAME_HEADER + wanted.size;
    }
    result = read_sections(descriptor, (off_t)offset, wanted, (size_t)low, (size_t)high, RWF_NOWAIT,
                           scratch, &found);
    if (result == SECTIONS_WRONG)
        found = read_whole(descriptor, (off_t)offset, seed, wanted, scratch);
    if (result == SECTIONS_ABSENT || found == NULL) {
        if (errno != 0)
            return PyErr_SetFromErrno(PyExc_OSError);
        Py_RETURN_NONE;
    }
    return PyBytes_FromStringAndSize((const char *)found + (result == SECTIONS_WRONG ? low : 0),
                                     high - low);
}

PyDoc_STRVAR(bring_part_doc, "bring_part(descriptor, offset, chunk, low, high, /)\n--\n\n"
             "The same from its disk, but for whole chunks; see fsmodel.store.frames.");

static PyObject *
bring_part(PyObject *module, PyObject *arguments)
{
    int descriptor;
    long long offset;
    PyObject *tuple, *part;
    Py_ssize_t low, high;
    chunk wanted;
    const uint8_t *found = NULL;
    enum sections_result result;
    (void)module;

    if (!PyArg_ParseTuple(arguments, "iLOnn", &descriptor, &offset, &tuple, &low, &high) ||
        chunk_of(tuple, &wanted) < 0 || !is_range(wanted, low, high))
        return NULL;
    uint8_t *scratch = PyMem_RawMalloc(wanted.size + 1);
    if (scratch == NULL)
        return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    result = read_sections(descriptor, (off_t)offset, wanted, (size_t)low, (size_t)high, 0, scratch,
                           &found);
    Py_END_ALLOW_THREADS
    part = result == SECTIONS_RIGHT
               ? PyBytes_FromStringAndSize((const char *)found, high - low)
               : Py_NewRef(Py_None);
    PyMem_RawFree(scratch);
    return part;
}

/* -- values of sections -------------------------------------------------------------------- */

PyDoc_STRVAR(section_values_doc, "section_values(data, /)\n--\n\n"
             "The values of a chunk's sections; see fsmodel.store.sections.");

static PyObject *
section_values(PyObject *module, PyObject *object)
{
    Py_buffer data;
    uint8_t values[VALUES_MAX], digest[BLAKE3_DIGEST];
    (void)module;

    if (PyObject_GetBuffer(object, &data, PyBUF_SIMPLE) < 0)
        return NULL;
    size_t size = frame_values((size_t)data.len);
    if (size > 0) {
        Py_BEGIN_ALLOW_THREADS
        blake3_with_sections(data.buf, (size_t)data.len, digest, values);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&data);
    return PyBytes_FromStringAndSize((const char *)values, (Py_ssize_t)size);
}

PyDoc_STRVAR(joined_doc, "joined(values, /)\n--\n\n"
             "The id of the chunk whose sections have these values; see fsmodel.store.sections.");

static PyObject *
joined(PyObject *module, PyObject *object)
{
    Py_buffer values;
    uint8_t digest[BLAKE3_DIGEST];
    (void)module;

    if (PyObject_GetBuffer(object, &values, PyBUF_SIMPLE) < 0)
        return NULL;
    size_t size = (size_t)values.len;
    int right = size % BLAKE3_DIGEST == 0 && size > BLAKE3_DIGEST && size <= VALUES_MAX;
    if (right)
        blake3_joined(values.buf, size / BLAKE3_DIGEST, digest);
    else
        PyErr_Format(PyExc_ValueError, "%zu bytes of values", size);
    PyBuffer_Release(&values);
    return right ? PyBytes_FromStringAndSize((const char *)digest, sizeof digest) : NULL;
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
    {"bring_part", bring_part, METH_VARARGS, bring_part_doc},
    {"joined", joined, METH_O, joined_doc},
    {"read_chunks", read_chunks, METH_VARARGS, read_chunks_doc},
    {"read_part", read_part, METH_VARARGS, read_part_doc},
    {"section_values", section_values, METH_O, section_values_doc},
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
