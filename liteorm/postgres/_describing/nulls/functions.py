"""PostgreSQL's own functions and operators, by what comes out of them.

Whatever is not listed here is not known. `.ci/total_functions.py` runs everything listed, on a
server, with the odd values of each type.
"""

from __future__ import annotations

from typing import Any, Final

from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.values import NEVER, UNKNOWN


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TOTAL_FUNCTIONS: Final = _words(
    """
    abs acos acosd age array_append array_cat array_prepend array_remove array_replace array_to_json
    array_to_string ascii asin atan atan2 bit_length btrim cardinality cbrt ceil ceiling char_length
    character_length chr convert_from cos cot crc32 date date_add date_bin date_subtract date_trunc
    decode degrees div encode erf exp factorial floor gamma gcd gen_random_uuid hashtext host
    initcap isempty isfinite json_array_length json_typeof jsonb_array_length jsonb_pretty
    jsonb_set jsonb_strip_nulls jsonb_typeof justify_days justify_hours justify_interval lcm left
    length lgamma like ln log log10 lower_inc lower_inf lpad ltrim make_date make_interval make_time
    make_timestamp make_timestamptz masklen md5 mod multirange normalize notlike now nextval
    octet_length overlay pi plainto_tsquery phraseto_tsquery position power pow quote_ident
    quote_literal radians random range_adjacent range_merge regexp_count regexp_instr regexp_like
    regexp_replace repeat replace reverse right round row_to_json rpad rtrim sha256
    sha512 sign sin sinh split_part sqrt starts_with statement_timestamp strip strpos tan tanh
    text timezone to_ascii to_bin to_date to_hex to_json to_jsonb to_oct to_timestamp
    to_tsquery to_tsvector transaction_timestamp translate trim_array trim_scale trunc ts_headline
    ts_rank ts_rank_cd txid_current upper_inc upper_inf uuidv4 uuidv7 version websearch_to_tsquery
    clock_timestamp timeofday pg_backend_pid pg_current_xact_id width_bucket
    lower upper substring substr int2 int4 int8 float4 float8 numeric bool bpchar varchar name
    timestamp timestamptz interval time timetz extract date_part
    """
)

PARTIAL: Final = _words(
    """
    lower(anyrange) upper(anyrange) lower(anymultirange) upper(anymultirange)
    substring(text,text) substring(text,text,text)
    time(timestamp) time(timestamptz) timetz(timestamptz)
    path_add(path,path)
    int2(jsonb) int4(jsonb) int8(jsonb) float4(jsonb) float8(jsonb) numeric(jsonb) bool(jsonb)
    """
)
"""Of the same names, but NULL for some values: a missing bound, no match, infinity, JSON's null."""

NEVER_NULL: Final = _words(
    """
    concat json_build_array json_build_object jsonb_build_array jsonb_build_object num_nonnulls
    num_nulls quote_nullable
    """
)
"""Give a value whatever goes in."""

COALESCING: Final = _words("array_cat(anycompatiblearray,anycompatiblearray)")
"""NULL only if both arguments are."""

INTEGER_CASTS: Final = _words("int2 int4 int8")

BY_FIELD: Final = _words("extract date_part")

_MONOTONIC: Final = _words("epoch julian year isoyear decade century millennium")
"""Fields that `extract` gives of an infinite timestamp too; the others are NULL there."""

TOTAL_OPERATORS: Final = _words(
    """
    = <> != < <= > >= + - * / % ^ || |/ ||/ & | << >> ~ ~* !~ !~* ~~ ~~* !~~ !~~* @> <@ && ? ?| ?&
    -|- &< &> ^@
    """
)

COUNTS: Final = _words("count regr_count")
"""Aggregates that give a value for no rows at all."""

TOTAL_AGGREGATES: Final = _words(
    """
    any_value avg bit_and bit_or bit_xor bool_and bool_or every max min range_agg
    range_intersect_agg stddev_pop string_agg sum var_pop xmlagg
    """
)
"""Give a value as soon as one value goes in that is not NULL."""

GATHERING: Final = _words("array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg")
"""Give a value for one row or more, NULLs inside it included."""

SPREADS: Final = _words("stddev stddev_samp var_samp variance")

ORDERED: Final = _words("mode percentile_cont percentile_disc")
"""Ordered-set aggregates that give a value as soon as one value goes in that is not NULL."""

RANKS: Final = _words("row_number rank dense_rank percent_rank cume_dist")
"""Window functions that give a value for every row."""

ROW_SOURCES: Final[dict[str, tuple[int, ...]]] = {
    "generate_series": (NEVER,),
    "generate_subscripts": (NEVER,),
    "json_array_elements": (NEVER,),
    "json_array_elements_text": (UNKNOWN,),
    "json_each": (NEVER, NEVER),
    "json_each_text": (NEVER, UNKNOWN),
    "json_object_keys": (NEVER,),
    "jsonb_array_elements": (NEVER,),
    "jsonb_array_elements_text": (UNKNOWN,),
    "jsonb_each": (NEVER, NEVER),
    "jsonb_each_text": (NEVER, UNKNOWN),
    "jsonb_object_keys": (NEVER,),
    "regexp_split_to_table": (NEVER,),
    "string_to_table": (UNKNOWN,),
}
"""Set-returning functions: whether their columns can be NULL."""


RECORD_SOURCES: Final = _words(
    "json_to_record json_to_recordset jsonb_to_record jsonb_to_recordset json_populate_record"
    " json_populate_recordset jsonb_populate_record jsonb_populate_recordset"
)
"""Give NULL for each key that is not in the JSON."""


def is_total(name: str) -> bool:
    """Return whether every function of this name gives a value for all values."""
    return name in TOTAL_FUNCTIONS


def total(signature: str, name: str) -> bool:
    """Return whether a function gives a value for all values."""
    return name in TOTAL_FUNCTIONS and signature not in PARTIAL


def total_field(field: Any) -> bool:
    """Return whether a field is one that every date has."""
    if not isinstance(field, Node) or field.kind != "CONST":
        return False
    text = bytes(item % 256 for item in field.nodes("constvalue"))[4:].decode("ascii", "replace")
    return text.lower() in _MONOTONIC
