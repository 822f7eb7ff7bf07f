/* numeric, as numeric_send writes it: groups of four decimal digits. */

#include "native.h"

#define DIGITS 4
#define HEAD 8
#define SMALL 128

/* object: decimal.Decimal; other: the arguments of its last call, taken again where nobody has kept
 * them. Making a Decimal is dear enough that calling its class in the usual way is felt. */
static PyObject *
decimal_of(Value *value, const char *text, Py_ssize_t length)
{
    PyObject *string = PyUnicode_New(length, 127);
    if (string == NULL) {
        return NULL;
    }
    memcpy(PyUnicode_DATA(string), text, (size_t)length);
    PyTypeObject *type = (PyTypeObject *)value->object;
    if (!PyType_Check(value->object) || type->tp_init != PyBaseObject_Type.tp_init) {
        PyObject *made = PyObject_CallOneArg(value->object, string);
        Py_DECREF(string);
        return made;
    }
    PyObject *arguments = value->other;
    value->other = NULL; /* nobody else takes them meanwhile */
    if (arguments == NULL || Py_REFCNT(arguments) != 1) {
        /* who has found them since, through the collector, has a tuple that does not change */
        Py_XDECREF(arguments);
        arguments = PyTuple_New(1);
        if (arguments == NULL) {
            Py_DECREF(string);
            return NULL;
        }
    }
    else {
        Py_DECREF(PyTuple_GET_ITEM(arguments, 0));
    }
    PyTuple_SET_ITEM(arguments, 0, string);
    PyObject *made = type->tp_new(type, arguments, NULL);
    if (Py_REFCNT(arguments) == 1 && value->other == NULL) {
        PyTuple_SET_ITEM(arguments, 0, Py_NewRef(Py_None));
        Py_DECREF(string);
        value->other = arguments;
    }
    else {
        Py_DECREF(arguments);
    }
    return made;
}

static char *
write_group(char *out, unsigned group)
{
    *out++ = (char)('0' + group / 1000);
    *out++ = (char)('0' + group / 100 % 10);
    *out++ = (char)('0' + group / 10 % 10);
    *out++ = (char)('0' + group % 10);
    return out;
}

/* Write the digits; return their end, or NULL for a number that is not in PostgreSQL's own form. */
static char *
write_digits(char *out, const char *groups, int count, int weight, int scale)
{
    if (weight < 0) {
        *out++ = '0';
    }
    for (int at = 0; at <= weight; at++) {
        unsigned group = at < count ? load16(groups + 2 * at) : 0;
        if (group > 9999) {
            return NULL;
        }
        out = write_group(out, group);
    }
    if (scale == 0) {
        /* digits behind the point that are not to be shown would be lost */
        return weight + 1 >= count ? out : NULL;
    }
    *out++ = '.';
    char *end = out + scale;
    for (int at = weight + 1; out < end || at < count; at++) {
        unsigned group = at >= 0 && at < count ? load16(groups + 2 * at) : 0;
        if (group > 9999) {
            return NULL;
        }
        char digits[DIGITS];
        write_group(digits, group);
        for (int digit = 0; digit < DIGITS; digit++) {
            if (out < end) {
                *out++ = digits[digit];
            }
            else if (digits[digit] != '0') {
                return NULL;
            }
        }
    }
    return end;
}

PyObject *
read_numeric(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)run;
    if (length < HEAD) {
        return NULL;
    }
    int count = load16(data);
    int weight = load16(data + 2);
    unsigned sign = load16(data + 4);
    int scale = load16(data + 6);
    weight = weight >= 0x8000 ? weight - 0x10000 : weight;
    if (length != HEAD + 2 * (Py_ssize_t)count) {
        return NULL;
    }
    if (count == 0) {
        switch (sign) {
        case 0xC000:
            return decimal_of(value, "NaN", 3);
        case 0xD000:
            return decimal_of(value, "Infinity", 8);
        case 0xF000:
            return decimal_of(value, "-Infinity", 9);
        case 0:
            /* the weight of zero says nothing */
            weight = -1;
            break;
        default:
            return NULL;
        }
    }
    /* The first group of PostgreSQL's is never 0: "-0" cannot come about. */
    else if ((sign != 0 && sign != 0x4000) || load16(data + HEAD) == 0) {
        return NULL;
    }
    /* PostgreSQL's NUMERIC_DSCALE_MASK; a weight far below the scale has no digit to show. */
    if (scale > 0x3FFF || weight < -(scale / DIGITS) - 1) {
        return NULL;
    }
    Py_ssize_t most = 3 + (Py_ssize_t)(weight < 0 ? 1 : (weight + 1) * DIGITS) + scale;
    char small[SMALL];
    char *text = most <= SMALL ? small : PyMem_Malloc((size_t)most);
    if (text == NULL) {
        return PyErr_NoMemory();
    }
    char *out = text;
    if (sign == 0x4000) {
        *out++ = '-';
    }
    out = write_digits(out, data + HEAD, count, weight, scale);
    PyObject *made = out == NULL ? NULL : decimal_of(value, text, out - text);
    if (text != small) {
        PyMem_Free(text);
    }
    return made;
}
