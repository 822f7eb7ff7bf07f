/* The functions of the very libpq that the driver has loaded; no private layout is known here. */

#include "native.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

/* Return a library that is loaded already; NULL if it is not: another copy would be no use. */
static void *
loaded(PyObject *path)
{
#ifdef _WIN32
    wchar_t *wide = PyUnicode_AsWideCharString(path, NULL);
    if (wide == NULL) {
        PyErr_Clear();
        return NULL;
    }
    HMODULE handle = NULL;
    if (!GetModuleHandleExW(0, wide, &handle)) {
        handle = NULL;
    }
    PyMem_Free(wide);
    return (void *)handle;
#else
    PyObject *bytes;
    if (!PyUnicode_FSConverter(path, &bytes)) {
        PyErr_Clear();
        return NULL;
    }
    void *handle = dlopen(PyBytes_AS_STRING(bytes), RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
    Py_DECREF(bytes);
    return handle;
#endif
}

/* The search goes on from a module of the driver to what it is linked with (not on Windows). */
static void *
symbol(void *handle, const char *name)
{
#ifdef _WIN32
    return (void *)GetProcAddress((HMODULE)handle, name);
#else
    return dlsym(handle, name);
#endif
}

static PyObject *
library_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *path;
    static char *keywords[] = {"path", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U", keywords, &path)) {
        return NULL;
    }
    void *handle = loaded(path);
    if (handle == NULL) {
        PyErr_SetString(PyExc_LookupError, "the driver's library is not loaded");
        return NULL;
    }
    Library *self = (Library *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    const struct {
        const char *name;
        void *place;
    } wanted[] = {
        {"PQntuples", &self->ntuples},     {"PQnfields", &self->nfields},
        {"PQfformat", &self->fformat},     {"PQgetisnull", &self->getisnull},
        {"PQgetlength", &self->getlength}, {"PQgetvalue", &self->getvalue},
        {"PQlibVersion", &self->version},
    };
    /* The handle stays open: the functions are called for as long as the process lives. */
    for (size_t at = 0; at < sizeof(wanted) / sizeof(wanted[0]); at++) {
        void *found = symbol(handle, wanted[at].name);
        if (found == NULL) {
            PyErr_SetString(PyExc_LookupError, "the driver's library has no functions of libpq");
            Py_DECREF(self);
            return NULL;
        }
        memcpy(wanted[at].place, &found, sizeof(found));
    }
    return (PyObject *)self;
}

static PyObject *
library_version(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromLong(((Library *)self)->version());
}

static void
library_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

int
is_library(PyObject *object)
{
    return Py_TYPE(object)->tp_dealloc == library_dealloc;
}

static PyGetSetDef library_getset[] = {
    {"version", library_version, NULL, "What PQlibVersion says.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef library_methods[] = {
    {"record_types", library_record_types, METH_VARARGS,
     "record_types(result, column, arrays): the oids inside the records of a column, or None."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot library_slots[] = {
    {Py_tp_doc, "The functions of libpq, found in a library that is loaded already."},
    {Py_tp_new, library_new},
    {Py_tp_dealloc, library_dealloc},
    {Py_tp_getset, library_getset},
    {Py_tp_methods, library_methods},
    {0, NULL},
};

PyType_Spec library_spec = {
    .name = "liteorm_native.Library",
    .basicsize = sizeof(Library),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = library_slots,
};
