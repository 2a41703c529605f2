/* Tables as a source describes them and a sink creates them. */
#ifndef RNL_SCHEMA_H
#define RNL_SCHEMA_H

#include <runnel/value.h>

/* flags of a column */
enum {
    RNL_COLUMN_NULLABLE = 1 << 0,
    RNL_COLUMN_KEY = 1 << 1,       /* part of the primary key */
    RNL_COLUMN_GENERATED = 1 << 2, /* computed by the source: see generated */
    RNL_COLUMN_VIRTUAL = 1 << 3,   /* with GENERATED: computed when read, not stored */
    RNL_COLUMN_IDENTITY = 1 << 4,  /* numbered by the server (AUTO_INCREMENT, identity, serial) */
    RNL_COLUMN_ENUM = 1 << 5,      /* TEXT, one of labels, or empty */
    RNL_COLUMN_SET = 1 << 6,       /* TEXT, some of labels, joined by commas */
    RNL_COLUMN_FIXED = 1 << 7,     /* CHAR(n), BINARY(n) */
    RNL_COLUMN_BOOLISH = 1 << 8,   /* INT that people use as a boolean: TINYINT(1) */
    RNL_COLUMN_TOUCHED = 1 << 9,   /* set to now at each update (ON UPDATE CURRENT_TIMESTAMP) */
    RNL_COLUMN_INVISIBLE = 1 << 10,
    RNL_COLUMN_ALWAYS = 1 << 11, /* with IDENTITY: GENERATED ALWAYS */
    /*
     * With type NATIVE, so that a sink of another dialect can make JSON of the text:
     * '{1,NULL,"a b"}' of elements, '(1,"a b",)' of fields that labels name,
     * '"a"=>"1", "b"=>NULL' of pairs.
     */
    RNL_COLUMN_ARRAY = 1 << 12,     /* element says of what */
    RNL_COLUMN_COMPOSITE = 1 << 13, /* labels: names of the fields */
    RNL_COLUMN_MAP = 1 << 14,       /* hstore */
    RNL_COLUMN_DOMAIN = 1 << 15,    /* type_name is a domain; all else is its base type's */
};

/* what a column's default is */
enum rnl_default {
    RNL_DEFAULT_NONE = 0,
    RNL_DEFAULT_NULL,       /* NULL, in words */
    RNL_DEFAULT_LITERAL,    /* default_text is the value's text, without quotes */
    RNL_DEFAULT_NOW,        /* the moment of the statement; scale of the column */
    RNL_DEFAULT_EXPRESSION, /* default_text is an expression in the source's dialect */
};

/*
 * What is known of the data in a column, found by reading it (core/check.c);
 * a sink with an `auto` policy decides by them. A fact counts only if its bit
 * stands in facts_known.
 */
enum rnl_fact {
    RNL_FACT_NOT_BOOL = 1 << 0,        /* an integer other than 0 and 1 */
    RNL_FACT_ABOVE_INT64 = 1 << 1,     /* an unsigned integer of 2^63 or more */
    RNL_FACT_ZERO_DATE = 1 << 2,       /* 0000-00-00 */
    RNL_FACT_PARTIAL_DATE = 1 << 3,    /* 2020-02-00, 2020-00-00, or any day no calendar has */
    RNL_FACT_TIME_BEYOND_DAY = 1 << 4, /* a TIME below 0 or of 24 h and more */
    RNL_FACT_NUL = 1 << 5,             /* a zero byte in text */
    RNL_FACT_NOT_UTF8 = 1 << 6,        /* text that is no valid UTF-8 */
    RNL_FACT_JSON_NUL = 1 << 7,        /* \u0000 in JSON */
    RNL_FACT_JSON_DUPLICATES = 1 << 8, /* the same key twice in one JSON object */
    RNL_FACT_JSON_NUMBER = 1 << 9,     /* a JSON number that a database's numeric can't hold */
    RNL_FACT_EMPTY_LABEL = 1 << 10,    /* the empty label of an enum that has none such */
    RNL_FACT_JSON_INVALID = 1 << 11,   /* text that is no JSON */
    RNL_FACT_BEYOND_RANGE =
        1 << 12, /* a date or timestamp that the calendar of years 1-9999 lacks */
    RNL_FACT_JSON_SURROGATE = 1 << 13, /* half of a surrogate pair in JSON: \ud800 alone */
    RNL_FACT_NOT_FINITE = 1 << 14,     /* NaN or an infinity, of numbers and dates */
    RNL_FACT_DIGITS = 1 << 15,         /* known: max_digits and max_scale are measured */
    RNL_FACT_LENGTH = 1 << 16,         /* known: max_length is measured */
    RNL_FACT_JSON_DIGITS = 1 << 17, /* a JSON number that is no integer of 64 bits, nor a double */
};

