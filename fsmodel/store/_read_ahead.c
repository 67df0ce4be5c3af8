/* The interpreter's side of threads that read ahead: see _filling.c for what they do, and
 * read_ahead.pyi for what is offered here.
 *
 * A filling that is under way is held here with all that it needs, as the threads count no
 * references. What is over is let go of when somebody asks for it, or comes by.
 */

#include "_filling.h"

#include "../content/_blake3.h"

#include <string.h>
#include <unistd.h>

typedef struct filling_object {
    PyObject_HEAD
    filling work;
    struct filling_object *next;  /* held after this one */
    struct filling_object *after; /* these three until it is over */
    PyObject *pack;
    Py_buffer into;
} filling_object;

typedef struct {
    PyObject_HEAD
    filling_pool pool;
    int is_open;
    filling_object *held;
} ahead_object;

typedef struct {
    PyTypeObject *ahead, *filling;
} types;

/* -- one filling --------------------------------------------------------------------------- */

/* Let go of what is needed only until it is over. */
static void
release(filling_object *self)
{
    if (self->into.obj != NULL)
        PyBuffer_Release(&self->into);
    Py_CLEAR(self->pack);
    Py_CLEAR(self->after);
    PyMem_Free(self->work.chunks);
    self->work.chunks = NULL;
    self->work.after = NULL;
}

static void
filling_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    release((filling_object *)object);
    type->tp_free(object);
    Py_DECREF(type);
}

