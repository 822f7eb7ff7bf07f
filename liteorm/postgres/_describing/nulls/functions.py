"""PostgreSQL's own functions and operators, by what comes out of them.

Whatever is not listed here is not known. `tests/check/total_functions.py` runs everything listed,
on a server, with the odd values of each type.
"""

from __future__ import annotations

from typing import Any, Final

from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.values import NEVER, UNKNOWN


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMBERS: Final = _words(
    """
    abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cash_words cbrt ceil
    ceiling cos cosd cosh cot cotd degrees div erf erfc exp factorial floor gamma gcd lcm lgamma ln
    log log10 mod pi pow power radians random random_normal round sign sin sind sinh sqrt tan tand
    tanh to_bin to_char to_hex to_oct trim_scale trunc width_bucket
    """
)
_TEXT: Final = _words(
    """
    ascii bit_count bit_length btrim casefold char_length character_length chr convert convert_from
    convert_to crc32 crc32c decode encode get_bit get_byte hashtext hashtextextended initcap
    is_normalized left length like like_escape lower lpad ltrim md5 normalize notlike octet_length
    overlay parse_ident position quote_ident quote_literal regexp_count regexp_instr regexp_like
    regexp_replace regexp_split_to_array repeat replace reverse right rpad rtrim set_bit set_byte
    sha224 sha256 sha384 sha512 similar_to_escape split_part starts_with strpos substr substring
    to_ascii to_number translate unicode_assigned unistr upper
    """
)
_TIMES: Final = _words(
    """
    age clock_timestamp date date_add date_bin date_part date_subtract date_trunc extract interval
    isfinite justify_days justify_hours justify_interval make_date make_interval make_time
    make_timestamp make_timestamptz now overlaps statement_timestamp time timeofday timestamp
    timestamptz timetz timezone to_date to_timestamp transaction_timestamp
    """
)
_TYPES: Final = _words(
    """
    bit bool bpchar bytea char cidr float4 float8 inet int2 int4 int8 macaddr macaddr8 money name
    numeric oid pg_lsn regclass text varbit varchar xid xml
    """
)
_ARRAYS: Final = _words(
    """
    array_fill array_positions array_reverse array_sample array_shuffle array_sort array_to_json
    array_to_string array_to_tsvector cardinality trim_array
    """
)
_RANGES: Final = _words(
    """
    datemultirange int4multirange int8multirange isempty lower_inc lower_inf multirange
    nummultirange range_adjacent range_merge tsmultirange tstzmultirange upper_inc upper_inf
    """
)
_JSON: Final = _words(
    """
    json_array_length json_object json_strip_nulls json_to_tsvector json_typeof jsonb_array_length
    jsonb_insert jsonb_object jsonb_path_query_array jsonb_path_query_array_tz jsonb_pretty
    jsonb_set jsonb_strip_nulls jsonb_to_tsvector jsonb_typeof row_to_json to_json to_jsonb
    """
)
_NET: Final = _words(
    """
    abbrev broadcast family host hostmask inet_merge inet_same_family macaddr8_set7bit masklen
    netmask network set_masklen
    """
)
_GEO: Final = _words(
    """
    area bound_box box center circle diagonal diameter height isclosed ishorizontal isopen
    isparallel isperp isvertical line lseg npoints path pclose point polygon popen radius slope
    width
    """
)
_SEARCH: Final = _words(
    """
    get_current_ts_config numnode phraseto_tsquery plainto_tsquery querytree setweight strip
    to_tsquery to_tsvector ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsquery_phrase
    ts_rewrite tsvector_to_array websearch_to_tsquery
    """
)
_SERVER: Final = _words(
    """
    brin_summarize_new_values brin_summarize_range current_database current_schemas
    current_setting current_user currval gen_random_uuid gin_clean_pending_list
    getdatabaseencoding lastval nextval pg_advisory_unlock pg_advisory_unlock_shared pg_backend_pid
    pg_column_size pg_current_snapshot pg_current_xact_id pg_postmaster_start_time
    pg_size_bytes pg_size_pretty pg_try_advisory_lock pg_try_advisory_lock_shared
    pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_wal_lsn_diff session_user
    set_config setval txid_current txid_current_snapshot uuidv4 uuidv7 version xml_is_well_formed
    xml_is_well_formed_content xml_is_well_formed_document xmlcomment xpath xpath_exists
    """
)

TOTAL_FUNCTIONS: Final = frozenset[str]().union(
    _NUMBERS, _TEXT, _TIMES, _TYPES, _ARRAYS, _RANGES, _JSON, _NET, _GEO, _SEARCH, _SERVER
)
"""Give a value for all values that are not NULL."""

PARTIAL: Final = _words(
    """
    area(path) box_intersect(box,box) current_setting(text,bool)
    jsonb_path_exists_opr(jsonb,jsonpath) jsonb_path_match_opr(jsonb,jsonpath)
    line_interpt(line,line) lower(anymultirange)
    lower(anyrange) lseg_interpt(lseg,lseg) path_add(path,path) path_distance(path,path)
    substring(text,text) substring(text,text,text) time(timestamp) time(timestamptz)
    timetz(timestamptz) to_char(interval,text) to_char(timestamp,text) to_char(timestamptz,text)
    to_number(text,text) upper(anymultirange) upper(anyrange) bool(jsonb) float4(jsonb)
    float8(jsonb) int2(jsonb) int4(jsonb) int8(jsonb) numeric(jsonb)
    """
)
"""Of the same names, but NULL for some values: a missing bound, no match, infinity, JSON's null."""

