/* Waiting for the server, in threads: as the driver does, but for how the thread sleeps.
 *
 * To be woken takes a thread longer than a server nearby takes for a short statement, and the server
 * that wakes it pays for it as well. So an answer that is likely to come at once is looked for before
 * the thread sleeps; and where data comes, or is taken, faster than it is waited for, the thread
 * sleeps by the clock, so that more is there when it looks.
 */

#include "native.h"

#ifdef _WIN32

/* There the driver waits. */
int
waiting_add(PyObject *module)
{
    (void)module;
    return 0;
}

#else

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <structmember.h>
#include <time.h>

enum {
    /* As the driver's Wait and Ready count them. */
    READ = 1,
    WRITE = 2,
    /* How long an answer is looked for, in ns: what it takes to wake the server, to run a short
     * statement, and to be woken. */
    LOOK = 100000,
    /* How long a thread sleeps by the clock, in ns, to which the kernel adds 50 000 of its own. */
    NAP = 1000,
    /* Parts of an answer after which it is a long one. */
    SHORT = 3,
    /* Waits that pass without a look, or a nap, after those that were in vain, at most. */
    MOST_PASSED = 255,
};

/* Seconds that do not pass. */
#define LONG 1e9

typedef struct {
    int passing; /* waits still to pass without another try */
    int passed;  /* how many passed before the last try in vain */
} Luck;

typedef struct {
    PyObject_HEAD
    PyObject *expired; /* the exception of a wait that has lasted too long */
    Luck looks;
    Luck naps;
} Waiter;

/* How many threads of the process wait, or look; kept under the GIL. Where several do, whoever looks
 * takes the processor from one that works, or from the server. */
static int waiting;

static int64_t
now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t
ns_of(double seconds)
{
    /* what is no number is none */
    return seconds > 0 ? (seconds < LONG ? (int64_t)(seconds * 1e9) : (int64_t)(LONG * 1e9)) : 0;
}

/* Look for an answer without sleeping; others that can run on this processor are let through. */
static int
look(struct pollfd *socket)
{
    int64_t end = now() + LOOK;
    for (;;) {
        /* also after the time has passed: the server may have had this processor meanwhile */
        int found = poll(socket, 1, 0);
        if (found != 0 || now() >= end) {
            return found;
        }
        sched_yield();
    }
}

/* Sleep by the clock if nothing is there; tell whether something is then. */
static int
nap(struct pollfd *socket)
{
    int found = poll(socket, 1, 0);
    if (found == 0) {
        struct timespec time = {0, NAP};
        nanosleep(&time, NULL);
        found = poll(socket, 1, 0);
    }
    return found;
}

/* Look, or nap, unless that was in vain of late. */
static int
attempt(Luck *luck, int (*by)(struct pollfd *), struct pollfd *socket)
{
    if (luck->passing > 0) {
        luck->passing--;
        return 0;
    }
    int found = by(socket);
    /* By halves back: where every fourth answer is late, looking for all others would cost more of the
     * processor than it gains. */
    luck->passed = found != 0 ? luck->passed / 2 : 2 * luck->passed + 3;
    if (luck->passed > MOST_PASSED) {
        luck->passed = MOST_PASSED;
    }
    luck->passing = luck->passed;
    return found;
}

/* Wait for a socket; 0 if there was nothing for so many ns, -1 with an exception set. */
static int
ready(Waiter *self, int fd, long wanted, int64_t most, int looks, int naps)
{
    struct pollfd socket = {.fd = fd};
    socket.events = (short)((wanted & READ ? POLLIN : 0) | (wanted & WRITE ? POLLOUT : 0));
    int found = 0, failed = 0, alone = waiting++ == 0;
    Py_BEGIN_ALLOW_THREADS
    if (looks && alone && most > LOOK) {
        found = attempt(&self->looks, look, &socket);
    }
    else if (naps && most > NAP) {
        found = attempt(&self->naps, nap, &socket);
    }
    if (found == 0) {
        /* upwards, so that a wait of less than a millisecond does not become many */
        int64_t ms = (most + 999999) / 1000000;
        found = poll(&socket, 1, ms > INT32_MAX ? INT32_MAX : (int)ms);
    }
    failed = found < 0 ? errno : 0;
    Py_END_ALLOW_THREADS
    waiting--;
    if (failed != 0 && failed != EINTR) {
        errno = failed;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    /* Also where something has come: in a long answer something always has, and the driver's steps
     * run no bytecode that would look at signals. */
    if (PyErr_CheckSignals() < 0) {
        return -1;
    }
    if (found <= 0) {
        return 0;
    }
    int which = (socket.revents & POLLIN ? READ : 0) | (socket.revents & POLLOUT ? WRITE : 0);
    /* A socket that is lost is for libpq to tell of. */
    return which ? which : (int)wanted;
}

/* -1 with an exception set, or as the number of what is closed. */
static int
descriptor(PyObject *number)
{
    long fd = PyLong_AsLong(number);
    if (fd > INT_MAX || fd < INT_MIN) {
        PyErr_SetString(PyExc_OverflowError, "no descriptor has such a number");
        return -1;
    }
    return (int)fd;
}

static PyObject *
waited(Waiter *self, PyObject *const *args, Py_ssize_t count, PyObject *names, int flows)
{
    static const char *const OPTIONS[] = {"interval", "timeout"};
    double seconds[2] = {0, LONG};
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "a wait takes a step and a descriptor");
        return NULL;
    }
    int fd = descriptor(args[1]);
    if (fd == -1 && PyErr_Occurred()) {
        return NULL;
    }
    for (Py_ssize_t at = 0; names != NULL && at < PyTuple_GET_SIZE(names); at++) {
        PyObject *name = PyTuple_GET_ITEM(names, at), *given = args[count + at];
        int option = 0;
        while (option < 2 && PyUnicode_CompareWithASCIIString(name, OPTIONS[option]) != 0) {
            option++;
        }
        if (option == 2) {
            PyErr_Format(PyExc_TypeError, "a wait takes interval and timeout, not %U", name);
            return NULL;
        }
        seconds[option] = option == 1 && given == Py_None ? LONG : PyFloat_AsDouble(given);
        if (seconds[option] == -1 && PyErr_Occurred()) {
            return NULL;
        }
    }
    int64_t interval = ns_of(seconds[0]);
    int64_t until = now() + ns_of(seconds[1]);
    PyObject *sent = Py_NewRef(Py_None);
    for (int waits = 0;; waits += waits <= SHORT) {
        PyObject *wish;
        PySendResult how = PyIter_Send(args[0], sent, &wish);
        Py_DECREF(sent);
        if (how != PYGEN_NEXT) {
            return how == PYGEN_RETURN ? wish : NULL;
        }
        long wanted = PyLong_AsLong(wish);
        Py_DECREF(wish);
        if (wanted == -1 && PyErr_Occurred()) {
            return NULL;
        }
        int64_t left = until - now();
        if (left <= 0 && waits > 0) {
            PyErr_SetString(self->expired, "wait timeout expired");
            return NULL;
        }
        int64_t most = left < 0 ? 0 : left < interval ? left : interval;
        int looks = !flows && waits == 0 && wanted == READ;
        int which = ready(self, fd, wanted, most, looks, flows || waits >= SHORT);
        sent = which < 0 ? NULL : PyLong_FromLong(which);
        if (sent == NULL) {
            return NULL;
        }
    }
}

