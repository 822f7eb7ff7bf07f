/* The types inside the anonymous records of a column, which only its values tell. */

#include "native.h"

enum { RECORD = 2249, RECORDS = 2287, MOST_TYPES = 64 };

/* The types met so far; `last` is most often the next one. */
typedef struct {
    uint32_t oids[MOST_TYPES];
    int count;
} Seen;

static int
see(Seen *seen, uint32_t oid)
{
    for (int at = 0; at < seen->count; at++) {
        if (seen->oids[at] == oid) {
            return 0;
        }
    }
    if (seen->count == MOST_TYPES) {
        return -1;
    }
    seen->oids[seen->count++] = oid;
    return 0;
}

/* Each of these returns -1 for bytes that are not as they should be, and for too many types. */

static int walk_records(Cursor *cursor, Seen *seen, int depth);

static int
walk_record(Cursor *cursor, Seen *seen, int depth)
{
    int32_t count, oid;
    if (depth >= MOST_NESTED || take32(cursor, &count) < 0 || count < 0) {
        return -1;
    }
    for (int32_t at = 0; at < count; at++) {
        Cell cell;
        if (take32(cursor, &oid) < 0 || take_cell(cursor, &cell) < 0) {
            return -1;
        }
        if ((uint32_t)oid != RECORD && (uint32_t)oid != RECORDS) {
            if (see(seen, (uint32_t)oid) < 0) {
                return -1;
            }
        }
        else if (cell.length >= 0) {
            Cursor inner = {cell.data, cell.length};
            int walked = (uint32_t)oid == RECORD ? walk_record(&inner, seen, depth + 1)
                                                 : walk_records(&inner, seen, depth + 1);
            if (walked < 0) {
                return -1;
            }
        }
    }
    return cursor->left == 0 ? 0 : -1;
}

static int
walk_records(Cursor *cursor, Seen *seen, int depth)
{
    Py_ssize_t dims[MOST_DIMENSIONS];
    if (depth >= MOST_NESTED || array_head(cursor, RECORD, dims) < 0) {
        return -1;
    }
    while (cursor->left > 0) {
        Cell cell;
        if (take_cell(cursor, &cell) < 0) {
            return -1;
        }
        if (cell.length >= 0) {
            Cursor inner = {cell.data, cell.length};
            if (walk_record(&inner, seen, depth + 1) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* Return the types in a column of records (or arrays of them) as a tuple; None: Python is to look. */
PyObject *
library_record_types(PyObject *self, PyObject *args)
{
    const Library *library = (Library *)self;
    PyObject *address;
    int column, arrays;
    if (!PyArg_ParseTuple(args, "Oip", &address, &column, &arrays)) {
        return NULL;
    }
    void *result = address == Py_None ? NULL : PyLong_AsVoidPtr(address);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (result == NULL || column < 0 || column >= library->nfields(result) ||
        library->fformat(result, column) != 1) {
        Py_RETURN_NONE;
    }
    Seen seen = {.count = 0};
    int rows = library->ntuples(result);
    for (int row = 0; row < rows; row++) {
        int length = library->getlength(result, row, column);
        if (length <= 0) {
            if (library->getisnull(result, row, column)) {
                continue;
            }
            Py_RETURN_NONE;
        }
        Cursor cursor = {library->getvalue(result, row, column), length};
        if ((arrays ? walk_records(&cursor, &seen, 0) : walk_record(&cursor, &seen, 0)) < 0) {
            Py_RETURN_NONE;
        }
    }
    PyObject *types = PyTuple_New(seen.count);
    for (int at = 0; types != NULL && at < seen.count; at++) {
        PyObject *oid = PyLong_FromUnsignedLong(seen.oids[at]);
        if (oid == NULL) {
            Py_CLEAR(types);
            break;
        }
        PyTuple_SET_ITEM(types, at, oid);
    }
    return types;
}
