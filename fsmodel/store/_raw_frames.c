/* Frames of chunks that are stored as they are, made and written by one call: the fast twin of
 * raw_frames_reference.py.
 */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../content/_blake3.h"
#include "_frame.h"
#include "_xxh3.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#define AT_ONCE_BYTES (512 << 10) /* half of what the second cache of most processors holds */
#define AT_ONCE_FRAMES 64

/* What one frame is made of: a body and, if it has them, the values of its sections. */
typedef struct {
    Py_buffer body, values;
} given_chunk;

static void
make_header(uint8_t *header, const uint8_t *id, const given_chunk *given, uint64_t seed)
{
    frame_facts(header, (chunk){id, (size_t)given->body.len}, given->values.len > 0);
    uint64_t header_hash = frame_hash(header, seed);
    uint64_t checksum = xxh3_long(given->body.buf, (size_t)given->body.len, header_hash);
    uint32_t check = (uint32_t)header_hash;
    memcpy(header + FRAME_CHECKSUM_AT, &checksum, sizeof checksum);
    memcpy(header + FRAME_CHECK_AT, &check, sizeof check);
}

/* Write all parts from an offset on; 0, or why that failed. */
static int
write_parts(int descriptor, struct iovec *parts, int count, off_t offset)
{
    while (count > 0) {
        ssize_t written = pwritev(descriptor, parts, count, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : EIO;
        offset += written;
        for (; count > 0 && (size_t)written >= parts->iov_len; parts++, count--)
            written -= (ssize_t)parts->iov_len;
        if (count > 0) {
            parts->iov_base = (uint8_t *)parts->iov_base + written;
            parts->iov_len -= (size_t)written;
        }
    }
    return 0;
}

/* Some at a time: what a checksum was just taken of is in the processor's cache still. */
static int
write_frames(int descriptor, off_t offset, uint64_t seed, const uint8_t *ids,
             const given_chunk *given, size_t count)
{
    uint8_t headers[AT_ONCE_FRAMES][FRAME_HEADER];
    struct iovec parts[3 * AT_ONCE_FRAMES];
    size_t done = 0;

    while (done < count) {
        size_t frames = 0, size = 0;
        for (; done < count && frames < AT_ONCE_FRAMES && size < AT_ONCE_BYTES; done++, frames++) {
            const Py_buffer *body = &given[done].body, *values = &given[done].values;
            make_header(headers[frames], ids + done * BLAKE3_DIGEST, &given[done], seed);
            parts[3 * frames] = (struct iovec){headers[frames], FRAME_HEADER};
            parts[3 * frames + 1] = (struct iovec){body->buf, (size_t)body->len};
            parts[3 * frames + 2] = (struct iovec){values->buf, (size_t)values->len};
            size += FRAME_HEADER + (size_t)body->len + (size_t)values->len;
        }
        int failure = write_parts(descriptor, parts, (int)(3 * frames), offset);
        if (failure != 0)
            return failure;
        offset += (off_t)size;
    }
    return 0;
}

/* Whether a chunk can be written, with these values or without any; if not, an error is set. */
static int
is_right(const given_chunk *given)
{
    Py_ssize_t size = given->body.len, values = given->values.len;

    if (size < XXH3_LONG_MIN || (uint64_t)size > UINT32_MAX)
        PyErr_Format(PyExc_ValueError, "a body of %zd bytes", size);
    else if (values != 0 && (size_t)values != frame_values((size_t)size))
        PyErr_Format(PyExc_ValueError, "%zd bytes of values for %zd", values, size);
    else
        return 1;
    return 0;
}

/* Hold the buffers of one chunk; -1 with an error set, and none of them held. */
static int
hold(given_chunk *given, PyObject *body, PyObject *values)
{
    if (PyObject_GetBuffer(body, &given->body, PyBUF_SIMPLE) < 0)
        return -1;
    if (PyObject_GetBuffer(values, &given->values, PyBUF_SIMPLE) < 0) {
        PyBuffer_Release(&given->body);
        return -1;
    }
    if (is_right(given))
        return 0;
    PyBuffer_Release(&given->body);
    PyBuffer_Release(&given->values);
    return -1;
}

PyDoc_STRVAR(write_chunks_doc, "write_chunks(descriptor, offset, seed, ids, bodies, values, /)\n--\n\n"
             "Write frames of chunks as they are; see fsmodel.store.raw_frames.");

static PyObject *
write_chunks(PyObject *module, PyObject *arguments)
{
    int descriptor, failure = 0;
    long long offset;
    unsigned long long seed;
    Py_buffer ids;
    PyObject *bodies, *values, *result = NULL;
    size_t held = 0;
    (void)module;

    if (!PyArg_ParseTuple(arguments, "iLKy*O!O!:write_chunks", &descriptor, &offset, &seed, &ids,
                          &PyTuple_Type, &bodies, &PyTuple_Type, &values))
        return NULL;
    size_t count = (size_t)PyTuple_GET_SIZE(bodies);
    given_chunk *given = PyMem_Calloc(count + 1, sizeof *given);
    if (given == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    if ((size_t)ids.len != count * BLAKE3_DIGEST || (size_t)PyTuple_GET_SIZE(values) != count) {
        PyErr_Format(PyExc_ValueError, "%zd bytes of ids and %zd values for %zu bodies", ids.len,
                     PyTuple_GET_SIZE(values), count);
        goto done;
    }
    for (; held < count; held++)
        if (hold(&given[held], PyTuple_GET_ITEM(bodies, (Py_ssize_t)held),
                 PyTuple_GET_ITEM(values, (Py_ssize_t)held)) < 0)
            goto done;
    Py_BEGIN_ALLOW_THREADS
    failure = write_frames(descriptor, (off_t)offset, seed, ids.buf, given, count);
    Py_END_ALLOW_THREADS
    if (failure != 0) {
        errno = failure;
        PyErr_SetFromErrno(PyExc_OSError);
    } else {
        result = Py_NewRef(Py_None);
    }
done:
    while (held > 0) {
        PyBuffer_Release(&given[--held].body);
        PyBuffer_Release(&given[held].values);
    }
    PyMem_Free(given);
    PyBuffer_Release(&ids);
    return result;
}

static PyMethodDef methods[] = {
    {"write_chunks", write_chunks, METH_VARARGS, write_chunks_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "fsmodel.store._raw_frames",
    .m_doc = "The C kernel of fsmodel.store.raw_frames.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__raw_frames(void)
{
    return PyModuleDef_Init(&definition);
}
