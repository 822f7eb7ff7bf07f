/* Objects into rows of COPY's binary form.
 *
 * The same rule as for reading: a value whose class is not exactly the one that a column means is
 * given to liteorm's own encoder; where that raises, or anything else is unusual, nothing is written
 * and Python encodes the objects again, or says which value does not fit.
 */

#include "native.h"

#include <structmember.h>

/* Bytes written so far. They go into the caller's bytearray when all objects are done. */
typedef struct {
    char *data;
    Py_ssize_t size;
    Py_ssize_t room;
} Out;

typedef struct Column Column;
typedef int (*Write)(const Column *column, PyObject *value, Out *out);

struct Column {
    Write write;
    PyObject *name;    /* of the attribute, or the key */
    Py_ssize_t offset; /* of its slot, -1: by name */
    PyObject *binary;  /* liteorm's encoder: any value to bytes */
    PyObject *cls;     /* the class whose values are written here, if it is not one of Python's own */
    Py_ssize_t inner;  /* of a UUID, the offset of its number */
    int required;      /* None is for Python to refuse */
};

typedef struct {
    PyObject_HEAD
    PyTypeObject *type; /* whose slots the offsets are of */
    int keys;           /* objects are dicts */
    Py_ssize_t size;    /* which have so many keys; -1: any number */
    Column *columns;
    Py_ssize_t count;
    Py_ssize_t guess; /* bytes that the last objects took */
} Encoder;

/* Make room for more bytes; return where they go, NULL for none. */
static char *
room_for(Out *out, Py_ssize_t more)
{
    if (more > PY_SSIZE_T_MAX / 4 - out->size) {
        PyErr_NoMemory();
        return NULL;
    }
    if (out->size + more > out->room) {
        Py_ssize_t room = 2 * (out->size + more) + 1024;
        char *data = PyMem_Realloc(out->data, (size_t)room);
        if (data == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        out->data = data;
        out->room = room;
    }
    char *place = out->data + out->size;
    out->size += more;
    return place;
}

static int
write_bytes(Out *out, const char *data, Py_ssize_t length)
{
    char *place = length <= INT32_MAX ? room_for(out, 4 + length) : NULL;
    if (place == NULL) {
        return -1;
    }
    store32(place, (uint32_t)length);
    memcpy(place + 4, data, (size_t)length);
    return 0;
}

static int
write_number(Out *out, uint64_t bits, int size)
{
    char *place = room_for(out, 4 + size);
    if (place == NULL) {
        return -1;
    }
    store32(place, (uint32_t)size);
    for (int at = 0; at < size; at++) {
        place[4 + at] = (char)(bits >> (8 * (size - 1 - at)));
    }
    return 0;
}

/* Any value, by liteorm's own encoder. */
static int
write_other(const Column *column, PyObject *value, Out *out)
{
    PyObject *made = PyObject_CallOneArg(column->binary, value);
    if (made == NULL) {
        return -1;
    }
    Py_buffer view;
    int written = PyObject_GetBuffer(made, &view, PyBUF_SIMPLE);
    if (written == 0) {
        written = write_bytes(out, view.buf, view.len);
        PyBuffer_Release(&view);
    }
    Py_DECREF(made);
    return written;
}

static int
write_bool(const Column *column, PyObject *value, Out *out)
{
    if (!PyBool_Check(value)) {
        return write_other(column, value, out);
    }
    return write_number(out, value == Py_True, 1);
}

static int
write_int(const Column *column, PyObject *value, Out *out, int size)
{
    if (!PyLong_CheckExact(value)) {
        return write_other(column, value, out);
    }
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    long long most = size == 8 ? INT64_MAX : size == 4 ? INT32_MAX : INT16_MAX;
    if (overflow || number > most || number < -most - 1 || (number == -1 && PyErr_Occurred())) {
        return -1;
    }
    return write_number(out, (uint64_t)number, size);
}

static int
write_int2(const Column *column, PyObject *value, Out *out)
{
    return write_int(column, value, out, 2);
}

static int
write_int4(const Column *column, PyObject *value, Out *out)
{
    return write_int(column, value, out, 4);
}

static int
write_int8(const Column *column, PyObject *value, Out *out)
{
    return write_int(column, value, out, 8);
}

static int
write_float4(const Column *column, PyObject *value, Out *out)
{
    /* beyond these the encoder tells what fits, infinities and what would become 0 among it */
    double number = PyFloat_CheckExact(value) ? PyFloat_AS_DOUBLE(value) : Py_HUGE_VAL;
    if (!(number >= -3e38 && number <= 3e38) || (number != 0 && fabs(number) < 1e-37)) {
        return write_other(column, value, out);
    }
    float narrow = (float)number;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof(bits));
    return write_number(out, bits, 4);
}

static int
write_float8(const Column *column, PyObject *value, Out *out)
{
    if (!PyFloat_CheckExact(value)) {
        return write_other(column, value, out);
    }
    double number = PyFloat_AS_DOUBLE(value);
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return write_number(out, bits, 8);
}

