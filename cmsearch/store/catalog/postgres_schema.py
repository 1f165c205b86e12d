"""What a catalog in PostgreSQL has beside the tables that it shares with SQLite's."""

# Tested by tests/unit/cmsearch/store/catalog/test_postgres.py

from __future__ import annotations

STATE = "cmsearch_state"
"""The table of one row: the format, how often anything was committed, how many rows and words the
index of words has.
"""
MIGRATIONS: dict[int, tuple[str, ...]] = {}
"""By the version that they start from, the statements that lead to the next one."""
NEWEST_FOLD = """CREATE FUNCTION fold(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT casefold($1 COLLATE "pg_unicode_fast") $$"""
OLDER_FOLD = """CREATE FUNCTION fold(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT lower($1 COLLATE "und-x-icu") $$"""
BEFORE = (
    # Lists are short: for the thousand rows that are planned for else, whole tables are read.
    """CREATE FUNCTION each_text(text) RETURNS TABLE (key bigint, value text) ROWS 40
    LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT place - 1, one COLLATE "C"
    FROM json_array_elements_text($1::json) WITH ORDINALITY AS rows(one, place) $$""",
    """CREATE FUNCTION each_number(text) RETURNS TABLE (key bigint, value bigint) ROWS 40
    LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT place - 1, one::bigint
    FROM json_array_elements_text($1::json) WITH ORDINALITY AS rows(one, place) $$""",
    """CREATE FUNCTION caseless(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE WHEN octet_length($1) = char_length($1) THEN lower($1 COLLATE "C")
    ELSE normalize(fold(normalize($1, NFD)), NFC) END $$""",
    # `length` of a column of bytes is one of SQL's; this is the same of vectors.
    """CREATE FUNCTION length(halfvec) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT 2 * vector_dims($1) $$""",
)
AFTER = (
    "ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE EXTERNAL,"
    " ALTER COLUMN tokens SET STORAGE EXTERNAL, ALTER COLUMN features SET STORAGE EXTERNAL",
    # Of how many files pass a filter only a guess is made: whatever the plan, none is looked up by
    # reading all items.
    "CREATE INDEX items_by_subject ON items ((coalesce(about, asset)))",
    f"""CREATE TABLE {STATE} (id integer PRIMARY KEY CHECK (id = 1), format integer NOT NULL,
    moment bigint NOT NULL, changed timestamptz NOT NULL,
    words_rows bigint NOT NULL, words_all bigint NOT NULL)""",
    # The words are those that `terms` gives, so that nothing parses or stems them here.
    """CREATE TABLE words (rowid bigint PRIMARY KEY, text varchar COLLATE "C" NOT NULL,
    size integer GENERATED ALWAYS AS
    (cardinality(array_remove(string_to_array(text, ' '), ''))) STORED,
    found tsvector GENERATED ALWAYS AS
    (array_to_tsvector(array_remove(string_to_array(left(text, 200000), ' '), ''))) STORED)""",
    "CREATE INDEX words_by_word ON words USING gin (found)",
    f"""CREATE FUNCTION count_words() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE {STATE} SET
        words_rows = words_rows + (CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END) * sums.rows,
        words_all = words_all + (CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END) * sums.words
    FROM (SELECT count(*) AS rows, coalesce(sum(size), 0) AS words FROM changed) AS sums;
    RETURN NULL; END $$""",
    """CREATE TRIGGER words_put AFTER INSERT ON words REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_words()""",
    """CREATE TRIGGER words_gone AFTER DELETE ON words REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION count_words()""",
)
