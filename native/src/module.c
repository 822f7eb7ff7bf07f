/* The module. It keeps no state but its types, so that nothing is shared between interpreters. */

#include "native.h"

static int
add(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int added = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return added;
}

/* What liteorm calls, and with what: counted up whenever either changes. */
#define INTERFACE 5

static int
module_exec(PyObject *module)
{
#ifdef Py_GIL_DISABLED
    /* What a record was read with last is kept without a lock. */
    PyErr_SetString(PyExc_ImportError, "liteorm_native needs the GIL");
    return -1;
#endif
    if (moments_import() < 0) {
        return -1;
    }
    if (PyModule_AddIntConstant(module, "INTERFACE", INTERFACE) < 0) {
        return -1;
    }
    if (add(module, &library_spec) < 0 || add(module, &value_spec) < 0 ||
        add(module, &rows_spec) < 0 || add(module, &each_spec) < 0 ||
        add(module, &encoder_spec) < 0 || waiting_add(module) < 0) {
        return -1;
    }
    return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    /* datetime's C interface is one for the process. */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_GIL_DISABLED
    /* So that the import which declines does not switch the GIL on. */
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "liteorm_native",
    .m_doc = "The compiled executor of liteorm's scan plans; liteorm itself is its only user.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit_liteorm_native(void)
{
    return PyModuleDef_Init(&module_definition);
}
