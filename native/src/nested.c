/* Values with others inside: arrays, composites, records, ranges. Every length is checked here. */

#include "native.h"

/* Arrays */

/* Read an array's head; return how many dimensions it has, -1 if it is not as it should be. */
int
array_head(Cursor *cursor, uint32_t oid, Py_ssize_t dims[MOST_DIMENSIONS])
{
    int32_t count, flags, element, size, lower;
    if (take32(cursor, &count) < 0 || take32(cursor, &flags) < 0 || take32(cursor, &element) < 0) {
        return -1;
    }
    if (count < 0 || count > MOST_DIMENSIONS || (uint32_t)element != oid) {
        return -1;
    }
    /* Each element has at least its length: this bounds what is allocated for them. */
    Py_ssize_t elements = 1;
    for (int at = 0; at < count; at++) {
        if (take32(cursor, &size) < 0 || take32(cursor, &lower) < 0 || size <= 0) {
            return -1;
        }
        if (size > cursor->left / 4 / elements) {
            return -1;
        }
        elements *= size;
        dims[at] = size;
    }
    return count;
}

/* Turn a list into the container that a dimension is wanted in. Takes the list's reference. */
static PyObject *
contained(PyObject *list, PyObject *container)
{
    if (list == NULL || container == NULL || container == (PyObject *)&PyList_Type) {
        return list;
    }
    PyObject *made;
    if (container == (PyObject *)&PyTuple_Type) {
        made = PyList_AsTuple(list);
    }
    else if (container == (PyObject *)&PySet_Type) {
        made = PySet_New(list);
    }
    else if (container == (PyObject *)&PyFrozenSet_Type) {
        made = PyFrozenSet_New(list);
    }
    else {
        made = PyObject_CallOneArg(container, list);
    }
    Py_DECREF(list);
    return made;
}

/* The containers of the dimensions; one that is not named is a list. */
static PyObject *
container_of(Value *value, int dimension)
{
    if (value->object == NULL || dimension >= PyTuple_GET_SIZE(value->object)) {
        return NULL;
    }
    return PyTuple_GET_ITEM(value->object, dimension);
}

static PyObject *
read_dimension(Value *value, Cursor *cursor, const Py_ssize_t *dims, int at, int count, Run *run)
{
    PyObject *list = PyList_New(dims[at]);
    if (list == NULL) {
        return NULL;
    }
    /* Nobody may come across a list with holes while elements are made by Python code. */
    PyObject_GC_UnTrack(list);
    for (Py_ssize_t i = 0; i < dims[at]; i++) {
        PyObject *item = NULL;
        Cell cell;
        if (at + 1 < count) {
            item = read_dimension(value, cursor, dims, at + 1, count, run);
        }
        else if (take_cell(cursor, &cell) == 0) {
            item = read_cell(value->inner, &cell, value->nullable, run);
        }
        if (item == NULL) {
            PyObject_GC_Track(list);
            Py_DECREF(list);
            return NULL;
        }
        PyList_SET_ITEM(list, i, item);
    }
    PyObject_GC_Track(list);
    return contained(list, container_of(value, at));
}

/* oid: of the elements; object: a container for each dimension, NULL for any number of lists */
PyObject *
read_array(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    Cursor cursor = {data, length};
    Py_ssize_t dims[MOST_DIMENSIONS];
    int count = array_head(&cursor, value->oid, dims);
    if (count < 0) {
        return NULL;
    }
    PyObject *made;
    if (count == 0) {
        made = contained(PyList_New(0), container_of(value, 0));
    }
    else {
        /* one container after the first says how many dimensions there must be */
        if (value->object != NULL && value->count && count != value->count) {
            return NULL;
        }
        made = read_dimension(value, &cursor, dims, 0, count, run);
    }
    if (made != NULL && cursor.left != 0) {
        Py_CLEAR(made);
    }
    return made;
}