/* Take down which chunks are wanted, and see that there is room for them; -1 with an error set. */
static int
take_chunks(filling_object *self, PyObject *chunks)
{
    PyObject *wanted = PySequence_Fast(chunks, "chunks are a sequence");
    size_t left = (size_t)self->into.len;
    int result = -1;

    if (wanted == NULL)
        return -1;
    size_t count = (size_t)PySequence_Fast_GET_SIZE(wanted);
    self->work.chunks = PyMem_Malloc(count * (sizeof(chunk) + BLAKE3_DIGEST) + 1);
    if (self->work.chunks == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    uint8_t *ids = (uint8_t *)(self->work.chunks + count);
    for (size_t n = 0; n < count; n++) {
        chunk *each = &self->work.chunks[n];

        if (chunk_of(PySequence_Fast_GET_ITEM(wanted, (Py_ssize_t)n), each) < 0)
            goto done;
        if (each->size > left) {
            PyErr_SetString(PyExc_ValueError, "the chunks are longer than the buffer");
            goto done;
        }
        left -= each->size;
        each->id = memcpy(ids + n * BLAKE3_DIGEST, each->id, BLAKE3_DIGEST);
    }
    self->work.count = count;
    result = 0;
done:
    Py_DECREF(wanted);
    return result;
}

static PyType_Slot filling_slots[] = {
    {Py_tp_doc, "A buffer that is being filled with chunks."},
    {Py_tp_dealloc, filling_dealloc},
    {0, NULL},
};

static PyType_Spec filling_spec = {
    .name = "fsmodel.store._read_ahead.Filling",
    .basicsize = sizeof(filling_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = filling_slots,
};

/* -- all of them --------------------------------------------------------------------------- */

/* Let go of those that are over. */
static void
reap(ahead_object *self)
{
    filling_object **at = &self->held;

    while (*at != NULL) {
        filling_object *each = *at;

        if (self->is_open && !filling_is_over(&self->pool, &each->work)) {
            at = &each->next;
            continue;
        }
        *at = each->next;
        release(each);
        Py_DECREF(each);
    }
}

static void
shut(ahead_object *self)
{
    if (!self->is_open)
        return;
    Py_BEGIN_ALLOW_THREADS
    filling_close(&self->pool);
    Py_END_ALLOW_THREADS
    self->is_open = 0;
    reap(self);
}

static void
ahead_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    shut((ahead_object *)object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *
ahead_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    Py_ssize_t threads;

    if (keywords != NULL && PyDict_GET_SIZE(keywords) > 0)
        return PyErr_Format(PyExc_TypeError, "no argument has a name");
    if (!PyArg_ParseTuple(arguments, "n", &threads))
        return NULL;
    if (threads < 1 || threads > FILLING_THREADS_MAX)
        return PyErr_Format(PyExc_ValueError, "%zd threads", threads);
    ahead_object *self = (ahead_object *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    errno = filling_open(&self->pool, (size_t)threads);
    if (errno != 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        Py_DECREF(self);
        return NULL;
    }
    self->is_open = 1;
    return (PyObject *)self;
}

/* Raise, unless it is open. */
static int
needs_open(const ahead_object *self)
{
    if (!self->is_open)
        PyErr_SetString(PyExc_ValueError, "it is closed");
    return self->is_open ? 0 : -1;
}

PyDoc_STRVAR(begin_doc, "begin(pack, descriptor, seed, offset, chunks, into, after, again, /)\n"
             "--\n\nLet a buffer be filled with chunks.");

static PyObject *
ahead_begin(PyObject *object, PyObject *arguments)
{
    ahead_object *self = (ahead_object *)object;
    const types *known = PyType_GetModuleState(Py_TYPE(object));
    int descriptor, again;
    long long offset;
    unsigned long long seed;
    PyObject *pack, *chunks, *into, *after;

    if (!PyArg_ParseTuple(arguments, "OiKLOOOp", &pack, &descriptor, &seed, &offset, &chunks, &into,
                          &after, &again) || needs_open(self) < 0)
        return NULL;
    if (after != Py_None && !Py_IS_TYPE(after, known->filling))
        return PyErr_Format(PyExc_TypeError, "after is a filling, or None");
    reap(self);
    filling_object *made = (filling_object *)known->filling->tp_alloc(known->filling, 0);
    if (made == NULL)
        return NULL;
    made->work.descriptor = descriptor;
    made->work.seed = seed;
    made->work.offset = offset;
    made->work.again = again;
    if (PyObject_GetBuffer(into, &made->into, PyBUF_WRITABLE) < 0 || take_chunks(made, chunks) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    made->work.into = made->into.buf;
    made->pack = Py_NewRef(pack);
    if (after != Py_None) {
        made->after = (filling_object *)Py_NewRef(after);
        made->work.after = &made->after->work;
    }
    made->next = self->held;
    self->held = (filling_object *)Py_NewRef((PyObject *)made);
    filling_add(&self->pool, &made->work);
    return (PyObject *)made;
}

/* The filling that is an argument; NULL with an error set if it is none. */
static filling *
filling_of(PyObject *ahead, PyObject *object)
{
    const types *known = PyType_GetModuleState(Py_TYPE(ahead));

    if (Py_IS_TYPE(object, known->filling))
        return needs_open((ahead_object *)ahead) < 0 ? NULL : &((filling_object *)object)->work;
    PyErr_SetString(PyExc_TypeError, "it is no filling");
    return NULL;
}

PyDoc_STRVAR(reaches_doc, "reaches(filling, bytes, /)\n--\n\nWhether so many bytes are there.");

static PyObject *
ahead_reaches(PyObject *object, PyObject *arguments)
{
    PyObject *which;
    Py_ssize_t bytes;

    if (!PyArg_ParseTuple(arguments, "On", &which, &bytes))
        return NULL;
    filling *work = filling_of(object, which);
    if (work == NULL)
        return NULL;
    return PyBool_FromLong(filling_reaches(&((ahead_object *)object)->pool, work, (size_t)bytes));
}

PyDoc_STRVAR(found_doc, "found(filling, /)\n--\n\nBytes that are right, or None until it is over.");

static PyObject *
ahead_found(PyObject *object, PyObject *which)
{
    filling *work = filling_of(object, which);

    if (work == NULL)
        return NULL;
    if (!filling_is_over(&((ahead_object *)object)->pool, work))
        Py_RETURN_NONE;
    release((filling_object *)which);
    return PyLong_FromSize_t(work->right_bytes);
}

PyDoc_STRVAR(drop_doc, "drop(filling, /)\n--\n\nNobody wants the rest of it.");

static PyObject *
ahead_drop(PyObject *object, PyObject *which)
{
    filling *work = filling_of(object, which);

    if (work == NULL)
        return NULL;
    filling_drop(&((ahead_object *)object)->pool, work);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(acknowledge_doc, "acknowledge()\n--\n\nTake notice of the news.");

static PyObject *
ahead_acknowledge(PyObject *object, PyObject *unused)
{
    ahead_object *self = (ahead_object *)object;
    uint64_t count;
    (void)unused;

    if (needs_open(self) < 0)
        return NULL;
    if (read(self->pool.news, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
        return PyErr_SetFromErrno(PyExc_OSError);
    reap(self);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(counts_doc, "counts()\n--\n\nFrames and bytes that were read, and right.");

static PyObject *
ahead_counts(PyObject *object, PyObject *unused)
{
    ahead_object *self = (ahead_object *)object;
    (void)unused;

    if (!self->is_open)
        return Py_BuildValue("KK", self->pool.frames, self->pool.bytes);
    pthread_mutex_lock(&self->pool.lock);
    unsigned long long frames = self->pool.frames, bytes = self->pool.bytes;
    pthread_mutex_unlock(&self->pool.lock);
    return Py_BuildValue("KK", frames, bytes);
}

PyDoc_STRVAR(fileno_doc, "fileno()\n--\n\nA descriptor that can be read when there are news.");

static PyObject *
ahead_fileno(PyObject *object, PyObject *unused)
{
    ahead_object *self = (ahead_object *)object;
    (void)unused;

    return needs_open(self) < 0 ? NULL : PyLong_FromLong(self->pool.news);
}

PyDoc_STRVAR(close_doc, "close()\n--\n\nGive up what is under way, and end the threads.");

static PyObject *
ahead_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    shut((ahead_object *)object);
    Py_RETURN_NONE;
}

static PyMethodDef ahead_methods[] = {
    {"acknowledge", ahead_acknowledge, METH_NOARGS, acknowledge_doc},
    {"begin", ahead_begin, METH_VARARGS, begin_doc},
    {"close", ahead_close, METH_NOARGS, close_doc},
    {"counts", ahead_counts, METH_NOARGS, counts_doc},
    {"drop", ahead_drop, METH_O, drop_doc},
    {"fileno", ahead_fileno, METH_NOARGS, fileno_doc},
    {"found", ahead_found, METH_O, found_doc},
    {"reaches", ahead_reaches, METH_VARARGS, reaches_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(ahead_doc, "ReadAhead(threads, /)\n--\n\nThreads that fill buffers with chunks.");

static PyType_Slot ahead_slots[] = {
    {Py_tp_doc, (void *)ahead_doc},
    {Py_tp_new, ahead_new},
    {Py_tp_dealloc, ahead_dealloc},
    {Py_tp_methods, ahead_methods},
    {0, NULL},
};

static PyType_Spec ahead_spec = {
    .name = "fsmodel.store._read_ahead.ReadAhead",
    .basicsize = sizeof(ahead_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = ahead_slots,
};

/* -- the module ---------------------------------------------------------------------------- */

static int
make_types(PyObject *module)
{
    types *made = PyModule_GetState(module);

    made->filling = (PyTypeObject *)PyType_FromModuleAndSpec(module, &filling_spec, NULL);
    made->ahead = (PyTypeObject *)PyType_FromModuleAndSpec(module, &ahead_spec, NULL);
    if (made->filling == NULL || made->ahead == NULL)
        return -1;
    return PyModule_AddType(module, made->ahead) < 0 || PyModule_AddType(module, made->filling) < 0
               ? -1 : 0;
}

static int
traverse(PyObject *module, visitproc visit, void *arg)
{
    types *made = PyModule_GetState(module);

    Py_VISIT(made->ahead);
    Py_VISIT(made->filling);
    return 0;
}

static int
clear(PyObject *module)
{
    types *made = PyModule_GetState(module);

    Py_CLEAR(made->ahead);
    Py_CLEAR(made->filling);
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, make_types},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "fsmodel.store._read_ahead",
    .m_doc = "Threads that read chunks ahead of who will ask for them.",
    .m_size = sizeof(types),
    .m_traverse = traverse,
    .m_clear = clear,
    .m_methods = NULL,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__read_ahead(void)
{
    return PyModuleDef_Init(&definition);
}
