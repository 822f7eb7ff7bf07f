"""PostgreSQL's own functions and operators that give a value for every combination of values.

NULL comes out only where NULL goes in. Left out on purpose: what gives NULL for some values
(`nullif`, `array_length` of an empty array, `->`, `to_char` of infinity, `regexp_match`) and
whatever returns a set.
"""

from typing import Final


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
    """
)
"""`lower` and `upper` are not here: of a range they are its bounds, which may be missing."""

TEXT_FUNCTIONS: Final = _words("lower upper")
"""Give a value where the argument is known not to be a range."""

NEVER_NULL: Final = _words(
    """
    concat json_build_array json_build_object jsonb_build_array jsonb_build_object num_nonnulls
    num_nulls quote_nullable
    """
)
"""Give a value whatever goes in."""

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
    any_value avg bit_and bit_or bool_and bool_or every max min string_agg sum range_agg
    """
)
"""Give a value for one row or more, if no argument is NULL in any of them."""

GATHERING: Final = _words("array_agg json_agg jsonb_agg xmlagg")
"""Give a value for one row or more, NULLs inside it included."""

OTHER_AGGREGATES: Final = _words(
    """
    bit_xor corr covar_pop covar_samp json_object_agg jsonb_object_agg mode percentile_cont
    percentile_disc range_intersect_agg regr_avgx regr_avgy regr_intercept regr_r2 regr_slope
    regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp var_pop var_samp variance
    """
)

RANKS: Final = _words("row_number rank dense_rank percent_rank cume_dist")
"""Window functions that give a value for every row."""

ROW_SOURCES: Final[dict[str, tuple[tuple[str, bool | None], ...]]] = {
    "generate_series": (("", False),),
    "generate_subscripts": (("", False),),
    "json_array_elements": (("value", False),),
    "json_array_elements_text": (("value", None),),
    "json_each": (("key", False), ("value", False)),
    "json_each_text": (("key", False), ("value", None)),
    "json_object_keys": (("", False),),
    "jsonb_array_elements": (("value", False),),
    "jsonb_array_elements_text": (("value", None),),
    "jsonb_each": (("key", False), ("value", False)),
    "jsonb_each_text": (("key", False), ("value", None)),
    "jsonb_object_keys": (("", False),),
    "regexp_split_to_table": (("", False),),
    "string_to_table": (("", None),),
    "unnest": (("", None),),
}
"""Set-returning functions: their columns, and whether these can be NULL ("": named after it)."""

MONOTONIC_FIELDS: Final = _words("epoch julian year isoyear decade century millennium")
"""Fields that `extract` gives of an infinite timestamp too; the others are NULL there."""