/* An array of as many elements as a tuple has. */
PyObject *
read_array_tuple(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    Cursor cursor = {data, length};
    Py_ssize_t dims[MOST_DIMENSIONS];
    int count = array_head(&cursor, value->oid, dims);
    if (count < 0 || (count == 0 ? 0 : count == 1 ? dims[0] : -1) != value->count) {
        return NULL;
    }
    Cell few[ON_STACK];
    Cell *cells = few;
    if (value->count > ON_STACK) {
        cells = PyMem_New(Cell, (size_t)value->count);
        if (cells == NULL) {
            return PyErr_NoMemory();
        }
    }
    PyObject *made = NULL;
    Py_ssize_t at = 0;
    while (at < value->count && take_cell(&cursor, &cells[at]) == 0) {
        at++;
    }
    if (at == value->count && cursor.left == 0) {
        made = value->fill->put(value->fill, cells, run);
    }
    if (cells != few) {
        PyMem_Free(cells);
    }
    return made;
}

/* pgvector: a count, a word that is 0, and numbers of four bytes */
PyObject *
read_vector(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)run;
    Py_ssize_t count = length < 4 ? -1 : load16(data);
    if (count < 0 || length != 4 + 4 * count) {
        return NULL;
    }
    PyObject *list = PyList_New(count);
    for (Py_ssize_t at = 0; list != NULL && at < count; at++) {
        PyObject *number = read_float4(value, data + 4 + 4 * at, 4, run);
        if (number == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, at, number);
    }
    return contained(list, value->object);
}

/* Composites and records */

/* Tell whether a record has fields of just these types. */
static int
has_types(const char *data, Py_ssize_t length, const uint32_t *oids, Py_ssize_t wanted, Cell *cells)
{
    Cursor cursor = {data, length};
    int32_t count, oid;
    if (take32(&cursor, &count) < 0 || count != wanted) {
        return 0;
    }
    for (Py_ssize_t at = 0; at < wanted; at++) {
        if (take32(&cursor, &oid) < 0 || (uint32_t)oid != oids[at] ||
            take_cell(&cursor, &cells[at]) < 0) {
            return 0;
        }
    }
    return cursor.left == 0;
}

/* Make what a composite's fields become; `other`, if given, is set if it has fields of other types. */
static PyObject *
composite_of(Value *value, const char *data, Py_ssize_t length, Run *run, int *other)
{
    Cell few[ON_STACK];
    Cell *cells = few;
    if (value->count > ON_STACK) {
        cells = PyMem_New(Cell, (size_t)value->count);
        if (cells == NULL) {
            return PyErr_NoMemory();
        }
    }
    PyObject *made = NULL;
    if (has_types(data, length, value->oids, value->count, cells)) {
        made = value->fill->put(value->fill, cells, run);
    }
    else if (other != NULL) {
        *other = 1;
    }
    if (cells != few) {
        PyMem_Free(cells);
    }
    return made;
}

/* oids, count: of its attributes; fill: what becomes of them */
PyObject *
read_composite(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    return composite_of(value, data, length, run, NULL);
}

/* Return the types of a record's fields as a tuple. */
static PyObject *
types_of(const char *data, Py_ssize_t length)
{
    Cursor cursor = {data, length};
    int32_t count, oid;
    Cell cell;
    /* each field has a type and a length */
    if (take32(&cursor, &count) < 0 || count < 0 || count > cursor.left / 8) {
        return NULL;
    }
    PyObject *oids = PyTuple_New(count);
    for (Py_ssize_t at = 0; oids != NULL && at < count; at++) {
        PyObject *number = NULL;
        if (take32(&cursor, &oid) == 0 && take_cell(&cursor, &cell) == 0) {
            number = PyLong_FromUnsignedLong((uint32_t)oid);
        }
        if (number == NULL) {
            Py_CLEAR(oids);
            break;
        }
        PyTuple_SET_ITEM(oids, at, number);
    }
    return oids;
}

