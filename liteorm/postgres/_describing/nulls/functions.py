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
    array_reverse array_sample array_shuffle array_sort array_to_json
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
    brin_desummarize_range brin_summarize_new_values brin_summarize_range current_database
    current_schemas current_setting
    current_user currval database_to_xml database_to_xml_and_xmlschema database_to_xmlschema
    gen_random_uuid getdatabaseencoding gin_clean_pending_list lastval lo_close lo_creat lo_create
    lo_from_bytea lo_get lo_lseek lo_lseek64 lo_open lo_put lo_tell lo_tell64 lo_truncate
    lo_truncate64 lo_unlink loread lowrite nextval pg_advisory_lock pg_advisory_lock_shared
    pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared pg_advisory_xact_lock
    pg_advisory_xact_lock_shared pg_backend_pid pg_blocking_pids pg_cancel_backend
    pg_client_encoding pg_column_is_updatable pg_column_size pg_conf_load_time pg_current_snapshot
    pg_current_xact_id pg_export_snapshot pg_get_userbyid pg_has_role pg_is_in_recovery
    pg_my_temp_schema pg_notification_queue_usage pg_postmaster_start_time pg_relation_is_updatable
    pg_reload_conf pg_size_bytes pg_size_pretty pg_sleep
    pg_snapshot_xmax pg_snapshot_xmin pg_terminate_backend pg_trigger_depth pg_try_advisory_lock
    pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared
    pg_visible_in_snapshot pg_wal_lsn_diff query_to_xml query_to_xml_and_xmlschema
    query_to_xmlschema row_security_active schema_to_xml schema_to_xml_and_xmlschema
    schema_to_xmlschema session_user set_config setval table_to_xml table_to_xml_and_xmlschema
    table_to_xmlschema txid_current txid_current_snapshot uuidv4 uuidv7 version xml_is_well_formed
    xml_is_well_formed_content xml_is_well_formed_document xmlcomment xmlexists xpath xpath_exists
    """
)
_SUPPORT: Final = _words(
    """
    array_send bit_send bitcmp boolsend box_send bpcharcmp bpcharsend btarraycmp btboolcmp btcharcmp
    btfloat4cmp btfloat8cmp btint2cmp btint4cmp btint8cmp btnamecmp btoidcmp btrecordcmp bttextcmp
    bttidcmp byteacmp byteasend cash_cmp cash_send charsend cidr_send circle_send date_cmp date_send
    enum_cmp enum_send float4send float8send hash_aclitem hash_aclitem_extended hash_array
    hash_array_extended hash_multirange hash_multirange_extended hash_numeric hash_numeric_extended
    hash_range hash_range_extended hash_record hash_record_extended hashbool hashboolextended
    hashbpchar hashbpcharextended hashbytea hashbyteaextended hashchar hashcharextended hashdate
    hashdateextended hashenum hashenumextended hashfloat4 hashfloat4extended hashfloat8
    hashfloat8extended hashinet hashinetextended hashint2 hashint2extended hashint4 hashint4extended
    hashint8 hashint8extended hashmacaddr hashmacaddr8 hashmacaddr8extended hashmacaddrextended
    hashname hashnameextended hashoid hashoidextended hashoidvector hashoidvectorextended hashtid
    hashtidextended inet_send int2send int4send int8send interval_cmp interval_hash
    interval_hash_extended interval_send json_send jsonb_cmp jsonb_hash jsonb_hash_extended
    jsonb_send line_send lseg_send macaddr8_cmp macaddr8_send macaddr_cmp macaddr_send
    multirange_cmp multirange_send namesend network_cmp numeric_cmp numeric_send oidsend path_send
    pg_lsn_cmp pg_lsn_hash pg_lsn_hash_extended pg_lsn_send point_send poly_send range_cmp
    range_send record_image_ge record_image_gt record_image_le record_image_lt record_image_ne
    record_image_eq record_send textsend tidsend time_cmp time_hash time_hash_extended time_send
    timestamp_cmp timestamp_hash timestamp_hash_extended timestamp_send timestamptz_cmp
    timestamptz_hash timestamptz_hash_extended timestamptz_send timetz_cmp timetz_hash
    timetz_hash_extended timetz_send tsquery_cmp tsquerysend tsvector_cmp tsvectorsend uuid_cmp
    uuid_hash uuid_hash_extended uuid_send varbit_send varbitcmp varcharsend xid8cmp xid8send
    xidsend
    """
)
"""What indexes and the binary form of values are made with: the server refuses a NULL from it."""

TOTAL_FUNCTIONS: Final = (
    frozenset[str]()
    .union(_NUMBERS, _TEXT, _TIMES, _TYPES, _ARRAYS, _RANGES, _JSON, _NET, _GEO, _SEARCH, _SERVER)
    .union(_SUPPORT)
)
"""Give a value for all values that are not NULL."""

STEADY: Final = TOTAL_FUNCTIONS - _SERVER
"""Of those, the ones that ask for nothing but their arguments and settings."""

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
    array_append array_fill array_prepend concat daterange enum_first enum_last enum_range int4range
    int8range json_build_array json_build_object jsonb_build_array jsonb_build_object num_nonnulls
    num_nulls numrange pg_notify pg_typeof quote_nullable tsrange tstzrange
    """
)
"""Give a value whatever goes in."""

COUNTING: Final = _words("num_nonnulls num_nulls")

BY_FIRST: Final = _words(
    "array_positions array_remove array_replace concat_ws format format_type string_to_array"
)
"""NULL only if the first argument is."""

BY_FIRST_TWO: Final = _words("array_to_string(anyarray,text,text)")
"""NULL only if one of the first two arguments is."""

COALESCING: Final = _words("array_cat(anycompatiblearray,anycompatiblearray)")
"""NULL only if both arguments are."""

NUMBER_CASTS: Final = _words("int2 int4 int8 numeric float4 float8")

BY_FIELD: Final = _words("extract date_part")

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

GATHERING: Final = _words(
    """
    array_agg json_agg json_agg_strict json_object_agg json_object_agg_strict json_object_agg_unique
    json_object_agg_unique_strict jsonb_agg jsonb_agg_strict jsonb_object_agg
    jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
    """
)
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
    "aclexplode": (NEVER,) * 4,
    "jsonb_path_query": (NEVER,),
    "jsonb_path_query_tz": (NEVER,),
    "pg_options_to_table": (NEVER, UNKNOWN),
    "unnest(tsvector)": (NEVER, UNKNOWN, UNKNOWN),
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


def text_of(node: Any) -> str | None:
    """Return the text of a constant."""
    if not isinstance(node, Node) or node.kind != "CONST" or node.flag("constisnull"):
        return None
    return bytes(item % 256 for item in node.nodes("constvalue"))[4:].decode("utf-8", "replace")
