/* numeric, as numeric_send writes it: groups of four decimal digits. */

#include "native.h"

#define DIGITS 4
#define HEAD 8
#define SMALL 128

static PyObject *
decimal_of(PyObject *decimal, const char *text, Py_ssize_t length)
{
    PyObject *string = PyUnicode_DecodeASCII(text, length, NULL);
    if (string == NULL) {
        return NULL;
    }
    PyObject *made = PyObject_CallOneArg(decimal, string);
    Py_DECREF(string);
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

/* object: decimal.Decimal */
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
            return decimal_of(value->object, "NaN", 3);
        case 0xD000:
            return decimal_of(value->object, "Infinity", 8);
        case 0xF000:
            return decimal_of(value->object, "-Infinity", 9);
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
    PyObject *made = out == NULL ? NULL : decimal_of(value->object, text, out - text);
    if (text != small) {
        PyMem_Free(text);
    }
    return made;
}