/* Ask for the Value that reads records of just these types, and keep it for the next one. */
static PyObject *
known_for(Value *value, const char *data, Py_ssize_t length)
{
    PyObject *oids = types_of(data, length);
    if (oids == NULL) {
        return NULL;
    }
    PyObject *known = PyObject_CallOneArg(value->object, oids);
    Py_DECREF(oids);
    if (known == NULL) {
        return NULL;
    }
    if (!is_value(known) || ((ValueObject *)known)->value->read != read_composite) {
        Py_DECREF(known);
        return NULL;
    }
    Py_XSETREF(value->other, Py_NewRef(known));
    return known;
}

/* object: a function of a tuple of types, which returns the Value that reads such records and
 * keeps it; other: the one used last */
PyObject *
read_record(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    if (run->depth >= MOST_NESTED) {
        return NULL;
    }
    /* Held while it reads: Python code in between may put another one in its place. */
    PyObject *known = Py_XNewRef(value->other), *made = NULL;
    int other = known == NULL;
    run->depth++;
    if (known != NULL) {
        made = composite_of(((ValueObject *)known)->value, data, length, run, &other);
    }
    if (other) {
        Py_XSETREF(known, known_for(value, data, length));
        if (known != NULL) {
            made = composite_of(((ValueObject *)known)->value, data, length, run, NULL);
        }
    }
    run->depth--;
    Py_XDECREF(known);
    return made;
}

/* Ranges */

enum { EMPTY = 1, LOWER_INC = 2, UPPER_INC = 4, LOWER_INF = 8, UPPER_INF = 16 };

/* object: Range; other: (Range.empty, "()", "[)", "(]", "[]"); inner: of its bounds */
PyObject *
read_range(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    if (length < 1) {
        return NULL;
    }
    int flags = (unsigned char)data[0];
    Cursor cursor = {data + 1, length - 1};
    if (flags & EMPTY) {
        return length == 1 ? PyObject_CallNoArgs(PyTuple_GET_ITEM(value->other, 0)) : NULL;
    }
    PyObject *bounds[2] = {NULL, NULL};
    PyObject *made = NULL;
    for (int side = 0; side < 2; side++) {
        Cell cell;
        if (flags & (side ? UPPER_INF : LOWER_INF)) {
            bounds[side] = Py_NewRef(Py_None);
        }
        else if (take_cell(&cursor, &cell) == 0) {
            bounds[side] = read_cell(value->inner, &cell, 0, run);
        }
        if (bounds[side] == NULL) {
            goto done;
        }
    }
    if (cursor.left == 0) {
        int which = 1 + !!(flags & LOWER_INC) + 2 * !!(flags & UPPER_INC);
        made = PyObject_CallFunctionObjArgs(value->object, bounds[0], bounds[1],
                                            PyTuple_GET_ITEM(value->other, which), NULL);
    }
done:
    Py_XDECREF(bounds[0]);
    Py_XDECREF(bounds[1]);
    return made;
}

/* object: Multirange; inner: the range */
PyObject *
read_multirange(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    Cursor cursor = {data, length};
    int32_t count;
    if (take32(&cursor, &count) < 0 || count < 0 || count > cursor.left / 4) {
        return NULL;
    }
    PyObject *list = PyList_New(0);
    if (list == NULL) {
        return NULL;
    }
    for (int32_t at = 0; at < count; at++) {
        Cell cell;
        PyObject *range = NULL;
        if (take_cell(&cursor, &cell) == 0) {
            range = read_cell(value->inner, &cell, 0, run);
        }
        if (range == NULL || PyList_Append(list, range) < 0) {
            Py_XDECREF(range);
            Py_DECREF(list);
            return NULL;
        }
        Py_DECREF(range);
    }
    PyObject *made = cursor.left == 0 ? PyObject_CallOneArg(value->object, list) : NULL;
    Py_DECREF(list);
    return made;
}
