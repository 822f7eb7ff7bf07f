/* Values that have nothing inside, and steps that call Python with one. */

#include "native.h"

PyObject *
read_bool(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    return bool_of(data, length);
}

PyObject *
read_int2(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    if (length != 2) {
        return NULL;
    }
    int32_t number = load16(data);
    return PyLong_FromLong(number >= 0x8000 ? number - 0x10000 : number);
}

PyObject *
read_int4(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    return int4_of(data, length);
}

PyObject *
read_int8(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    return int8_of(data, length);
}

PyObject *
read_uint4(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    return length == 4 ? PyLong_FromUnsignedLong(load32(data)) : NULL;
}

PyObject *
read_uint8(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    return length == 8 ? PyLong_FromUnsignedLongLong(load64(data)) : NULL;
}

PyObject *
read_float4(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    if (length != 4) {
        return NULL;
    }
    uint32_t bits = load32(data);
    float number;
    memcpy(&number, &bits, sizeof(number));
    return PyFloat_FromDouble((double)number);
}

PyObject *
read_float8(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    return float8_of(data, length);
}

static uint64_t
eight_bytes(const char *data)
{
    uint64_t bytes;
    memcpy(&bytes, data, sizeof(bytes));
    return bytes;
}

/* Most text is ASCII and short, where Python's decoder takes longer to begin than to decode. */
PyObject *
text_of(const char *data, Py_ssize_t length)
{
    if (length < 8) {
        return PyUnicode_DecodeUTF8(data, length, NULL);
    }
    /* The last eight bytes may be looked at twice. */
    uint64_t seen = eight_bytes(data + length - 8);
    for (Py_ssize_t at = 0; at < length - 8; at += 8) {
        seen |= eight_bytes(data + at);
    }
    if (seen & 0x8080808080808080u) {
        return PyUnicode_DecodeUTF8(data, length, NULL);
    }
    PyObject *text = PyUnicode_New(length, 127);
    if (text != NULL) {
        memcpy(PyUnicode_DATA(text), data, (size_t)length);
    }
    return text;
}

PyObject *
read_text(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)run;
    return length < value->skip ? NULL : text_of(data + value->skip, length - value->skip);
}

Met
how_met(Read read)
{
    return read == read_bool     ? MET_BOOL
           : read == read_int4   ? MET_INT4
           : read == read_int8   ? MET_INT8
           : read == read_float8 ? MET_FLOAT8
           : read == read_text   ? MET_TEXT
                                 : MET_SELDOM;
}

PyObject *
read_bytes(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    return PyBytes_FromStringAndSize(data, length);
}

static PyObject *
integer_of_16_bytes(const char *data)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyLong_FromUnsignedNativeBytes(data, 16, Py_ASNATIVEBYTES_BIG_ENDIAN);
#else
    return _PyLong_FromByteArray((const unsigned char *)data, 16, 0, 0);
#endif
}

/* object: what every UUID has beside its number (SafeUUID.unknown). The collector need not know a
 * UUID, which never changes and holds nothing that could lead back to it. */
PyObject *
read_uuid(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)run;
    if (length != 16) {
        return NULL;
    }
    PyObject *number = integer_of_16_bytes(data);
    if (number == NULL) {
        return NULL;
    }
    PyObject *values[2] = {number, Py_NewRef(value->object)};
    return layout_make(&value->layout, values, 0);
}

/* object: a function of the bytes behind the first `skip` */
PyObject *
read_call(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)run;
    Py_ssize_t skip = value->skip;
    if (length < skip) {
        return NULL;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(data + skip, length - skip);
    if (bytes == NULL) {
        return NULL;
    }
    PyObject *made = PyObject_CallOneArg(value->object, bytes);
    Py_DECREF(bytes);
    return made;
}

/* object: a function of the inner value; None there stands for NULL, which is Python's to judge */
PyObject *
read_then(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    PyObject *given = value->inner->read(value->inner, data, length, run);
    if (given == NULL) {
        return NULL;
    }
    PyObject *made = given == Py_None ? NULL : PyObject_CallOneArg(value->object, given);
    Py_DECREF(given);
    return made;
}

/* object: a dict, whose class may know more values than it lists */
PyObject *
read_member(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    PyObject *key = value->inner->read(value->inner, data, length, run);
    if (key == NULL) {
        return NULL;
    }
    PyObject *member = key == Py_None ? NULL : PyObject_GetItem(value->object, key);
    Py_DECREF(key);
    return member;
}

/* Tell whether nothing that the reader makes is of interest to the collector. */
int
is_atom(const Value *value)
{
    static const Read ATOMS[] = {
        read_bool, read_int2,   read_int4,   read_int8, read_uint4,   read_uint8,
        read_text, read_float4, read_float8, read_bytes, read_uuid,   read_numeric,
        read_date, read_time,   read_timestamp, read_timestamptz, read_timedelta,
    };
    if (value->read == read_member) {
        return is_atom(value->inner);
    }
    for (size_t at = 0; at < sizeof(ATOMS) / sizeof(ATOMS[0]); at++) {
        if (value->read == ATOMS[at]) {
            return 1;
        }
    }
    return 0;
}
