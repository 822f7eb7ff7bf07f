/* liteorm-native: reads results of libpq into objects, by a plan that liteorm made.
 *
 * One rule goes through all of it: what is unusual is declined. A reader that returns NULL has not
 * read the value, whether an exception is set or not; the chunk of rows is then given to liteorm's
 * Python code, which reads it again or says what is wrong. So no error has its sentence here.
 */

#ifndef LITEORM_NATIVE_H
#define LITEORM_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

/* How deep values of types that only the data tells may stand inside each other. */
#define MOST_NESTED 64
/* PostgreSQL's own limit (MAXDIM). */
#define MOST_DIMENSIONS 6
/* Values of one object that are kept on the stack while it is put together. */
#define ON_STACK 32

typedef struct Value Value;
typedef struct Fill Fill;
typedef struct Library Library;

/* A column of a row, or a field of a record; `length` is -1 for NULL. */
typedef struct {
    const char *data;
    Py_ssize_t length;
} Cell;

/* What belongs to one call. */
typedef struct {
    int depth;
    const Fill *root; /* whose objects are not told to the collector yet; NULL: all are */
} Run;

typedef PyObject *(*Read)(Value *value, const char *data, Py_ssize_t length, Run *run);
typedef PyObject *(*Put)(Fill *fill, const Cell *cells, Run *run);

/* Where an attribute of a new object is stored: at an offset (slots), else by its name. */
typedef struct {
    PyObject *name;
    Py_ssize_t offset; /* -1: by name */
} Store;

/* A class whose objects are made without calling its constructor, which would only store. */
typedef struct {
    PyTypeObject *type;
    Store *stores;
    Py_ssize_t count;
    int lean; /* an object is nothing but slots: memory with zeros in it */
    int lazy; /* the collector knows an object only if it holds what the collector knows */
} Layout;

/* The types met most: called by name where values are read, as a call by pointer for each cell costs
 * as much as reading it. */
typedef enum { MET_SELDOM, MET_BOOL, MET_INT4, MET_INT8, MET_FLOAT8, MET_TEXT } Met;

/* How the bytes of one value, which is not NULL, become an object. */
struct Value {
    Read read;
    Met met;
    PyObject *object; /* a class or function, or what `object` means to `read` */
    PyObject *other;
    Value *inner; /* of what is inside */
    Fill *fill;   /* what a composite becomes */
    Layout layout;
    uint32_t oid;   /* of an array's elements */
    uint32_t *oids; /* of a composite's attributes */
    Py_ssize_t count;
    Py_ssize_t skip; /* bytes in front which are no part of the value */
    int nullable;    /* whether elements may be NULL */
    int plain;       /* whether it may read None, which then stands for NULL */
};

/* How cells become an object: the nodes of a plan. */
struct Fill {
    Put put;
    Py_ssize_t index; /* of a leaf, its cell */
    int nullable;
    Value *value;
    Fill **parts;
    Py_ssize_t count;
    PyObject *object;
    PyObject *names;
    Layout layout;
    int flat;           /* an object of a few cells and nothing inside, that is always there */
    Py_ssize_t *absent; /* cells that are all NULL where the object is not there */
    Py_ssize_t absent_count;
};

/* program.c, nodes.c: from the tuples that liteorm writes, and back to nothing. */
int malformed(const char *what);
int is_tuple(PyObject *object, const char *what);
int set_object(PyObject **place, PyObject *object);
Value *value_new(PyObject *spec);
void value_free(Value *value);
int value_visit(Value *value, visitproc visit, void *arg);
Fill *fill_new(PyObject *spec);
void fill_free(Fill *fill);
int fill_visit(Fill *fill, visitproc visit, void *arg);
int layout_set(Layout *layout, PyObject *cls, PyObject *stores, int lazy);
void layout_clear(Layout *layout);
int layout_visit(Layout *layout, visitproc visit, void *arg);
/* Where a member descriptor stores its object, -1 if it is not as it should be. */
Py_ssize_t offset_of(PyTypeObject *type, PyObject *descriptor);
/* The greatest cell that a fill looks at, -1 if none. */
Py_ssize_t fill_width(const Fill *fill);

/* A value that was made apart, for records whose types only the data tells. */
typedef struct {
    PyObject_HEAD
    Value *value;
} ValueObject;
extern PyType_Spec value_spec;
int is_value(PyObject *object);

/* build.c */
PyObject *put_after(Fill *fill, const Cell *cells, Run *run);
PyObject *put_leaf(Fill *fill, const Cell *cells, Run *run);
PyObject *put_tuple(Fill *fill, const Cell *cells, Run *run);
PyObject *put_dict(Fill *fill, const Cell *cells, Run *run);
PyObject *put_object(Fill *fill, const Cell *cells, Run *run);
PyObject *put_call(Fill *fill, const Cell *cells, Run *run);
PyObject *put_subtuple(Fill *fill, const Cell *cells, Run *run);
PyObject *put_given(Fill *fill, const Cell *cells, Run *run);
PyObject *put_made(Fill *fill, const Cell *cells, Run *run);
PyObject *layout_make(const Layout *layout, PyObject **values, int track);
/* Whether all that a row becomes can be told to the collector later than it is made. */
int may_be_late(const Fill *fill);
int is_flat(const Fill *fill);
PyObject *flat_make(const Layout *layout, PyObject **values, int track);
void drop(PyObject **values, Py_ssize_t count);
int is_atom(const Value *value);

