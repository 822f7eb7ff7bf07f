/* Objects out of the cells of a row or record. */

#include "native.h"

PyObject *
put_leaf(Fill *fill, const Cell *cells, Run *run)
{
    return read_cell(fill->value, &cells[fill->index], fill->nullable, run);
}

/* Read what an absent object would have held: it may still be unreadable, which is an error. */
static int
read_unused(Fill *fill, const Cell *cells, Run *run)
{
    if (fill->put == put_leaf) {
        if (cells[fill->index].length < 0) {
            return 0;
        }
        PyObject *made = put_leaf(fill, cells, run);
        Py_XDECREF(made);
        return made == NULL ? -1 : 0;
    }
    for (Py_ssize_t at = 0; at < fill->count; at++) {
        if (read_unused(fill->parts[at], cells, run) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The first part, after a look at the others: what no field takes must be readable all the same. */
PyObject *
put_after(Fill *fill, const Cell *cells, Run *run)
{
    for (Py_ssize_t at = 1; at < fill->count; at++) {
        if (read_unused(fill->parts[at], cells, run) < 0) {
            return NULL;
        }
    }
    return fill->parts[0]->put(fill->parts[0], cells, run);
}

/* Tell whether the object of a node is not there: 1, 0, or -1 for what Python is to judge. */
static int
is_absent(Fill *fill, const Cell *cells, Run *run)
{
    if (fill->absent_count == 0) {
        return 0;
    }
    for (Py_ssize_t at = 0; at < fill->absent_count; at++) {
        if (cells[fill->absent[at]].length >= 0) {
            return 0;
        }
    }
    return read_unused(fill, cells, run) < 0 ? -1 : 1;
}

/* The values of a node's parts, on the stack where they are few. */
typedef struct {
    PyObject *few[ON_STACK];
    PyObject **all;
    PyObject *absent; /* None where the object is not there */
} Parts;

void
drop(PyObject **values, Py_ssize_t count)
{
    for (Py_ssize_t at = 0; at < count; at++) {
        Py_XDECREF(values[at]);
    }
}

static void
parts_free(Parts *parts)
{
    if (parts->all != parts->few) {
        PyMem_Free(parts->all);
    }
}

/* Make the values of all parts, with room for one more in front; -1 where there is no object. */
static int
parts_made(Fill *fill, const Cell *cells, Run *run, Parts *parts)
{
    parts->all = parts->few;
    parts->absent = NULL;
    int absent = is_absent(fill, cells, run);
    if (absent != 0) {
        parts->absent = absent > 0 ? Py_NewRef(Py_None) : NULL;
        return -1;
    }
    if (fill->count >= ON_STACK) {
        parts->all = PyMem_New(PyObject *, (size_t)fill->count + 1);
        if (parts->all == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    PyObject **values = parts->all + 1;
    for (Py_ssize_t at = 0; at < fill->count; at++) {
        Fill *part = fill->parts[at];
        values[at] = part->put(part, cells, run);
        if (values[at] == NULL) {
            drop(values, at);
            parts_free(parts);
            return -1;
        }
    }
    return 0;
}

/* Let the collector know an object, or see to it that it does not. */
static void
known(PyObject *object, int track)
{
    if (PyObject_IS_GC(object) && PyObject_GC_IsTracked(object) != track) {
        if (track) {
            PyObject_GC_Track(object);
        }
        else {
            PyObject_GC_UnTrack(object);
        }
    }
}

PyObject *
put_tuple(Fill *fill, const Cell *cells, Run *run)
{
    Parts parts;
    if (parts_made(fill, cells, run, &parts) < 0) {
        return parts.absent;
    }
    PyObject *tuple = PyTuple_New(fill->count);
    if (tuple == NULL) {
        drop(parts.all + 1, fill->count);
    }
    else {
        for (Py_ssize_t at = 0; at < fill->count; at++) {
            PyTuple_SET_ITEM(tuple, at, parts.all[at + 1]);
        }
        if (run->root == fill) {
            known(tuple, 0);
        }
    }
    parts_free(&parts);
    return tuple;
}

/* names: the keys */
PyObject *
put_dict(Fill *fill, const Cell *cells, Run *run)
{
    Parts parts;
    if (parts_made(fill, cells, run, &parts) < 0) {
        return parts.absent;
    }
    PyObject *dict = PyDict_New();
    for (Py_ssize_t at = 0; dict != NULL && at < fill->count; at++) {
        if (PyDict_SetItem(dict, PyTuple_GET_ITEM(fill->names, at), parts.all[at + 1]) < 0) {
            Py_CLEAR(dict);
        }
    }
    drop(parts.all + 1, fill->count);
    parts_free(&parts);
    return dict;
}

/* Memory for an object of a class, which the collector does not know if `layout` is lean. */
static PyObject *
bare(const Layout *layout)
{
    PyTypeObject *type = layout->type;
    if (layout->lean && !(type->tp_flags & Py_TPFLAGS_IS_ABSTRACT)) {
        PyObject *object = PyType_IS_GC(type) ? PyObject_GC_New(PyObject, type)
                                              : PyObject_New(PyObject, type);
        if (object != NULL) {
            memset((char *)object + sizeof(PyObject), 0,
                   (size_t)type->tp_basicsize - sizeof(PyObject));
        }
        return object;
    }
    if (type->tp_new == NULL) {
        return NULL;
    }
    PyObject *nothing = PyTuple_New(0); /* always the same one */
    if (nothing == NULL) {
        return NULL;
    }
    PyObject *object = type->tp_new(type, nothing, NULL);
    Py_DECREF(nothing);
    return object;
}

/* Tell whether the collector may have to look into a value, now or later. */
static int
is_of_interest(PyObject *value)
{
    return PyObject_IS_GC(value) && (!PyTuple_CheckExact(value) || PyObject_GC_IsTracked(value));
}

/* Make an object from its values, whose references it takes; one that is NULL was not made. */
PyObject *
layout_make(const Layout *layout, PyObject **values, int track)
{
    PyObject *object = NULL;
    for (Py_ssize_t at = 0; at < layout->count; at++) {
        if (values[at] == NULL) {
            goto failed;
        }
    }
    object = bare(layout);
    if (object == NULL) {
        goto failed;
    }
    int interest = !layout->lazy;
    for (Py_ssize_t at = 0; at < layout->count; at++) {
        const Store *store = &layout->stores[at];
        if (store->offset >= 0) {
            interest = interest || is_of_interest(values[at]);
            *(PyObject **)((char *)object + store->offset) = values[at];
            values[at] = NULL;
        }
        else if (PyObject_GenericSetAttr(object, store->name, values[at]) < 0) {
            goto failed;
        }
        else {
            Py_CLEAR(values[at]);
        }
    }
    known(object, track && interest);
    return object;
failed:
    drop(values, layout->count);
    Py_XDECREF(object);
    return NULL;
}

int
may_be_late(const Fill *fill)
{
    if (fill->put != put_tuple && fill->put != put_subtuple &&
        !(fill->put == put_object && !fill->layout.lazy)) {
        return 0;
    }
    for (Py_ssize_t at = 0; at < fill->count; at++) {
        const Fill *part = fill->parts[at];
        if (part->put != put_given && !(part->put == put_leaf && is_atom(part->value))) {
            return 0;
        }
    }
    return 1;
}

/* Tell whether an object is put together by `put_flat`: of few cells, with nothing inside. */
int
is_flat(const Fill *fill)
{
    if (fill->put != put_object || !fill->layout.lean || fill->layout.lazy ||
        fill->absent_count > 0 || fill->count > ON_STACK) {
        return 0;
    }
    for (Py_ssize_t at = 0; at < fill->count; at++) {
        if (fill->parts[at]->put != put_leaf) {
            return 0;
        }
    }
    return 1;
}

/* Make the object of a flat node from its values, whose references it takes. */
PyObject *
flat_make(const Layout *layout, PyObject **values, int track)
{
    PyObject *object = bare(layout);
    if (object == NULL) {
        drop(values, layout->count);
        return NULL;
    }
    for (Py_ssize_t at = 0; at < layout->count; at++) {
        *(PyObject **)((char *)object + layout->stores[at].offset) = values[at];
    }
    if (track && PyType_IS_GC(layout->type)) {
        PyObject_GC_Track(object);
    }
    return object;
}

/* The same as `put_object`, without what only others need. */
static PyObject *
put_flat(const Fill *fill, const Cell *cells, Run *run)
{
    PyObject *values[ON_STACK];
    for (Py_ssize_t at = 0; at < fill->count; at++) {
        const Fill *part = fill->parts[at];
        values[at] = read_cell(part->value, &cells[part->index], part->nullable, run);
        if (values[at] == NULL) {
            drop(values, at);
            return NULL;
        }
    }
    return flat_make(&fill->layout, values, run->root != fill);
}

PyObject *
put_object(Fill *fill, const Cell *cells, Run *run)
{
    if (fill->flat) {
        return put_flat(fill, cells, run);
    }
    Parts parts;
    if (parts_made(fill, cells, run, &parts) < 0) {
        return parts.absent;
    }
    PyObject *object = layout_make(&fill->layout, parts.all + 1, run->root != fill);
    parts_free(&parts);
    return object;
}

/* object: what is called; names: the keywords of the last arguments, NULL for none */
PyObject *
put_call(Fill *fill, const Cell *cells, Run *run)
{
    Parts parts;
    if (parts_made(fill, cells, run, &parts) < 0) {
        return parts.absent;
    }
    Py_ssize_t positional = fill->count - (fill->names ? PyTuple_GET_SIZE(fill->names) : 0);
    PyObject *object =
        PyObject_Vectorcall(fill->object, parts.all + 1,
                            (size_t)positional | PY_VECTORCALL_ARGUMENTS_OFFSET, fill->names);
    drop(parts.all + 1, fill->count);
    parts_free(&parts);
    return object;
}

/* object: a subclass of tuple, with tuple's own way of being made */
PyObject *
put_subtuple(Fill *fill, const Cell *cells, Run *run)
{
    PyObject *tuple = put_tuple(fill, cells, run);
    if (tuple == NULL || tuple == Py_None) {
        return tuple;
    }
    PyObject *arguments = PyTuple_Pack(1, tuple);
    Py_DECREF(tuple);
    if (arguments == NULL) {
        return NULL;
    }
    PyObject *made = PyTuple_Type.tp_new((PyTypeObject *)fill->object, arguments, NULL);
    Py_DECREF(arguments);
    if (made != NULL && run->root == fill) {
        known(made, 0);
    }
    return made;
}

/* object: what every object has here, the default of its field */
PyObject *
put_given(Fill *fill, const Cell *cells, Run *run)
{
    (void)cells, (void)run;
    return Py_NewRef(fill->object);
}

/* object: what makes the default of a field */
PyObject *
put_made(Fill *fill, const Cell *cells, Run *run)
{
    (void)cells, (void)run;
    return PyObject_CallNoArgs(fill->object);
}