PyDoc_STRVAR(waiter_wait_doc,
"wait(gen, fileno, *, interval=0.0, timeout=None)\n"
"--\n\n"
"Let a step of the protocol run to its end; its answer may come at once.\n\n"
"Every `interval` seconds signals are looked at. After `timeout` seconds `expired` is raised.");

static PyObject *
waiter_wait(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    return waited((Waiter *)self, args, count, names, 0);
}

PyDoc_STRVAR(waiter_flow_doc,
"flow(gen, fileno, *, interval=0.0, timeout=None)\n"
"--\n\n"
"Let a step of the protocol run that is part of a long transfer: see `wait`.");

static PyObject *
waiter_flow(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    return waited((Waiter *)self, args, count, names, 1);
}

PyDoc_STRVAR(waiter_soon_doc,
"soon(fileno)\n"
"--\n\n"
"Look whether an answer comes at once; False: it did not, or nobody looked, as the last did not.");

static PyObject *
waiter_soon(PyObject *self, PyObject *fileno)
{
    int fd = descriptor(fileno);
    if (fd == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (waiting > 0) {
        Py_RETURN_FALSE;
    }
    struct pollfd socket = {.fd = fd, .events = POLLIN};
    int found;
    waiting++;
    Py_BEGIN_ALLOW_THREADS
    found = attempt(&((Waiter *)self)->looks, look, &socket);
    Py_END_ALLOW_THREADS
    waiting--;
    return PyBool_FromLong(found > 0);
}

static PyObject *
waiter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *expired;
    static char *keywords[] = {"expired", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O", keywords, &expired)) {
        return NULL;
    }
    if (!PyExceptionClass_Check(expired)) {
        PyErr_SetString(PyExc_TypeError, "expired is no exception class");
        return NULL;
    }
    Waiter *self = (Waiter *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->expired = Py_NewRef(expired);
    }
    return (PyObject *)self;
}

static int
waiter_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Waiter *)self)->expired);
    return 0;
}

static void
waiter_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(((Waiter *)self)->expired);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef waiter_methods[] = {
    {"wait", (PyCFunction)(void (*)(void))waiter_wait, METH_FASTCALL | METH_KEYWORDS,
     waiter_wait_doc},
    {"flow", (PyCFunction)(void (*)(void))waiter_flow, METH_FASTCALL | METH_KEYWORDS,
     waiter_flow_doc},
    {"soon", waiter_soon, METH_O, waiter_soon_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot waiter_slots[] = {
    {Py_tp_doc, "Waits on one connection, and remembers whether its answers come at once."},
    {Py_tp_new, waiter_new},
    {Py_tp_dealloc, waiter_dealloc},
    {Py_tp_traverse, waiter_traverse},
    {Py_tp_methods, waiter_methods},
    {0, NULL},
};

static PyType_Spec waiter_spec = {
    .name = "liteorm_native.Waiter",
    .basicsize = sizeof(Waiter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = waiter_slots,
};

/* The threads that waited are not in the child of a fork. */
static void
nobody_waits(void)
{
    waiting = 0;
}

int
waiting_add(PyObject *module)
{
    static int told;
    if (!told) {
        int failed = pthread_atfork(NULL, NULL, nobody_waits);
        if (failed != 0) {
            errno = failed;
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
        told = 1;
    }
    PyObject *type = PyType_FromModuleAndSpec(module, &waiter_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int added = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return added;
}

#endif