static int
write_text(const Column *column, PyObject *value, Out *out)
{
    if (!PyUnicode_CheckExact(value)) {
        return write_other(column, value, out);
    }
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(value, &length);
    /* PostgreSQL's text cannot hold the character NUL */
    if (text == NULL || memchr(text, 0, (size_t)length) != NULL) {
        return -1;
    }
    return write_bytes(out, text, length);
}

static int
write_bytea(const Column *column, PyObject *value, Out *out)
{
    if (!PyBytes_CheckExact(value)) {
        return write_other(column, value, out);
    }
    return write_bytes(out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
}

static int
write_date(const Column *column, PyObject *value, Out *out)
{
    int32_t days;
    return date_days(value, &days) ? write_number(out, (uint32_t)days, 4)
                                   : write_other(column, value, out);
}

static int
write_time(const Column *column, PyObject *value, Out *out)
{
    int64_t us;
    return time_us(value, &us) ? write_number(out, (uint64_t)us, 8)
                               : write_other(column, value, out);
}

static int
write_timestamp(const Column *column, PyObject *value, Out *out)
{
    int64_t us;
    return moment_us(value, 0, &us) ? write_number(out, (uint64_t)us, 8)
                                    : write_other(column, value, out);
}

static int
write_timestamptz(const Column *column, PyObject *value, Out *out)
{
    int64_t us;
    return moment_us(value, 1, &us) ? write_number(out, (uint64_t)us, 8)
                                    : write_other(column, value, out);
}

static int
write_uuid(const Column *column, PyObject *value, Out *out)
{
    PyObject *number = NULL;
    if ((PyObject *)Py_TYPE(value) == column->cls) {
        number = *(PyObject **)((char *)value + column->inner);
    }
    if (number == NULL || !PyLong_CheckExact(number)) {
        return write_other(column, value, out);
    }
    unsigned char bytes[16];
    Py_INCREF(number);
#if PY_VERSION_HEX >= 0x030D0000
    Py_ssize_t size = PyLong_AsNativeBytes(
        number, bytes, 16,
        Py_ASNATIVEBYTES_BIG_ENDIAN | Py_ASNATIVEBYTES_UNSIGNED_BUFFER |
            Py_ASNATIVEBYTES_REJECT_NEGATIVE);
    int failed = size < 0 || size > 16;
#else
    int failed = _PyLong_AsByteArray((PyLongObject *)number, bytes, 16, 0, 0) < 0;
#endif
    Py_DECREF(number);
    return failed ? -1 : write_bytes(out, (const char *)bytes, 16);
}

static const struct {
    const char *name;
    Write write;
} WRITES[] = {
    {"bool", write_bool},           {"int2", write_int2},
    {"int4", write_int4},           {"int8", write_int8},
    {"float4", write_float4},       {"float8", write_float8},
    {"text", write_text},           {"bytes", write_bytea},
    {"date", write_date},           {"time", write_time},
    {"timestamp", write_timestamp}, {"timestamptz", write_timestamptz},
    {"uuid", write_uuid},           {"other", write_other},
};

/* Return a new reference to a column's value in an object. */
static PyObject *
value_in(const Encoder *self, const Column *column, PyObject *object)
{
    if (self->keys) {
        PyObject *found =
            PyDict_CheckExact(object) ? PyDict_GetItemWithError(object, column->name) : NULL;
        return Py_XNewRef(found);
    }
    if (column->offset >= 0 && Py_TYPE(object) == self->type) {
        return Py_XNewRef(*(PyObject **)((char *)object + column->offset));
    }
    return PyObject_GetAttr(object, column->name);
}

static int
write_row(const Encoder *self, PyObject *object, Out *out)
{
    if (self->size >= 0 && (!PyDict_CheckExact(object) || PyDict_GET_SIZE(object) != self->size)) {
        return -1;
    }
    char *head = room_for(out, 2);
    if (head == NULL) {
        return -1;
    }
    head[0] = (char)(self->count >> 8);
    head[1] = (char)self->count;
    for (Py_ssize_t at = 0; at < self->count; at++) {
        const Column *column = &self->columns[at];
        PyObject *value = value_in(self, column, object);
        if (value == NULL) {
            return -1;
        }
        int written;
        if (value == Py_None && column->required) {
            written = -1;
        }
        else if (value == Py_None) {
            char *place = room_for(out, 4);
            written = place == NULL ? -1 : 0;
            if (place != NULL) {
                memset(place, 0xFF, 4);
            }
        }
        else {
            written = column->write(column, value, out);
        }
        Py_DECREF(value);
        if (written < 0) {
            return -1;
        }
    }
    return 0;
}

PyDoc_STRVAR(encoder_encode_doc,
"encode(objects, buffer, exact=False)\n"
"--\n\n"
"Append the rows of a list of objects to a bytearray.\n\n"
"Return False, and append nothing, where one of them is for Python to judge, or (`exact`) of another\n"
"class than the encoder's.");

static PyObject *
encoder_encode(PyObject *object, PyObject *args)
{
    Encoder *self = (Encoder *)object;
    PyObject *objects, *buffer;
    int exact = 0;
    if (!PyArg_ParseTuple(args, "O!O!|p", &PyList_Type, &objects, &PyByteArray_Type, &buffer,
                          &exact)) {
        return NULL;
    }
    Out out = {NULL, 0, 0};
    int written = 0;
    if (self->guess > 0 && room_for(&out, self->guess) == NULL) {
        PyErr_Clear();
    }
    out.size = 0;
    /* Encoders of the user's may do anything to the list meanwhile. */
    for (Py_ssize_t at = 0; written == 0 && at < PyList_GET_SIZE(objects); at++) {
        PyObject *item = Py_NewRef(PyList_GET_ITEM(objects, at));
        written = exact && Py_TYPE(item) != self->type ? -1 : write_row(self, item, &out);
        Py_DECREF(item);
    }
    if (written == 0 && out.size > 0) {
        self->guess = out.size / 2;
        Py_ssize_t before = PyByteArray_GET_SIZE(buffer);
        written = PyByteArray_Resize(buffer, before + out.size);
        if (written == 0) {
            memcpy(PyByteArray_AS_STRING(buffer) + before, out.data, (size_t)out.size);
        }
    }
    PyMem_Free(out.data);
    if (written == 0) {
        Py_RETURN_TRUE;
    }
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) {
        return NULL;
    }
    PyErr_Clear();
    Py_RETURN_FALSE;
}

