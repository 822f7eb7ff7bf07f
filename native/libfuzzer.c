/* Bytes that libFuzzer makes up, given to the readers by the Python of a virtual environment: see
 * .ci/sanitized. The readers are built with its counters, so it looks for bytes that lead to lines
 * where none has led before. What they read or decline, and what must not happen, is for fuzz.py. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>

static PyObject *give;

static void
stop(void)
{
    PyErr_Print();
    abort();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0;
    const char *python = getenv("LITEORM_PYTHON");
    if (python == NULL ||
        PyStatus_Exception(PyConfig_SetBytesString(&config, &config.executable, python)) ||
        PyStatus_Exception(Py_InitializeFromConfig(&config))) {
        abort();
    }
    PyConfig_Clear(&config);
    PyObject *module = PyImport_ImportModule("fuzz");
    give = module == NULL ? NULL : PyObject_GetAttrString(module, "give");
    if (give == NULL) {
        stop();
    }
    Py_DECREF(module);
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PyObject *done = PyObject_CallFunction(give, "y#", (const char *)data, (Py_ssize_t)size);
    if (done == NULL) {
        stop();
    }
    Py_DECREF(done);
    return 0;
}
