/* Rows of a result into objects, some at a time. */

#include "native.h"

#include <structmember.h>

typedef struct {
    PyObject_HEAD
    Library *library;
    Fill *fill;
    Py_ssize_t columns;
    int *used; /* the columns that the fill looks at */
    Py_ssize_t used_count;
    char late; /* whether objects may be made late */
    PyTypeObject *each;
} Rows;

static void
mark_used(const Fill *fill, char *marks)
{
    if (fill->value != NULL) {
        marks[fill->index] = 1;
    }
    for (Py_ssize_t at = 0; at < fill->absent_count; at++) {
        marks[fill->absent[at]] = 1;
    }
    for (Py_ssize_t at = 0; at < fill->count; at++) {
        mark_used(fill->parts[at], marks);
    }
}

static int
rows_use(Rows *self)
{
    char *marks = PyMem_Calloc((size_t)self->columns + 1, 1);
    self->used = PyMem_New(int, (size_t)self->columns + 1);
    if (marks == NULL || self->used == NULL) {
        PyMem_Free(marks);
        PyErr_NoMemory();
        return -1;
    }
    mark_used(self->fill, marks);
    for (Py_ssize_t at = 0; at < self->columns; at++) {
        if (marks[at]) {
            self->used[self->used_count++] = (int)at;
        }
    }
    PyMem_Free(marks);
    return 0;
}