/* spec: (kind, name, slot or None, binary, required), for a UUID with its class and the slot of its
   number */
static int
column_set(Column *column, PyTypeObject *type, PyObject *spec)
{
    const char *kind;
    PyObject *name, *slot, *binary, *cls = NULL, *inner = NULL;
    if (!PyArg_ParseTuple(spec, "sUOOp|OO", &kind, &name, &slot, &binary, &column->required, &cls,
                          &inner)) {
        return -1;
    }
    column->name = Py_NewRef(name);
    PyUnicode_InternInPlace(&column->name);
    column->binary = Py_NewRef(binary);
    column->offset = -1;
    if (slot != Py_None && (column->offset = offset_of(type, slot)) < 0) {
        PyErr_SetString(PyExc_ValueError, "malformed program: no slot of an object");
        return -1;
    }
    for (size_t at = 0; at < sizeof(WRITES) / sizeof(WRITES[0]); at++) {
        if (strcmp(kind, WRITES[at].name) == 0) {
            column->write = WRITES[at].write;
        }
    }
    if (column->write == write_uuid) {
        column->inner = cls == NULL || inner == NULL || !PyType_Check(cls)
                            ? -1
                            : offset_of((PyTypeObject *)cls, inner);
        column->cls = Py_XNewRef(cls);
        if (column->inner < 0) {
            column->write = NULL;
        }
    }
    if (column->write == NULL) {
        PyErr_SetString(PyExc_ValueError, "malformed program: no such kind of column");
        return -1;
    }
    return 0;
}

static PyObject *
encoder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *cls, *columns;
    int keys;
    Py_ssize_t size;
    static char *keywords[] = {"cls", "keys", "size", "columns", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!pnO!", keywords, &PyType_Type, &cls, &keys,
                                     &size, &PyTuple_Type, &columns)) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(columns) > INT16_MAX) {
        PyErr_SetString(PyExc_ValueError, "malformed program: too many columns");
        return NULL;
    }
    Encoder *self = (Encoder *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->type = (PyTypeObject *)Py_NewRef(cls);
    self->keys = keys;
    self->size = size;
    self->columns = PyMem_Calloc((size_t)PyTuple_GET_SIZE(columns) + 1, sizeof(Column));
    if (self->columns == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(columns); at++) {
        self->count = at + 1;
        PyObject *spec = PyTuple_GET_ITEM(columns, at);
        if (!PyTuple_Check(spec)) {
            PyErr_SetString(PyExc_ValueError, "malformed program: a column is a tuple");
        }
        else if (column_set(&self->columns[at], self->type, spec) == 0) {
            continue;
        }
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
encoder_traverse(PyObject *object, visitproc visit, void *arg)
{
    Encoder *self = (Encoder *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->type);
    for (Py_ssize_t at = 0; at < self->count; at++) {
        Py_VISIT(self->columns[at].binary);
        Py_VISIT(self->columns[at].cls);
    }
    return 0;
}

static void
encoder_dealloc(PyObject *object)
{
    Encoder *self = (Encoder *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    for (Py_ssize_t at = 0; at < self->count; at++) {
        Py_XDECREF(self->columns[at].name);
        Py_XDECREF(self->columns[at].binary);
        Py_XDECREF(self->columns[at].cls);
    }
    PyMem_Free(self->columns);
    Py_XDECREF(self->type);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef encoder_methods[] = {
    {"encode", encoder_encode, METH_VARARGS, encoder_encode_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot encoder_slots[] = {
    {Py_tp_doc, "How objects of a class become rows of COPY's binary form."},
    {Py_tp_new, encoder_new},
    {Py_tp_dealloc, encoder_dealloc},
    {Py_tp_traverse, encoder_traverse},
    {Py_tp_methods, encoder_methods},
    {0, NULL},
};

PyType_Spec encoder_spec = {
    .name = "liteorm_native.Encoder",
    .basicsize = sizeof(Encoder),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = encoder_slots,
};
