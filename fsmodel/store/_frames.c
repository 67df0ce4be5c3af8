/* Are frames of chunks that are stored as they are what they should be? The fast twin of
 * frames_reference.py, which says what right means.
 *
 * The layout of a header is that of pack_format.py: its bytes 0 to 7 and 16 to 63 must be those
 * expected, of which 28 to 31 are the size of the body, and 32 to 63 its BLAKE3 hash.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../content/_blake3.h"

#include <stdint.h>
#include <string.h>

#define HEADER 64
#define CHECKSUM_AT 8
#define CHECKSUM 8
#define SIZE_AT 28
#define ID_AT 32

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the size of a body is read as it stands in memory, which must be little-endian"
#endif

static int
same_but_for_the_checksum(const uint8_t *header, const uint8_t *expected)
{
    const size_t behind = CHECKSUM_AT + CHECKSUM;

    return memcmp(header, expected, CHECKSUM_AT) == 0 &&
           memcmp(header + behind, expected + behind, HEADER - behind) == 0;
}

/* How many are right, from the first on. */
static size_t
count_right(const uint8_t *headers, const uint8_t *expected, size_t count, const uint8_t *bodies,
            size_t left)
{
    size_t right = 0;

    for (; right < count; right++, headers += HEADER, expected += HEADER) {
        uint8_t digest[BLAKE3_DIGEST];
        uint32_t size;

        memcpy(&size, expected + SIZE_AT, sizeof size);
        if (size > left || size > BLAKE3_BYTES_MAX ||
            !same_but_for_the_checksum(headers, expected))
            break;
        blake3_of(bodies, size, BLAKE3_LANES_MAX, digest);
        if (memcmp(digest, expected + ID_AT, sizeof digest) != 0)
            break;
        bodies += size;
        left -= size;
    }
    return right;
}

PyDoc_STRVAR(right_chunks_doc, "right_chunks(headers, bodies, expected, /)\n--\n\n"
             "How many frames are right; see fsmodel.store.frames_reference.");

static PyObject *
right_chunks(PyObject *module, PyObject *const *arguments, Py_ssize_t given)
{
    Py_buffer views[3]; /* headers, bodies, expected */
    int held = 0;
    size_t right = 0;
    PyObject *result = NULL;
    (void)module;

    if (given != 3)
        return PyErr_Format(PyExc_TypeError, "right_chunks takes 3 arguments, not %zd", given);
    for (; held < 3; held++)
        if (PyObject_GetBuffer(arguments[held], &views[held], PyBUF_SIMPLE) < 0)
            goto done;
    if (views[0].len < views[2].len || views[2].len % HEADER != 0) {
        PyErr_Format(PyExc_ValueError, "%zd bytes of headers for %zd bytes of expected ones",
                     views[0].len, views[2].len);
        goto done;
    }
    size_t count = (size_t)views[2].len / HEADER;
    if (count <= 1) { /* takes no longer than giving the interpreter's lock away */
        right = count_right(views[0].buf, views[2].buf, count, views[1].buf, (size_t)views[1].len);
    } else {
        Py_BEGIN_ALLOW_THREADS
        right = count_right(views[0].buf, views[2].buf, count, views[1].buf, (size_t)views[1].len);
        Py_END_ALLOW_THREADS
    }
    result = PyLong_FromSize_t(right);
done:
    while (held > 0)
        PyBuffer_Release(&views[--held]);
    return result;
}

PyDoc_STRVAR(blank_doc, "blank(size, /)\n--\n\n"
             "A buffer that is to be filled; see fsmodel.store.frames.");

static PyObject *
blank(PyObject *module, PyObject *object)
{
    Py_ssize_t size = PyLong_AsSsize_t(object);
    (void)module;

    if (size == -1 && PyErr_Occurred())
        return NULL;
    if (size < 0) {
        PyErr_SetString(PyExc_ValueError, "negative count");
        return NULL;
    }
    return PyByteArray_FromStringAndSize(NULL, size);
}

static PyMethodDef methods[] = {
    {"blank", blank, METH_O, blank_doc},
    {"right_chunks", (PyCFunction)(void (*)(void))right_chunks, METH_FASTCALL, right_chunks_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "fsmodel.store._frames",
    .m_doc = "The C kernel of fsmodel.store.frames.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__frames(void)
{
    return PyModuleDef_Init(&definition);
}
