/* Nodes of a program: what cells are put together into. */

#include "native.h"

static int
indexes_set(Py_ssize_t **indexes, Py_ssize_t *count, PyObject *tuple)
{
    if (is_tuple(tuple, "indexes are a tuple") < 0) {
        return -1;
    }
    *indexes = PyMem_New(Py_ssize_t, (size_t)PyTuple_GET_SIZE(tuple) + 1);
    if (*indexes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(tuple); at++) {
        Py_ssize_t index = PyLong_AsSsize_t(PyTuple_GET_ITEM(tuple, at));
        if (index < 0) {
            return PyErr_Occurred() ? -1 : malformed("a negative index");
        }
        (*indexes)[at] = index;
    }
    *count = PyTuple_GET_SIZE(tuple);
    return 0;
}

/* How each kind of node takes the rest of its tuple. */

static int
take_leaf(Fill *fill, PyObject *spec)
{
    const char *name;
    PyObject *value;
    if (!PyArg_ParseTuple(spec, "snOp", &name, &fill->index, &value, &fill->nullable)) {
        return -1;
    }
    if (fill->index < 0) {
        return malformed("a negative index");
    }
    fill->value = value_new(value);
    return fill->value == NULL ? -1 : 0;
}

static int
set_parts(Fill *fill, PyObject *parts, PyObject *absent)
{
    if (is_tuple(parts, "parts are a tuple") < 0 ||
        indexes_set(&fill->absent, &fill->absent_count, absent) < 0) {
        return -1;
    }
    fill->parts = PyMem_Calloc((size_t)PyTuple_GET_SIZE(parts) + 1, sizeof(Fill *));
    if (fill->parts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(parts); at++) {
        fill->parts[at] = fill_new(PyTuple_GET_ITEM(parts, at));
        if (fill->parts[at] == NULL) {
            return -1;
        }
        fill->count = at + 1;
    }
    return 0;
}

static int
take_parts(Fill *fill, PyObject *spec)
{
    const char *name;
    PyObject *parts, *absent;
    if (!PyArg_ParseTuple(spec, "sOO", &name, &parts, &absent)) {
        return -1;
    }
    return set_parts(fill, parts, absent);
}

static int
take_after(Fill *fill, PyObject *spec)
{
    if (take_parts(fill, spec) < 0) {
        return -1;
    }
    return fill->count > 0 ? 0 : malformed("nothing to make");
}

static int
take_dict(Fill *fill, PyObject *spec)
{
    const char *name;
    PyObject *parts, *absent, *keys;
    if (!PyArg_ParseTuple(spec, "sOOO!", &name, &parts, &absent, &PyTuple_Type, &keys)) {
        return -1;
    }
    set_object(&fill->names, keys);
    if (set_parts(fill, parts, absent) < 0) {
        return -1;
    }
    return PyTuple_GET_SIZE(keys) == fill->count ? 0 : malformed("a key for each value");
}

static int
take_layout(Fill *fill, PyObject *spec)
{
    const char *name;
    PyObject *parts, *absent, *cls, *stores;
    int lazy = 0;
    if (!PyArg_ParseTuple(spec, "sOOOO|p", &name, &parts, &absent, &cls, &stores, &lazy) ||
        set_parts(fill, parts, absent) < 0 || layout_set(&fill->layout, cls, stores, lazy) < 0) {
        return -1;
    }
    return fill->layout.count == fill->count ? 0 : malformed("a place for each value");
}

static int
take_callable(Fill *fill, PyObject *spec)
{
    const char *name;
    PyObject *parts, *absent, *callable, *keywords;
    if (!PyArg_ParseTuple(spec, "sOOOO!", &name, &parts, &absent, &callable, &PyTuple_Type,
                          &keywords)) {
        return -1;
    }
    set_object(&fill->object, callable);
    if (PyTuple_GET_SIZE(keywords) > 0) {
        set_object(&fill->names, keywords);
    }
    if (set_parts(fill, parts, absent) < 0) {
        return -1;
    }
    return PyTuple_GET_SIZE(keywords) <= fill->count ? 0 : malformed("a value for each keyword");
}

