/* Dates, times and intervals: days and microseconds since 2000-01-01. */

#include "native.h"

#include <datetime.h>

#define DAY_US INT64_C(86400000000)
/* The ordinal (as date.toordinal counts) of 2000-01-01, and of the last day that Python has. */
#define EPOCH 730120
#define LAST 3652059

int
moments_import(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? -1 : 0;
}

/* Days are counted in eras of 400 years that begin on the 1st of March, so that a leap day ends
 * its year; year 0 is the one before year 1. */
static void
civil(int32_t ordinal, int *year, int *month, int *day)
{
    int32_t days = ordinal + 305; /* since 0000-03-01 */
    int32_t era = days / 146097;
    int32_t of_era = days % 146097;
    int32_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int32_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int32_t shifted = (5 * of_year + 2) / 153;
    *day = of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = years + era * 400 + (*month <= 2);
}

PyObject *
read_date(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    if (length != 4) {
        return NULL;
    }
    int64_t ordinal = (int64_t)signed32(load32(data)) + EPOCH;
    if (ordinal < 1 || ordinal > LAST) {
        return NULL;
    }
    int year, month, day;
    civil((int32_t)ordinal, &year, &month, &day);
    return PyDate_FromDate(year, month, day);
}

PyObject *
read_time(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    if (length != 8) {
        return NULL;
    }
    int64_t us = signed64(load64(data));
    if (us < 0 || us >= DAY_US) {
        return NULL;
    }
    int seconds = (int)(us / 1000000);
    return PyTime_FromTime(seconds / 3600, seconds / 60 % 60, seconds % 60, (int)(us % 1000000));
}

static PyObject *
moment(const char *data, Py_ssize_t length, PyObject *zone)
{
    if (length != 8) {
        return NULL;
    }
    int64_t us = signed64(load64(data));
    int64_t days = us / DAY_US;
    us %= DAY_US;
    if (us < 0) {
        us += DAY_US;
        days -= 1;
    }
    if (days < 1 - EPOCH || days > LAST - EPOCH) {
        return NULL;
    }
    int year, month, day;
    civil((int32_t)(days + EPOCH), &year, &month, &day);
    int seconds = (int)(us / 1000000);
    return PyDateTimeAPI->DateTime_FromDateAndTime(
        year, month, day, seconds / 3600, seconds / 60 % 60, seconds % 60, (int)(us % 1000000),
        zone, PyDateTimeAPI->DateTimeType);
}

PyObject *
read_timestamp(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    return moment(data, length, Py_None);
}

PyObject *
read_timestamptz(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    return moment(data, length, PyDateTime_TimeZone_UTC);
}

PyObject *
read_timedelta(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)value, (void)run;
    if (length != 16 || load32(data + 12) != 0) {
        return NULL;
    }
    int64_t us = signed64(load64(data));
    int64_t days = signed32(load32(data + 8)) + us / DAY_US;
    us %= DAY_US;
    /* timedelta's own limit is checked by itself; this one is for the int that it takes */
    if (days < -1000000000 || days > 1000000000) {
        return NULL;
    }
    return PyDelta_FromDSU((int)days, (int)(us / 1000000), (int)(us % 1000000));
}

/* layout: liteorm's Interval, of months, days and microseconds */
PyObject *
read_interval(Value *value, const char *data, Py_ssize_t length, Run *run)
{
    (void)run;
    if (length != 16) {
        return NULL;
    }
    PyObject *values[3] = {
        PyLong_FromLong(signed32(load32(data + 12))),
        PyLong_FromLong(signed32(load32(data + 8))),
        PyLong_FromLongLong(signed64(load64(data))),
    };
    return layout_make(&value->layout, values, 1);
}

/* Days since 2000-01-01 of a date of the Gregorian calendar; the reverse of `civil`. */
static int32_t
days_of(int year, int month, int day)
{
    int32_t years = year - (month <= 2);
    int32_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return years * 365 + years / 4 - years / 100 + years / 400 + of_year - 305 - EPOCH;
}

int
date_days(PyObject *value, int32_t *days)
{
    if (!PyDate_CheckExact(value)) {
        return 0;
    }
    *days = days_of(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value),
                    PyDateTime_GET_DAY(value));
    return 1;
}

static int64_t
clock_us(int hour, int minute, int second, int us)
{
    return ((hour * 60 + minute) * 60 + second) * INT64_C(1000000) + us;
}

int
time_us(PyObject *value, int64_t *us)
{
    if (!PyTime_CheckExact(value) || PyDateTime_TIME_GET_TZINFO(value) != Py_None) {
        return 0;
    }
    *us = clock_us(PyDateTime_TIME_GET_HOUR(value), PyDateTime_TIME_GET_MINUTE(value),
                   PyDateTime_TIME_GET_SECOND(value), PyDateTime_TIME_GET_MICROSECOND(value));
    return 1;
}

int
moment_us(PyObject *value, int utc, int64_t *us)
{
    PyObject *zone = utc ? PyDateTime_TimeZone_UTC : Py_None;
    if (!PyDateTime_CheckExact(value) || PyDateTime_DATE_GET_TZINFO(value) != zone) {
        return 0;
    }
    int32_t days = days_of(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value),
                           PyDateTime_GET_DAY(value));
    *us = days * DAY_US +
          clock_us(PyDateTime_DATE_GET_HOUR(value), PyDateTime_DATE_GET_MINUTE(value),
                   PyDateTime_DATE_GET_SECOND(value), PyDateTime_DATE_GET_MICROSECOND(value));
    return 1;
}