static PyObject *
rows_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *library, *spec;
    Py_ssize_t columns;
    static char *keywords[] = {"library", "columns", "spec", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OnO", keywords, &library, &columns, &spec)) {
        return NULL;
    }
    if (!is_library(library)) {
        PyErr_SetString(PyExc_TypeError, "library is no Library");
        return NULL;
    }
    Rows *self = (Rows *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->library = (Library *)Py_NewRef(library);
    self->columns = columns;
    self->fill = fill_new(spec);
    if (self->fill == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    if (columns < 0 || columns > INT16_MAX || fill_width(self->fill) >= columns) {
        PyErr_SetString(PyExc_ValueError, "malformed program: a column outside the result");
        Py_DECREF(self);
        return NULL;
    }
    PyObject *module = PyType_GetModule(type);
    self->each = module ? (PyTypeObject *)PyObject_GetAttrString(module, "Each") : NULL;
    if (self->each == NULL || rows_use(self) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    self->late = (char)may_be_late(self->fill);
    return (PyObject *)self;
}

/* Tell whether a result is of the form that the program was made for. */
static int
fits(const Rows *self, const void *result, Py_ssize_t start, Py_ssize_t stop)
{
    const Library *library = self->library;
    if (start < 0 || stop < start || stop > library->ntuples(result) ||
        library->nfields(result) != self->columns) {
        return 0;
    }
    for (Py_ssize_t at = 0; at < self->used_count; at++) {
        if (library->fformat(result, self->used[at]) != 1) {
            return 0;
        }
    }
    return 1;
}

static inline Cell
cell_of(const Library *library, const void *result, int row, int column)
{
    int length = library->getlength(result, row, column);
    if (length <= 0) {
        /* empty, or NULL, whose length is 0 too */
        return (Cell){"", library->getisnull(result, row, column) ? -1 : 0};
    }
    return (Cell){library->getvalue(result, row, column), length};
}

/* An object of nothing but cells is made without putting them down first. */
static PyObject *
flat_row(const Rows *self, const void *result, int row, Run *run)
{
    PyObject *values[ON_STACK];
    const Fill *fill = self->fill;
    for (Py_ssize_t at = 0; at < fill->count; at++) {
        const Fill *part = fill->parts[at];
        Cell cell = cell_of(self->library, result, row, (int)part->index);
        values[at] = read_cell(part->value, &cell, part->nullable, run);
        if (values[at] == NULL) {
            drop(values, at);
            return NULL;
        }
    }
    return flat_make(&fill->layout, values, run->root != fill);
}

static PyObject *
row_made(const Rows *self, const void *result, int row, Run *run, Cell *cells)
{
    if (self->fill->flat) {
        return flat_row(self, result, row, run);
    }
    for (Py_ssize_t at = 0; at < self->used_count; at++) {
        int column = self->used[at];
        cells[column] = cell_of(self->library, result, row, column);
    }
    return self->fill->put(self->fill, cells, run);
}

static PyObject *
objects(Rows *self, const void *result, Py_ssize_t start, Py_ssize_t stop, int late, Cell *cells)
{
    PyObject *list = PyList_New(stop - start);
    if (list == NULL) {
        return NULL;
    }
    /* Nobody may come across a list with holes while objects are made by Python code. */
    PyObject_GC_UnTrack(list);
    for (Py_ssize_t row = start; row < stop; row++) {
        Run run = {.depth = 0, .root = late ? self->fill : NULL};
        PyObject *object = row_made(self, result, (int)row, &run, cells);
        if (object == NULL) {
            Py_CLEAR(list);
            return NULL;
        }
        PyList_SET_ITEM(list, row - start, object);
    }
    PyObject_GC_Track(list);
    return list;
}

/* Turn an error that is about rows into nothing; Ctrl-C and the like are not: -1 for these. */
static int
declined(void)
{
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

PyDoc_STRVAR(rows_build_doc,
"build(result, start, stop, late=False)\n"
"--\n\n"
"Make the objects of rows [start, stop); None: something in them is for Python to judge.\n\n"
"`result` is the address of the driver's PGresult, which must live until this returns. Where `late`\n"
"is true the collector does not know the objects before they are given to `known`.");

static PyObject *
rows_build(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    Rows *self = (Rows *)object;
    if (count != 3 && count != 4) {
        PyErr_SetString(PyExc_TypeError, "build takes a result, a start and a stop");
        return NULL;
    }
    if (args[0] == Py_None) {
        Py_RETURN_NONE;
    }
    void *result = PyLong_AsVoidPtr(args[0]);
    Py_ssize_t start = PyLong_AsSsize_t(args[1]);
    Py_ssize_t stop = PyLong_AsSsize_t(args[2]);
    int late = count == 4 && args[3] == Py_True && self->late;
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (result == NULL || !fits(self, result, start, stop)) {
        Py_RETURN_NONE;
    }
    Cell few[ON_STACK];
    Cell *cells = few;
    if (self->columns > ON_STACK) {
        cells = PyMem_New(Cell, (size_t)self->columns);
        if (cells == NULL) {
            return PyErr_NoMemory();
        }
    }
    PyObject *made = objects(self, result, start, stop, late, cells);
    if (cells != few) {
        PyMem_Free(cells);
    }
    if (made != NULL) {
        return made;
    }
    if (declined() < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* The objects of a result's rows, each made when it is asked for: memory that the reader has just
 * given back is taken for the next one, while it is still near the processor. */
typedef struct {
    PyObject_HEAD
    Rows *rows;
    PyObject *owner; /* of the result */
    const void *result;
    int row;
    int stop;
    Py_ssize_t left; /* the row that it declined, `stop` if none */
} Each;

PyDoc_STRVAR(rows_each_doc,
"each(owner, result)\n"
"--\n\n"
"Iterate over the objects of all rows; None: they are not of the form that was planned for.\n\n"
"`owner` keeps the result. The iteration ends at a row that is for Python to judge: `left`.");

static PyObject *
rows_each(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    Rows *self = (Rows *)object;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "each takes an owner and a result");
        return NULL;
    }
    if (args[1] == Py_None || !self->fill->flat || !self->late) {
        Py_RETURN_NONE;
    }
    void *result = PyLong_AsVoidPtr(args[1]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    int stop = result == NULL ? -1 : self->library->ntuples(result);
    if (stop < 0 || !fits(self, result, 0, stop)) {
        Py_RETURN_NONE;
    }
    Each *each = PyObject_GC_New(Each, self->each);
    if (each == NULL) {
        return NULL;
    }
    each->rows = (Rows *)Py_NewRef(object);
    each->owner = Py_NewRef(args[0]);
    each->result = result;
    each->row = 0;
    each->stop = stop;
    each->left = stop;
    PyObject_GC_Track(each);
    return (PyObject *)each;
}

static PyObject *
each_next(PyObject *object)
{
    Each *self = (Each *)object;
    int row = self->row;
    if (row >= self->stop) {
        return NULL;
    }
    self->row = row + 1;
    Run run = {.depth = 0, .root = NULL};
    PyObject *made = flat_row(self->rows, self->result, row, &run);
    if (made == NULL && declined() == 0) {
        self->row = self->stop;
        self->left = row;
    }
    return made;
}

static int
each_traverse(PyObject *object, visitproc visit, void *arg)
{
    Each *self = (Each *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->rows);
    Py_VISIT(self->owner);
    return 0;
}

static void
each_dealloc(PyObject *object)
{
    Each *self = (Each *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    Py_DECREF(self->rows);
    Py_DECREF(self->owner);
    PyObject_GC_Del(object);
    Py_DECREF(type);
}

static PyMemberDef each_members[] = {
    {"left", T_PYSSIZET, offsetof(Each, left), READONLY, "The row that it declined, if any."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot each_slots[] = {
    {Py_tp_doc, "Objects of rows, made one after the other."},
    {Py_tp_dealloc, each_dealloc},
    {Py_tp_traverse, each_traverse},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, each_next},
    {Py_tp_members, each_members},
    {0, NULL},
};

PyType_Spec each_spec = {
    .name = "liteorm_native.Each",
    .basicsize = sizeof(Each),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = each_slots,
};

PyDoc_STRVAR(rows_hidden_doc,
"hidden()\n"
"--\n\n"
"Make an empty list for objects that are built late, which the collector does not know either.");

static PyObject *
rows_hidden(PyObject *object, PyObject *unused)
{
    (void)object, (void)unused;
    PyObject *list = PyList_New(0);
    if (list != NULL) {
        PyObject_GC_UnTrack(list);
    }
    return list;
}

PyDoc_STRVAR(rows_known_doc,
"known(objects)\n"
"--\n\n"
"Let the collector know the objects that `build` has made late, and their list.");

#if defined(__GNUC__)
#define soon(address) __builtin_prefetch(address)
#else
#define soon(address) ((void)0)
#endif
enum { AHEAD = 12 };

static PyObject *
rows_known(PyObject *object, PyObject *list)
{
    if (!PyList_CheckExact(list)) {
        PyErr_SetString(PyExc_TypeError, "objects come in a list");
        return NULL;
    }
    Py_ssize_t count = ((Rows *)object)->late ? PyList_GET_SIZE(list) : 0;
    for (Py_ssize_t at = 0; at < count; at++) {
        PyObject *item = PyList_GET_ITEM(list, at);
        if (at + AHEAD < count) {
            soon((char *)PyList_GET_ITEM(list, at + AHEAD) - 8);
        }
        if (PyObject_IS_GC(item) && !PyObject_GC_IsTracked(item)) {
            PyObject_GC_Track(item);
        }
    }
    if (!PyObject_GC_IsTracked(list)) {
        PyObject_GC_Track(list);
    }
    Py_RETURN_NONE;
}

static int
rows_traverse(PyObject *object, visitproc visit, void *arg)
{
    Rows *self = (Rows *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->each);
    return fill_visit(self->fill, visit, arg);
}

static void
rows_dealloc(PyObject *object)
{
    Rows *self = (Rows *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    fill_free(self->fill);
    PyMem_Free(self->used);
    Py_XDECREF(self->library);
    Py_XDECREF(self->each);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef rows_methods[] = {
    {"build", (PyCFunction)(void (*)(void))rows_build, METH_FASTCALL, rows_build_doc},
    {"each", (PyCFunction)(void (*)(void))rows_each, METH_FASTCALL, rows_each_doc},
    {"hidden", rows_hidden, METH_NOARGS, rows_hidden_doc},
    {"known", rows_known, METH_O, rows_known_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef rows_members[] = {
    {"late", T_BOOL, offsetof(Rows, late), READONLY, "Whether objects may be made late."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot rows_slots[] = {
    {Py_tp_doc, "A program for the rows of results of one shape."},
    {Py_tp_new, rows_new},
    {Py_tp_dealloc, rows_dealloc},
    {Py_tp_traverse, rows_traverse},
    {Py_tp_methods, rows_methods},
    {Py_tp_members, rows_members},
    {0, NULL},
};

PyType_Spec rows_spec = {
    .name = "liteorm_native.Rows",
    .basicsize = sizeof(Rows),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = rows_slots,
};