struct rnl_column {
    const char *name;
    const char *native;  /* as the source spells the type: "decimal(12,2) unsigned" */
    const char *comment; /* NULL or "" for none, as all texts here */
    const char *charset;
    const char *collation;
    const char *default_text;  /* see enum rnl_default */
    const char *generated;     /* the expression, in the source's dialect */
    const char *const *labels; /* of an enum or set, UTF-8 */
    uint32_t nlabels;
    uint16_t type;  /* enum rnl_type */
    uint16_t width; /* bytes of an INT or UINT: 1, 2, 3, 4 or 8; else 0 */
    uint32_t flags;
    uint32_t length; /* characters of TEXT, bytes of BYTES, bits of BITS; 0 when unbounded */
    uint16_t precision, scale; /* digits of DECIMAL; scale: also digits of a second's fraction */
    uint16_t default_kind;     /* enum rnl_default */
    uint16_t reserved;
    uint32_t srid;
    uint32_t facts, facts_known; /* enum rnl_fact; set by the host */
    uint32_t element;            /* of an ARRAY: enum rnl_type, or NATIVE */
    /* of a type that isn't built into the server (enum, domain, composite, of an extension); for an
     * ARRAY its elements'; NULL: built in */
    const char *type_schema, *type_name;
    uint32_t max_length;            /* the longest value, in characters of TEXT, bytes of others */
    uint16_t max_digits, max_scale; /* of DECIMAL: the most before and behind the point */
    uint64_t next_value;            /* of an IDENTITY: the number given next; 0: unknown */
    int64_t increment;              /* of an IDENTITY; 0: 1 */
    const char *storage; /* what else the source's CREATE TABLE says of it, in its dialect */
    /* The source's own number of the column, which another name leaves as it is (attnum); 0: it
     * has none. */
    uint32_t number;
    uint32_t reserved2;
};

/* flags of an index */
enum {
    RNL_INDEX_PRIMARY = 1 << 0,
    RNL_INDEX_UNIQUE = 1 << 1,
    RNL_INDEX_FULLTEXT = 1 << 2,
    RNL_INDEX_SPATIAL = 1 << 3,
    RNL_INDEX_HASH = 1 << 4,
    RNL_INDEX_INVISIBLE = 1 << 5,
    RNL_INDEX_NULLS_EQUAL = 1 << 6, /* UNIQUE: one NULL at most (NULLS NOT DISTINCT) */
    RNL_INDEX_CONSTRAINT = 1 << 7,  /* UNIQUE: stands as a constraint */
    RNL_INDEX_DEFERRABLE = 1 << 8,
    RNL_INDEX_DEFERRED = 1 << 9, /* with DEFERRABLE: initially */
    RNL_INDEX_EXCLUDE = 1 << 10, /* an exclusion constraint: options is all of it, "USING …" */
};

struct rnl_index_part {
    const char *expression; /* in the source's dialect; NULL when it is a column */
    uint32_t column;        /* index in the table; meaningless with an expression */
    uint32_t prefix;        /* characters (bytes of BYTES) of the column that count; 0: all */
    uint32_t descending;    /* 0 or 1 */
    uint32_t reserved;
};

struct rnl_index {
    const char *name;
    const char *comment;
    const char *where; /* of a partial index, in the source's dialect */
    const struct rnl_index_part *parts;
    uint32_t nparts;
    uint32_t flags;
    const char *method;  /* "btree", "gin", …; NULL: the usual one */
    const char *options; /* what stands behind the parts: "WITH (fillfactor=70)" */
    /* of each part, in the dialect: collation, operator class, NULLS FIRST; NULL: none of any */
    const char *const *part_options;
    const uint32_t *include; /* columns held beside the key */
    uint32_t ninclude;
    uint32_t reserved;
};

enum rnl_action {
    RNL_ACTION_NONE = 0, /* NO ACTION */
    RNL_ACTION_RESTRICT,
    RNL_ACTION_CASCADE,
    RNL_ACTION_SET_NULL,
    RNL_ACTION_SET_DEFAULT,
};

/* flags of a foreign key */
enum {
    RNL_FOREIGN_KEY_DEFERRABLE = 1 << 0,
    RNL_FOREIGN_KEY_DEFERRED = 1 << 1, /* with DEFERRABLE: initially */
    RNL_FOREIGN_KEY_MATCH_FULL = 1 << 2,
    RNL_FOREIGN_KEY_UNCHECKED = 1 << 3, /* the source holds rows that it never checked */
};

struct rnl_foreign_key {
    const char *name;
    const char *ref_schema;
    const char *ref_table;
    const uint32_t *columns;        /* indexes in this table */
    const char *const *ref_columns; /* names in the other */
    uint32_t ncolumns;
    uint16_t on_delete, on_update; /* enum rnl_action */
    uint32_t flags;
    uint32_t reserved;
};