static int
take_object(Fill *fill, PyObject *spec)
{
    const char *name;
    PyObject *object;
    if (!PyArg_ParseTuple(spec, "sO", &name, &object)) {
        return -1;
    }
    return set_object(&fill->object, object);
}

static int
take_subtuple(Fill *fill, PyObject *spec)
{
    const char *name;
    PyObject *parts, *absent, *cls;
    if (!PyArg_ParseTuple(spec, "sOOO", &name, &parts, &absent, &cls)) {
        return -1;
    }
    set_object(&fill->object, cls);
    if (!PyType_Check(cls) || !PyType_IsSubtype((PyTypeObject *)cls, &PyTuple_Type)) {
        return malformed("a class that is no tuple");
    }
    return set_parts(fill, parts, absent);
}

static const struct {
    const char *name;
    Put put;
    int (*take)(Fill *, PyObject *);
} FILLS[] = {
    {"leaf", put_leaf, take_leaf},          {"tuple", put_tuple, take_parts},
    {"after", put_after, take_after},       {"dict", put_dict, take_dict},
    {"object", put_object, take_layout},    {"call", put_call, take_callable},
    {"subtuple", put_subtuple, take_subtuple}, {"given", put_given, take_object},
    {"made", put_made, take_object},
};

Fill *
fill_new(PyObject *spec)
{
    if (!PyTuple_Check(spec) || PyTuple_GET_SIZE(spec) == 0 ||
        !PyUnicode_Check(PyTuple_GET_ITEM(spec, 0))) {
        malformed("a node is a tuple that begins with its kind");
        return NULL;
    }
    if (Py_EnterRecursiveCall(" in a program")) {
        return NULL;
    }
    Fill *fill = PyMem_Calloc(1, sizeof(Fill));
    if (fill == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    const size_t kinds = sizeof(FILLS) / sizeof(FILLS[0]);
    size_t kind = 0;
    while (kind < kinds &&
           PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(spec, 0), FILLS[kind].name) != 0) {
        kind++;
    }
    int taken = kind < kinds ? FILLS[kind].take(fill, spec) : malformed("no such kind of node");
    if (taken < 0) {
        fill_free(fill);
        fill = NULL;
    }
    else {
        fill->put = FILLS[kind].put;
        fill->flat = is_flat(fill);
    }
done:
    Py_LeaveRecursiveCall();
    return fill;
}

void
fill_free(Fill *fill)
{
    if (fill == NULL) {
        return;
    }
    for (Py_ssize_t at = 0; at < fill->count; at++) {
        fill_free(fill->parts[at]);
    }
    PyMem_Free(fill->parts);
    PyMem_Free(fill->absent);
    value_free(fill->value);
    layout_clear(&fill->layout);
    Py_XDECREF(fill->object);
    Py_XDECREF(fill->names);
    PyMem_Free(fill);
}

int
fill_visit(Fill *fill, visitproc visit, void *arg)
{
    if (fill == NULL) {
        return 0;
    }
    Py_VISIT(fill->object);
    int stopped = layout_visit(&fill->layout, visit, arg);
    stopped = stopped ? stopped : value_visit(fill->value, visit, arg);
    for (Py_ssize_t at = 0; !stopped && at < fill->count; at++) {
        stopped = fill_visit(fill->parts[at], visit, arg);
    }
    return stopped;
}

Py_ssize_t
fill_width(const Fill *fill)
{
    Py_ssize_t width = fill->value != NULL ? fill->index : -1;
    for (Py_ssize_t at = 0; at < fill->absent_count; at++) {
        width = fill->absent[at] > width ? fill->absent[at] : width;
    }
    for (Py_ssize_t at = 0; at < fill->count; at++) {
        Py_ssize_t inner = fill_width(fill->parts[at]);
        width = inner > width ? inner : width;
    }
    return width;
}