/* scalars.c */
PyObject *read_bool(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_int2(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_int4(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_int8(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_uint4(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_uint8(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_float4(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_float8(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_text(Value *, const char *, Py_ssize_t, Run *);
PyObject *text_of(const char *data, Py_ssize_t length);
Met how_met(Read read);
PyObject *read_bytes(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_uuid(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_call(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_then(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_member(Value *, const char *, Py_ssize_t, Run *);

/* numeric.c */
PyObject *read_numeric(Value *, const char *, Py_ssize_t, Run *);

/* moments.c */
int moments_import(void);
PyObject *read_date(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_time(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_timestamp(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_timestamptz(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_timedelta(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_interval(Value *, const char *, Py_ssize_t, Run *);

/* nested.c */
PyObject *read_array(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_array_tuple(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_composite(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_record(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_range(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_multirange(Value *, const char *, Py_ssize_t, Run *);
PyObject *read_vector(Value *, const char *, Py_ssize_t, Run *);

/* Numbers as PostgreSQL sends them, from any address. */
static inline uint16_t
load16(const char *data)
{
    const unsigned char *byte = (const unsigned char *)data;
    return (uint16_t)((byte[0] << 8) | byte[1]);
}

static inline uint32_t
load32(const char *data)
{
    const unsigned char *byte = (const unsigned char *)data;
    return ((uint32_t)byte[0] << 24) | ((uint32_t)byte[1] << 16) | ((uint32_t)byte[2] << 8) |
           (uint32_t)byte[3];
}

static inline uint64_t
load64(const char *data)
{
    return ((uint64_t)load32(data) << 32) | load32(data + 4);
}

static inline void
store32(char *data, uint32_t number)
{
    data[0] = (char)(number >> 24);
    data[1] = (char)(number >> 16);
    data[2] = (char)(number >> 8);
    data[3] = (char)number;
}

/* Two's complement, without what C leaves to the implementation. */
static inline int32_t
signed32(uint32_t bits)
{
    int32_t number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static inline int64_t
signed64(uint64_t bits)
{
    int64_t number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static inline PyObject *
bool_of(const char *data, Py_ssize_t length)
{
    return length == 1 && !(data[0] & ~1) ? Py_NewRef(data[0] ? Py_True : Py_False) : NULL;
}

static inline PyObject *
int4_of(const char *data, Py_ssize_t length)
{
    return length == 4 ? PyLong_FromLong(signed32(load32(data))) : NULL;
}

static inline PyObject *
int8_of(const char *data, Py_ssize_t length)
{
    return length == 8 ? PyLong_FromLongLong(signed64(load64(data))) : NULL;
}

static inline PyObject *
float8_of(const char *data, Py_ssize_t length)
{
    if (length != 8) {
        return NULL;
    }
    uint64_t bits = load64(data);
    double number;
    memcpy(&number, &bits, sizeof(number));
    return PyFloat_FromDouble(number);
}

static inline PyObject *
read_value(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    switch (value->met) {
    case MET_BOOL:
        return bool_of(data, length);
    case MET_INT4:
        return int4_of(data, length);
    case MET_INT8:
        return int8_of(data, length);
    case MET_FLOAT8:
        return float8_of(data, length);
    case MET_TEXT:
        return length < value->skip ? NULL : text_of(data + value->skip, length - value->skip);
    default:
        return value->read(value, data, length, run);
    }
}

static inline PyObject *
read_cell(Value *value, const Cell *cell, int nullable, Run *run)
{
    if (cell->length < 0) {
        return nullable ? Py_NewRef(Py_None) : NULL;
    }
    PyObject *made = read_value(value, cell->data, cell->length, run);
    if (made == Py_None && value->plain && !nullable) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}

/* What is left to read of a value. */
typedef struct {
    const char *data;
    Py_ssize_t left;
} Cursor;

static inline int
take32(Cursor *cursor, int32_t *number)
{
    if (cursor->left < 4) {
        return -1;
    }
    *number = signed32(load32(cursor->data));
    cursor->data += 4;
    cursor->left -= 4;
    return 0;
}

/* Take a value with its length in front. */
static inline int
take_cell(Cursor *cursor, Cell *cell)
{
    int32_t length;
    if (take32(cursor, &length) < 0 || length < -1) {
        return -1;
    }
    cell->data = cursor->data;
    cell->length = length;
    if (length > 0) {
        if (length > cursor->left) {
            return -1;
        }
        cursor->data += length;
        cursor->left -= length;
    }
    return 0;
}

/* nested.c: the head of an array of these elements; how many dimensions, -1 if it is not good. */
int array_head(Cursor *cursor, uint32_t oid, Py_ssize_t dims[MOST_DIMENSIONS]);

/* records.c */
PyObject *library_record_types(PyObject *self, PyObject *args);

/* library.c: functions of the libpq that the driver has loaded. */
struct Library {
    PyObject_HEAD
    int (*ntuples)(const void *);
    int (*nfields)(const void *);
    int (*fformat)(const void *, int);
    int (*getisnull)(const void *, int, int);
    int (*getlength)(const void *, int, int);
    char *(*getvalue)(const void *, int, int);
    int (*version)(void);
};
extern PyType_Spec library_spec;
int is_library(PyObject *object);

/* encode.c */
extern PyType_Spec encoder_spec;

/* moments.c: values of exactly these classes as PostgreSQL counts them; 0 for any other. */
int date_days(PyObject *value, int32_t *days);
int time_us(PyObject *value, int64_t *us);
int moment_us(PyObject *value, int utc, int64_t *us);

/* waiting.c: nothing where the driver waits. */
int waiting_add(PyObject *module);

/* rows.c */
extern PyType_Spec rows_spec;
extern PyType_Spec each_spec;

#endif
