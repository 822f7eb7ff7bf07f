/* Values of a program: the tuples that liteorm writes, checked once and turned into structs. */

#include "native.h"

#include <structmember.h>

int
malformed(const char *what)
{
    PyErr_Format(PyExc_ValueError, "malformed program: %s", what);
    return -1;
}

int
is_tuple(PyObject *object, const char *what)
{
    return PyTuple_Check(object) ? 0 : malformed(what);
}

static int
set_inner(Value *value, PyObject *spec)
{
    value->inner = value_new(spec);
    return value->inner == NULL ? -1 : 0;
}

static int
set_fill(Value *value, PyObject *spec)
{
    value->fill = fill_new(spec);
    if (value->fill == NULL) {
        return -1;
    }
    return fill_width(value->fill) < value->count ? 0 : malformed("a part outside its record");
}

int
set_object(PyObject **place, PyObject *object)
{
    *place = Py_NewRef(object);
    return 0;
}

/* How each kind of value takes the rest of its tuple. */

static int
no_more(Value *value, PyObject *spec)
{
    (void)value;
    return PyTuple_GET_SIZE(spec) == 1 ? 0 : malformed("a plain value takes nothing");
}

static int
take_skip(Value *value, PyObject *spec)
{
    const char *name;
    if (!PyArg_ParseTuple(spec, "sn", &name, &value->skip)) {
        return -1;
    }
    return value->skip >= 0 ? 0 : malformed("a negative skip");
}

static int
take_object(Value *value, PyObject *spec)
{
    const char *name;
    PyObject *object;
    if (!PyArg_ParseTuple(spec, "sO", &name, &object)) {
        return -1;
    }
    return set_object(&value->object, object);
}

static int
take_call(Value *value, PyObject *spec)
{
    const char *name;
    PyObject *function;
    if (!PyArg_ParseTuple(spec, "sOnp", &name, &function, &value->skip, &value->plain)) {
        return -1;
    }
    return value->skip >= 0 ? set_object(&value->object, function) : malformed("a negative skip");
}

static int
take_step(Value *value, PyObject *spec)
{
    const char *name;
    PyObject *inner, *object;
    if (!PyArg_ParseTuple(spec, "sOO", &name, &inner, &object)) {
        return -1;
    }
    return set_object(&value->object, object) < 0 ? -1 : set_inner(value, inner);
}

static int
take_uuid(Value *value, PyObject *spec)
{
    const char *name;
    PyObject *cls, *stores, *unknown;
    if (!PyArg_ParseTuple(spec, "sOOO", &name, &cls, &stores, &unknown)) {
        return -1;
    }
    set_object(&value->object, unknown);
    if (layout_set(&value->layout, cls, stores, 0) < 0) {
        return -1;
    }
    return value->layout.count == 2 ? 0 : malformed("a UUID has two attributes");
}

static int
take_interval(Value *value, PyObject *spec)
{
    const char *name;
    PyObject *cls, *stores;
    if (!PyArg_ParseTuple(spec, "sOO", &name, &cls, &stores) ||
        layout_set(&value->layout, cls, stores, 0) < 0) {
        return -1;
    }
    return value->layout.count == 3 ? 0 : malformed("an interval has three attributes");
}

static int
take_array(Value *value, PyObject *spec)
{
    const char *name;
    PyObject *containers, *inner;
    int exact;
    if (!PyArg_ParseTuple(spec, "sIOpOp", &name, &value->oid, &containers, &exact, &inner,
                          &value->nullable)) {
        return -1;
    }
    if (containers != Py_None) {
        if (is_tuple(containers, "containers are a tuple") < 0) {
            return -1;
        }
        value->count = exact ? PyTuple_GET_SIZE(containers) : 0;
        set_object(&value->object, containers);
    }
    return set_inner(value, inner);
}

static int
take_array_tuple(Value *value, PyObject *spec)
{
    const char *name;
    PyObject *fill;
    if (!PyArg_ParseTuple(spec, "sInO", &name, &value->oid, &value->count, &fill)) {
        return -1;
    }
    return set_fill(value, fill);
}

static int
take_composite(Value *value, PyObject *spec)
{
    const char *name;
    PyObject *oids, *fill;
    if (!PyArg_ParseTuple(spec, "sO!O", &name, &PyTuple_Type, &oids, &fill)) {
        return -1;
    }
    value->count = PyTuple_GET_SIZE(oids);
    value->oids = PyMem_New(uint32_t, (size_t)value->count + 1);
    if (value->oids == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t at = 0; at < value->count; at++) {
        value->oids[at] = (uint32_t)PyLong_AsUnsignedLongMask(PyTuple_GET_ITEM(oids, at));
        if (PyErr_Occurred()) {
            return -1;
        }
    }
    return set_fill(value, fill);
}