NEVER_NULL: Final = _words(
    """
    array_append array_prepend concat daterange enum_first enum_last enum_range int4range int8range
    json_build_array json_build_object jsonb_build_array jsonb_build_object num_nonnulls num_nulls
    numrange pg_typeof quote_nullable tsrange tstzrange
    """
)
"""Give a value whatever goes in."""

BY_FIRST: Final = _words("array_remove array_replace concat_ws format format_type string_to_array")
"""NULL only if the first argument is."""

COALESCING: Final = _words("array_cat(anycompatiblearray,anycompatiblearray)")
"""NULL only if both arguments are."""

INTEGER_CASTS: Final = _words("int2 int4 int8")

BY_FIELD: Final = _words("extract date_part")
BY_FORMAT: Final = _words("to_char to_number")

_MONOTONIC: Final = _words("epoch julian year isoyear decade century millennium")
"""Fields that `extract` gives of an infinite timestamp too; the others are NULL there."""

TOTAL_OPERATORS: Final = _words(
    """
    = <> != < <= > >= + - * / % ^ || |/ ||/ & | # << >> ~ ~* !~ !~* ~~ ~~* !~~ !~~* @> <@ && ? ?|
    ?& -|- &< &> ^@ @ @@ @@@ !! <-> @-@ ?# ?- ?-| ?|| <<| |>> &<| |&> <^ >^ ~= #- <<= >>= <#> <=>
    <+> <%> <~>
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

SPREADS: Final = _words(
    "corr covar_samp regr_intercept regr_r2 regr_slope stddev stddev_samp var_samp variance"
)
"""NULL of a single row."""

ORDERED: Final = _words("mode percentile_cont percentile_disc")
"""Ordered-set aggregates that give a value as soon as one value goes in that is not NULL."""

RANKS: Final = _words("row_number rank dense_rank percent_rank cume_dist")
"""Window functions that give a value for every row."""

ROW_SOURCES: Final[dict[str, tuple[int, ...]]] = {
    "generate_series": (NEVER,),
    "pg_cursor": (NEVER,) * 6,
    "pg_partition_ancestors": (NEVER,),
    "pg_partition_tree": (NEVER, UNKNOWN, NEVER, NEVER),
    "ts_debug": (NEVER, NEVER, NEVER, NEVER, UNKNOWN, UNKNOWN),
    "ts_parse": (NEVER, NEVER),
    "ts_token_type": (NEVER, NEVER, NEVER),
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
    "jsonb_path_query": (NEVER,),
    "regexp_matches": (NEVER,),
    "regexp_split_to_table": (NEVER,),
    "string_to_table(text,text)": (NEVER,),
    "unnest(anymultirange)": (NEVER,),
}
"""Set-returning functions, by name or signature: whether their columns can be NULL."""


RECORD_SOURCES: Final = _words(
    "json_to_record json_to_recordset jsonb_to_record jsonb_to_recordset json_populate_record"
    " json_populate_recordset jsonb_populate_record jsonb_populate_recordset"
)
"""Give NULL for each key that is not in the JSON."""


def row_states(signature: str, name: str) -> tuple[int, ...] | None:
    """Return whether the columns of a set-returning function can be NULL."""
    return ROW_SOURCES.get(signature) or ROW_SOURCES.get(name)


def is_total(name: str) -> bool:
    """Return whether every function of this name gives a value for all values."""
    return name in TOTAL_FUNCTIONS


def total(signature: str, name: str, operators: frozenset[str] = frozenset()) -> bool:
    """Return whether a function gives a value for all values, as what its operators do."""
    listed = name in TOTAL_FUNCTIONS or operators & TOTAL_OPERATORS or _asks_by_name(signature)
    return bool(listed) and signature not in PARTIAL


def _asks_by_name(signature: str) -> bool:
    """Return whether it is `has_table_privilege('t', …)` or the like: an oid may be of nothing."""
    name, _, arguments = signature.partition("(")
    asks = name.startswith("has_") and name.endswith("_privilege") and "column" not in name
    return asks and "oid" not in arguments


def total_field(signature: str, args: list[Any]) -> bool:
    """Return whether `extract` gives a value: a field that infinity has, or no infinity."""
    if signature.endswith((",time)", ",timetz)")) or is_finite(args[1]):
        return True
    return (text_of(args[0]) or "").lower() in _MONOTONIC


def total_format(signature: str, args: list[Any]) -> bool:
    """Return whether `to_char` or `to_number` gives a value, although not for all values."""
    if not text_of(args[1]):
        return False
    return signature == "to_number(text,text)" or (signature in _FORMATTED and is_finite(args[0]))


_FORMATTED: Final = _words("to_char(timestamp,text) to_char(timestamptz,text)")
_CLOCKS: Final = frozenset({1299, 2647, 2648, 2649})
"""The oids of `now` and its likes."""
_NO_CURRENT_TIME: Final = 9
"""From this number on, what SQL's own words give is no time: `current_user` and the like."""


def is_finite(node: Any) -> bool:
    """Return whether a date is `current_date` or the like, which is not infinite."""
    if not isinstance(node, Node):
        return False
    if node.kind == "FUNCEXPR":
        return node.number("funcid") in _CLOCKS
    return node.kind == "SQLVALUEFUNCTION" and node.number("op") < _NO_CURRENT_TIME


def text_of(node: Any) -> str | None:
    """Return the text of a constant."""
    if not isinstance(node, Node) or node.kind != "CONST" or node.flag("constisnull"):
        return None
    return bytes(item % 256 for item in node.nodes("constvalue"))[4:].decode("utf-8", "replace")
