/* Content-defined chunking and resemblance features: the fast twin of chunking_reference.py.
 *
 * Both must give the same answers to the last bit, as moved cuts would end deduplication with
 * stored data. Here is what Python calls; what it does is in the other files.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../store/_frame_layout.h"
#include "_blake3.h"
#include "_cut_chunks.h"
#include "_cuts.h"
#include "_features.h"
#include "_gear.h"
#include "_noise.h"

#include <stddef.h>
#include <stdint.h>

#define GIL_FREE_BYTES 65536 /* from here on the work takes longer than giving the GIL away */

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