static int
take_range(Value *value, PyObject *spec)
{
    const char *name;
    PyObject *cls, *others, *inner;
    if (!PyArg_ParseTuple(spec, "sOO!O", &name, &cls, &PyTuple_Type, &others, &inner)) {
        return -1;
    }
    set_object(&value->object, cls);
    set_object(&value->other, others);
    if (PyTuple_GET_SIZE(others) != 5) {
        return malformed("a range has four bounds and an empty one");
    }
    return set_inner(value, inner);
}

static const struct {
    const char *name;
    Read read;
    int (*take)(Value *, PyObject *);
} VALUES[] = {
    {"bool", read_bool, no_more},
    {"int2", read_int2, no_more},
    {"int4", read_int4, no_more},
    {"int8", read_int8, no_more},
    {"uint4", read_uint4, no_more},
    {"uint8", read_uint8, no_more},
    {"float4", read_float4, no_more},
    {"float8", read_float8, no_more},
    {"bytes", read_bytes, no_more},
    {"date", read_date, no_more},
    {"time", read_time, no_more},
    {"timestamp", read_timestamp, no_more},
    {"timestamptz", read_timestamptz, no_more},
    {"timedelta", read_timedelta, no_more},
    {"text", read_text, take_skip},
    {"numeric", read_numeric, take_object},
    {"vector", read_vector, take_object},
    {"record", read_record, take_object},
    {"call", read_call, take_call},
    {"then", read_then, take_step},
    {"member", read_member, take_step},
    {"uuid", read_uuid, take_uuid},
    {"interval", read_interval, take_interval},
    {"array", read_array, take_array},
    {"array_tuple", read_array_tuple, take_array_tuple},
    {"composite", read_composite, take_composite},
    {"range", read_range, take_range},
    {"multirange", read_multirange, take_step},
};

Value *
value_new(PyObject *spec)
{
    if (!PyTuple_Check(spec) || PyTuple_GET_SIZE(spec) == 0 ||
        !PyUnicode_Check(PyTuple_GET_ITEM(spec, 0))) {
        malformed("a value is a tuple that begins with its kind");
        return NULL;
    }
    if (Py_EnterRecursiveCall(" in a program")) {
        return NULL;
    }
    Value *value = PyMem_Calloc(1, sizeof(Value));
    if (value == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    const size_t kinds = sizeof(VALUES) / sizeof(VALUES[0]);
    size_t kind = 0;
    while (kind < kinds &&
           PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(spec, 0), VALUES[kind].name) != 0) {
        kind++;
    }
    int taken = kind < kinds ? VALUES[kind].take(value, spec) : malformed("no such kind of value");
    if (taken < 0) {
        value_free(value);
        value = NULL;
    }
    else {
        value->read = VALUES[kind].read;
        value->met = how_met(value->read);
    }
done:
    Py_LeaveRecursiveCall();
    return value;
}

void
layout_clear(Layout *layout)
{
    for (Py_ssize_t at = 0; at < layout->count; at++) {
        Py_XDECREF(layout->stores[at].name);
    }
    PyMem_Free(layout->stores);
    Py_XDECREF(layout->type);
}

int
layout_visit(Layout *layout, visitproc visit, void *arg)
{
    Py_VISIT(layout->type);
    return 0;
}

void
value_free(Value *value)
{
    if (value == NULL) {
        return;
    }
    Py_XDECREF(value->object);
    Py_XDECREF(value->other);
    value_free(value->inner);
    fill_free(value->fill);
    layout_clear(&value->layout);
    PyMem_Free(value->oids);
    PyMem_Free(value);
}

int
value_visit(Value *value, visitproc visit, void *arg)
{
    if (value == NULL) {
        return 0;
    }
    Py_VISIT(value->object);
    Py_VISIT(value->other);
    int stopped = layout_visit(&value->layout, visit, arg);
    stopped = stopped ? stopped : value_visit(value->inner, visit, arg);
    return stopped ? stopped : fill_visit(value->fill, visit, arg);
}

