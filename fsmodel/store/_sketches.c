/* Blocks of sketches, read into the tables of the feature index: the fast twin of
 * `reference_note` in sketches.py, which has the layout of a sketch, too.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

#define FEATURES 12
#define PREFIX 6
#define SKETCH (PREFIX + 3 * FEATURES)
#define SHIFT 0x9E377u

static void
note(const uint8_t *sketches, size_t count, size_t place, uint32_t *features, uint32_t *slots,
     uint32_t mask)
{
    for (uint32_t number = 0; number < FEATURES; number++) {
        const uint8_t *at = sketches + PREFIX + number;
        for (size_t each = 0; each < count; each++, at += SKETCH) {
            uint32_t feature = at[0] | (uint32_t)at[FEATURES] << 8
                               | (uint32_t)at[2 * FEATURES] << 16;
            uint32_t *slot = &slots[(feature + SHIFT * number) & mask];
            features[(place + each) * FEATURES + number] = feature;
            if (*slot == 0)
                *slot = (uint32_t)(place + each + 1);
        }
    }
}

static int
has_room(const Py_buffer *block, Py_ssize_t place, const Py_buffer *features,
         const Py_buffer *slots)
{
    size_t count = (size_t)block->len / SKETCH, words = (size_t)slots->len / sizeof(uint32_t);
    size_t places = (size_t)features->len / sizeof(uint32_t) / FEATURES;

    if (block->len % SKETCH == 0 && place >= 0 && (size_t)place <= places
        && count <= places - (size_t)place && places < UINT32_MAX && words > 0
        && words <= UINT32_MAX && (words & (words - 1)) == 0)
        return 1;
    PyErr_Format(PyExc_ValueError, "no room for %zd bytes of sketches at place %zd", block->len,
                 place);
    return 0;
}

PyDoc_STRVAR(note_block_doc, "note_block(block, place, features, slots, /)\n--\n\n"
             "Read a block of sketches; see fsmodel.store.sketches.");

static PyObject *
note_block(PyObject *module, PyObject *arguments)
{
    Py_buffer block, features, slots;
    Py_ssize_t place;
    PyObject *result = NULL;
    (void)module;

    if (!PyArg_ParseTuple(arguments, "y*nw*w*:note_block", &block, &place, &features, &slots))
        return NULL;
    if (has_room(&block, place, &features, &slots)) {
        note(block.buf, (size_t)block.len / SKETCH, (size_t)place, features.buf, slots.buf,
             (uint32_t)((size_t)slots.len / sizeof(uint32_t) - 1));
        result = Py_NewRef(Py_None);
    }
    PyBuffer_Release(&block);
    PyBuffer_Release(&features);
    PyBuffer_Release(&slots);
    return result;
}

static PyMethodDef methods[] = {
    {"note_block", note_block, METH_VARARGS, note_block_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots_of_module[] = {
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "fsmodel.store._sketches",
    .m_doc = "The C kernel of fsmodel.store.sketches.",
    .m_methods = methods,
    .m_slots = slots_of_module,
};

PyMODINIT_FUNC
PyInit__sketches(void)
{
    return PyModuleDef_Init(&definition);
}