struct rnl_check {
    const char *name;
    const char *expression; /* in the source's dialect */
    uint32_t enforced;      /* 0 or 1 */
    uint32_t of_type;       /* 1: a domain's, spelled for the column; needless where that exists */
};

/* One partition of a table whose rows are read and written through the table itself. */
struct rnl_partition {
    const char *schema, *name; /* of the partition where it is a table; name alone otherwise */
    const char *parent;        /* name of the partition it is part of; NULL: of the table */
    const char *bounds;        /* "FOR VALUES FROM (1) TO (9)", "VALUES LESS THAN (9)" */
    const char *partition_by;  /* of one that has partitions itself: "LIST (kind)" */
};

/* A thing beside tables that columns need: made before them, in the order of the catalog. */
enum rnl_object_kind {
    RNL_OBJECT_EXTENSION = 1,
    RNL_OBJECT_ENUM,      /* definition: "('a', 'b')" */
    RNL_OBJECT_COMPOSITE, /* definition: "(x integer, y text)" */
    RNL_OBJECT_DOMAIN,    /* definition: "integer NOT NULL CHECK (VALUE > 0)" */
    RNL_OBJECT_SEQUENCE,  /* definition: "AS bigint INCREMENT BY 1 …"; value */
    RNL_OBJECT_TYPE,      /* another type; definition: "AS RANGE (…)" */
};
struct rnl_object {
    uint32_t size;
    uint32_t kind;
    const char *schema, *name, *comment;
    const char *dialect;
    const char *definition; /* what stands behind CREATE … name, in the dialect */
    /* of a sequence: the column that it belongs to, or NULL */
    const char *owner_schema, *owner_table, *owner_column;
    int64_t value; /* of a sequence: the number given next */
    uint64_t reserved;
};

/* What the operator wants read in the place of a table. */
struct rnl_query {
    uint32_t size;
    uint32_t reserved;
    const char *schema, *name; /* under which its rows go on; schema may be "" */
    const char *sql;           /* one SELECT in the source's dialect */
    const char *key; /* columns of the result that tell its rows apart, by commas; or NULL */
};

/* flags of a table */
enum {
    RNL_TABLE_PARTITIONED = 1 << 0, /* see partition_by */
    /* Set by the host in a new start: the earlier run didn't load it, so that one of its name
     * in the target is somebody's, and no RNL_DROP_AND_RECREATE is meant for it. */
    RNL_TABLE_NOT_OURS = 1 << 1,
    /* Set by the host: the operator chose the schema for this table, so that it counts as it
     * is, whatever a sink does with schemas of the source; only its own option comes before. */
    RNL_TABLE_PLACED = 1 << 2,
    /* Set by the host in a run that goes on (resuming): the table was added to the pipeline later,
     * or is loaded anew, and isn't complete yet. */
    RNL_TABLE_JOINS = 1 << 3,
    /* With JOINS: it does so from this run on, which is to a source's follow() and to map() what a
     * first run is to other tables: make it known to the server, refuse what can't be. */
    RNL_TABLE_JOINS_NOW = 1 << 4,
    /* With JOINS: loaded anew. What stands of it in the target is dropped and made again, as with
     * RNL_DROP_AND_RECREATE; where tables are not made by the run, it is emptied. */
    RNL_TABLE_AGAIN = 1 << 5,
};

/*
 * Each *_size is the size of one element as its maker knew it: readers step by
 * it. The host copies all of a table in table_add and stamps its own sizes.
 */
struct rnl_table {
    uint32_t size;
    uint32_t flags;
    const char *schema;
    const char *name;
    const char *comment;
    const char *dialect; /* of the expressions in here: "mysql", "postgres", "sqlite" */
    const struct rnl_column *columns;
    const struct rnl_index *indexes;
    const struct rnl_foreign_key *foreign_keys;
    const struct rnl_check *checks;
    uint32_t ncolumns, column_size;
    uint32_t nindexes, index_size;
    uint32_t nforeign_keys, foreign_key_size;
    uint32_t nchecks, check_size;
    int64_t rows;             /* an estimate; -1 when unknown */
    int64_t bytes;            /* an estimate of the data's size; -1 when unknown */
    uint64_t next_identity;   /* the number the server gives next; 0 when there is none */
    const char *where;        /* a row filter in the source's dialect, set by the host */
    const char *query;        /* the rows are this SELECT's: see struct rnl_query; or NULL */
    const char *partition_by; /* with PARTITIONED, in the dialect: "RANGE (created)" */
    const struct rnl_partition *partitions;
    uint32_t npartitions, partition_size;
    const char *storage; /* what else its CREATE TABLE says, in the dialect: "ENGINE=Aria" */
    /* The source's own words about the form that the table has here, valid UTF-8: the host keeps
     * them with the table, and hands them back; NULL: none. */
    const char *form;
};

#endif