Py_ssize_t
offset_of(PyTypeObject *type, PyObject *descriptor)
{
    if (!Py_IS_TYPE(descriptor, &PyMemberDescr_Type) ||
        !PyType_IsSubtype(type, ((PyDescrObject *)descriptor)->d_type)) {
        return -1;
    }
    const PyMemberDef *member = ((PyMemberDescrObject *)descriptor)->d_member;
    if (member->type != T_OBJECT_EX || member->flags != 0 ||
        member->offset < (Py_ssize_t)sizeof(PyObject) ||
        member->offset + (Py_ssize_t)sizeof(PyObject *) > type->tp_basicsize) {
        return -1;
    }
    return member->offset;
}

/* Tell whether an object of a class is its slots, and nothing that a constructor prepares. */
static int
is_lean(const Layout *layout)
{
    const PyTypeObject *type = layout->type;
    for (Py_ssize_t at = 0; at < layout->count; at++) {
        if (layout->stores[at].offset < 0) {
            return 0;
        }
    }
    return type->tp_alloc == PyType_GenericAlloc && type->tp_itemsize == 0 &&
           !(type->tp_flags & Py_TPFLAGS_MANAGED_DICT);
}

/* stores: for each attribute the descriptor of its slot, or its name; lazy: a Struct of msgspec,
 * whose class has no __new__ at all */
int
layout_set(Layout *layout, PyObject *cls, PyObject *stores, int lazy)
{
    if (!PyType_Check(cls) || is_tuple(stores, "stores are a tuple") < 0) {
        return malformed("a layout is of a class");
    }
    PyTypeObject *type = (PyTypeObject *)cls;
    if (type->tp_new != (lazy ? NULL : PyBaseObject_Type.tp_new)) {
        return malformed("a class with a __new__ of its own");
    }
    layout->lazy = lazy;
    layout->stores = PyMem_Calloc((size_t)PyTuple_GET_SIZE(stores) + 1, sizeof(Store));
    if (layout->stores == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    layout->type = (PyTypeObject *)Py_NewRef(cls);
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(stores); at++) {
        PyObject *item = PyTuple_GET_ITEM(stores, at);
        Store *store = &layout->stores[at];
        layout->count = at + 1;
        if (PyUnicode_Check(item)) {
            store->offset = -1;
            store->name = Py_NewRef(item);
            PyUnicode_InternInPlace(&store->name);
        }
        else if ((store->offset = offset_of(type, item)) < 0) {
            return malformed("no slot for an object");
        }
        for (Py_ssize_t other = 0; store->offset >= 0 && other < at; other++) {
            if (layout->stores[other].offset == store->offset) {
                return malformed("two attributes in one slot");
            }
        }
    }
    layout->lean = is_lean(layout);
    return lazy && !layout->lean ? malformed("a class with more than slots") : 0;
}

/* liteorm_native.Value */

static PyObject *
value_object_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *spec;
    static char *keywords[] = {"spec", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O", keywords, &spec)) {
        return NULL;
    }
    Value *value = value_new(spec);
    if (value == NULL) {
        return NULL;
    }
    ValueObject *self = (ValueObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        value_free(value);
        return NULL;
    }
    self->value = value;
    return (PyObject *)self;
}

static PyObject *
value_object_read(PyObject *self, PyObject *data)
{
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "bytes are read");
        return NULL;
    }
    Run run = {0};
    Value *value = ((ValueObject *)self)->value;
    PyObject *made = value->read(value, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), &run);
    if (made == NULL && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "declined");
    }
    return made;
}

static int
value_object_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return value_visit(((ValueObject *)self)->value, visit, arg);
}

static int
value_object_clear(PyObject *self)
{
    /* What a record was read with last may hold on to this one; the rest is a tree. */
    Value *value = ((ValueObject *)self)->value;
    if (value != NULL && value->read == read_record) {
        Py_CLEAR(value->other);
    }
    return 0;
}

static void
value_object_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    value_free(((ValueObject *)self)->value);
    type->tp_free(self);
    Py_DECREF(type);
}

int
is_value(PyObject *object)
{
    return Py_TYPE(object)->tp_dealloc == value_object_dealloc;
}

static PyMethodDef value_methods[] = {
    {"read", value_object_read, METH_O, "Read one value from bytes; ValueError: declined."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot value_slots[] = {
    {Py_tp_doc, "How the bytes of one value become an object."},
    {Py_tp_new, value_object_new},
    {Py_tp_dealloc, value_object_dealloc},
    {Py_tp_traverse, value_object_traverse},
    {Py_tp_clear, value_object_clear},
    {Py_tp_methods, value_methods},
    {0, NULL},
};

PyType_Spec value_spec = {
    .name = "liteorm_native.Value",
    .basicsize = sizeof(ValueObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = value_slots,
};
