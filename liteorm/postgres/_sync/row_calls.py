# Generated from liteorm/postgres/_async/row_calls.py by .ci/unasync.py: edit that file, not this one.
"""The calls that take objects to tables and back.

What each does is imported by the first call: programs that only read never load it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

from liteorm._core.row_contracts import Names, OnConflict, TableOf
from liteorm.postgres._sync.statements import Statements
from liteorm.postgres._session.primitives import check_plain

__all__ = ["RowCalls"]

T = TypeVar("T")
R = TypeVar("R")


class RowCalls(Statements):
    """Writes and reads objects; how a connection is had for each call is the subclass's."""

    @overload
    def insert(self, obj: T, *, returning: None = None, table: TableOf = None) -> T: ...
    @overload
    def insert(self, obj: Any, *, returning: type[R], table: TableOf = None) -> R: ...
    def insert(self, obj: Any, *, returning: Any = None, table: TableOf = None) -> Any:
        """Insert an object's row; return the row as stored, as a new object.

        Args:
            obj: The object. Fields that are UNSET are left to the columns' defaults.
            returning: The class that the stored row comes back as; the object's by default.
            table: The table, `"name"` or `"schema.name"`, or the class whose table it is; the
                object's own by default.
        """
        from liteorm.postgres._sync import one_row

        return one_row.insert(self, obj, returning, table)

    @overload
    def update(self, obj: T, *, columns: Names = None, returning: None = None) -> T: ...
    @overload
    def update(self, obj: Any, *, columns: Names = None, returning: type[R]) -> R: ...
    def update(self, obj: Any, *, columns: Names = None, returning: Any = None) -> Any:
        """Update the row with the object's key; return the row as stored, as a new object.

        Args:
            obj: The object. Fields that are UNSET are left alone.
            columns: Fields to write; all but the key by default.
            returning: The class that the stored row comes back as; the object's by default.

        Raises:
            NoRows: If there is no such row.
            StaleRow: If it has another version than the object.
        """
        from liteorm.postgres._sync import one_row

        return one_row.update(self, obj, columns, returning)

    @overload
    def upsert(
        self,
        obj: T,
        conflict: OnConflict = None,
        *,
        update: Names = None,
        returning: None = None,
        table: TableOf = None,
    ) -> T: ...
    @overload
    def upsert(
        self,
        obj: Any,
        conflict: OnConflict = None,
        *,
        update: Names = None,
        returning: type[R],
        table: TableOf = None,
    ) -> R: ...
    def upsert(
        self,
        obj: Any,
        conflict: OnConflict = None,
        *,
        update: Names = None,
        returning: Any = None,
        table: TableOf = None,
    ) -> Any:
        """Insert an object's row, or update the one in its place; return the row as stored.

        Args:
            obj: The object. Fields that are UNSET are left alone in a row that is there.
            conflict: What says which row is in its place: fields, a `Sql` for an index on
                expressions or on a part of the rows, or a `Constraint`; the key by default.
            update: Fields to update; all others by default. `()` leaves a row that is there as it
                is, and returns it.
            returning: The class that the stored row comes back as; the object's by default.
            table: The table, `"name"` or `"schema.name"`, or the class whose table it is; the
                object's own by default.
        """
        from liteorm.postgres._sync import one_row

        return one_row.upsert(self, obj, conflict, update, returning, table)

    def patch(self, model: type[T], key: Any, changes: object, *, version: Any = None) -> T:
        """Write some fields of the row with that key; return the row as stored.

        Without any changes the row is read.

        Args:
            model: A class with a table.
            key: The key's value; a tuple if it has several columns.
            changes: A mapping of field names to values, or an object of any class of which the
                fields that are set count: not UNSET, for Pydantic those of `model_fields_set`.
            version: The version that the row must still have.

        Raises:
            NoRows: If there is no such row.
            StaleRow: If it has another version.
            ModelError: If a name is no field, or one that is not written: of the key, generated.
        """
        from liteorm.postgres._sync import patching

        return patching.patch(self, model, key, changes, version)

    def delete(self, obj: Any) -> bool:
        """Delete the row with the object's key; return whether there was one.

        Raises:
            StaleRow: If it has another version than the object.
        """
        from liteorm.postgres._sync import one_row

        return one_row.delete(self, obj)

    def get(self, model: type[T], key: Any) -> T:
        """Return the object with that key.

        Args:
            model: A class with a table.
            key: The key's value; a tuple if it has several columns.

        Raises:
            NoRows: If there is no such row.
        """
        from liteorm.postgres._sync import one_row

        return one_row.get(self, model, key)

    def insert_many(
        self,
        objs: Iterable[Any],
        *,
        table: TableOf = None,
        columns: Names = None,
        progress: Callable[[int], object] | None = None,
    ) -> int:
        """Insert all of the objects by binary COPY, or none; return how many.

        Where the server refuses COPY (under row-level security, into a view) they go as arrays, a
        bounded number at a time.

        Args:
            objs: The objects; consumed as they are sent. All leave the same fields UNSET.
            table: The table, `"name"` or `"schema.name"`, or the class whose table it is; the
                objects' own by default.
            columns: Fields to send; all that the database does not fill by default.
            progress: Called with the number of rows so far.
        """
        from liteorm.postgres._sync import writes

        check_plain("progress", progress)
        return writes.insert_many(self, objs, table=table, columns=columns, progress=progress)

    def upsert_many(
        self,
        objs: Iterable[Any],
        *,
        conflict: OnConflict = None,
        update: Names = None,
        table: TableOf = None,
    ) -> int:
        """Insert or update the rows of all of the objects, or none; return how many.

        Args:
            objs: The objects; consumed as they are sent. All leave the same fields UNSET.
            conflict: What says which row is in an object's place: fields, a `Sql` for an index on
                expressions or on a part of the rows, or a `Constraint`; the key by default.
            update: Fields to update; all others by default, `()` to leave such rows alone.
            table: The table, `"name"` or `"schema.name"`, or the class whose table it is; the
                objects' own by default.

        Raises:
            DataError: If the same key comes twice.
        """
        from liteorm.postgres._sync import writes

        return writes.upsert_many(self, objs, conflict=conflict, update=update, table=table)

    def update_many(
        self,
        objs: Iterable[Any],
        *,
        columns: Names = None,
        table: TableOf = None,
    ) -> int:
        """Update the rows with the objects' keys in one statement; return how many were written.

        Objects whose row is not there, or has another version, are passed over.

        Args:
            objs: The objects. All leave the same fields UNSET.
            columns: Fields to write; all but the key by default.
            table: The table, `"name"` or `"schema.name"`, or the class whose table it is; the
                objects' own by default.

        Raises:
            DataError: If the same key comes twice; nothing is written.
        """
        from liteorm.postgres._sync import writes

        return writes.update_many(self, objs, columns=columns, table=table)

    def delete_many(self, model: type[Any], keys: Iterable[Any]) -> int:
        """Delete the rows with these keys in one statement, or none; return how many there were.

        Args:
            model: A class with a table.
            keys: The keys' values; tuples if the key has several columns.
        """
        from liteorm.postgres._sync import arrays

        return arrays.delete_many(self, model, keys)

    @overload
    def insert_returning(
        self, objs: Iterable[T], *, returning: None = None, table: TableOf = None
    ) -> list[T]: ...
    @overload
    def insert_returning(
        self, objs: Iterable[Any], *, returning: type[R], table: TableOf = None
    ) -> list[R]: ...
    def insert_returning(
        self, objs: Iterable[Any], *, returning: Any = None, table: TableOf = None
    ) -> list[Any]:
        """Insert the objects' rows, or none; return the rows as stored, in the same order.

        Args:
            objs: The objects. All leave the same fields UNSET.
            returning: The class that the stored rows come back as; the objects' by default.
            table: The table, `"name"` or `"schema.name"`, or the class whose table it is; the
                objects' own by default.
        """
        from liteorm.postgres._sync import arrays

        return arrays.insert_returning(self, objs, returning, table)
