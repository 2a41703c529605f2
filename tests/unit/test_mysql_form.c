/* Tests of plugins/mysql/source/form*.c: what statements make of tables. */
#include "form.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void column_write(const struct rnl_column *column, struct text *out)
{
    text_printf(out, "%s%s %s%s", out->len ? ", " : "", column->name, column->native,
                column->flags & RNL_COLUMN_NULLABLE ? "" : "!");
    if (column->default_kind == RNL_DEFAULT_NOW)
        text_add(out, "=now");
    else if (column->default_text)
        text_printf(out, "=%s%s", column->default_kind == RNL_DEFAULT_EXPRESSION ? "@" : "",
                    column->default_text);
    if (column->generated)
        text_printf(out, " as %s%s", column->generated,
                    column->flags & RNL_COLUMN_VIRTUAL ? " virtual" : "");
    if (column->flags & RNL_COLUMN_IDENTITY)
        text_add(out, " identity");
}

static void parts_write(const struct rnl_table *table, const struct rnl_index *index,
                        struct text *out)
{
    text_printf(out, "; %s%s(", index->flags & RNL_INDEX_UNIQUE ? "unique " : "", index->name);
    for (uint32_t p = 0; p < index->nparts; p++) {
        const struct rnl_index_part *part = &index->parts[p];

        text_printf(out, "%s%s", p ? "," : "",
                    part->expression ? part->expression : table->columns[part->column].name);
        if (part->prefix)
            text_printf(out, ":%u", part->prefix);
    }
    text_add(out, ")");
}

static void form_write(const struct form *form, struct text *out)
{
    const struct rnl_table *table = &form->table;

    if (form->failed || form->strange || form->repeated || form->copied || *form->like) {
        text_add(out, form->failed     ? "failed"
                      : form->strange  ? "strange"
                      : form->repeated ? "repeated"
                      : form->copied   ? "copied"
                                       : form->like);
        return;
    }
    for (uint32_t i = 0; i < table->ncolumns; i++)
        column_write(&table->columns[i], out);
    for (uint32_t i = 0; i < table->nindexes; i++)
        parts_write(table, &table->indexes[i], out);
    for (uint32_t i = 0; i < table->nforeign_keys; i++)
        text_printf(out, "; %s(%s)->%s.%s(%s)%u", table->foreign_keys[i].name,
                    table->columns[table->foreign_keys[i].columns[0]].name,
                    table->foreign_keys[i].ref_schema, table->foreign_keys[i].ref_table,
                    table->foreign_keys[i].ref_columns[0], table->foreign_keys[i].on_delete);
    for (uint32_t i = 0; i < table->nchecks; i++)
        text_printf(out, "; %s:%s", table->checks[i].name, table->checks[i].expression);
    if (*form->to)
        text_printf(out, "; to %s", form->to);
    if (form->load)
        text_add(out, "; load");
}

static void apply(struct form *form, const struct rnl_table *before, const char *sql, bool mariadb)
{
    struct statement statement = {.text = {sql, strlen(sql)}};

    *form = (struct form){.mariadb = mariadb,
                          .version = mariadb ? 101119 : 90700,
                          .database = "shop",
                          .charset = "utf8mb4",
                          .collation = "utf8mb4_bin"};
    form_begin(form, before);
    form->charset = "utf8mb4";
    form->table.name = "t";
    form_apply(form, &statement);
}

static void becomes(const char *before, const char *sql, const char *expected, bool mariadb)
{
    struct form first = {0}, form = {0};
    struct text out = {0};

    if (before)
        apply(&first, NULL, before, mariadb);
    apply(&form, before ? &first.table : NULL, sql, mariadb);
    form_write(&form, &out);
    if (!out.ptr || strcmp(out.ptr, expected) != 0)
        print_error("%s\n", sql);
    assert_string_equal(out.len ? out.ptr : "", expected);
    text_free(&out);
    form_free(&form);
    form_free(&first);
}

static const char base[] = "CREATE TABLE t (a int NOT NULL PRIMARY KEY, b varchar(10), c text, "
                           "UNIQUE KEY u (b), KEY k (c(5), b))";
#define KEYS "; unique PRIMARY(a); unique u(b); k(c:5,b)"

static void columns_change(void **state)
{
    static const struct {
        const char *sql, *expected;
    } cases[] = {
        {"ALTER TABLE t ADD d int", "a int!, b varchar(10), c text, d int" KEYS},
        {"ALTER TABLE t ADD COLUMN IF NOT EXISTS d int FIRST",
         "d int, a int!, b varchar(10), c text" KEYS},
        {"ALTER TABLE t ADD COLUMN IF NOT EXISTS b int", "a int!, b varchar(10), c text" KEYS},
        {"ALTER TABLE t ADD d int", "a int!, b varchar(10), c text, d int" KEYS},
        {"ALTER TABLE t ADD b int", "repeated"},
        {"ALTER TABLE t ADD (d int, e enum('x,y', 'it''s') NOT NULL DEFAULT 'x,y', KEY (d))",
         "a int!, b varchar(10), c text, d int, e enum('x,y','it''s')!=x,y" KEYS "; d(d)"},
        {"ALTER TABLE t ADD `d d` DECIMAL(10, 3) AFTER a, ADD e DATE AFTER `d d`",
         "a int!, d d decimal(10,3), e date, b varchar(10), c text" KEYS},
        {"ALTER TABLE t DROP b", "a int!, c text; unique PRIMARY(a); k(c:5)"},
        {"ALTER TABLE t DROP COLUMN IF EXISTS zz, DROP COLUMN c",
         "a int!, b varchar(10); unique PRIMARY(a); unique u(b); k(b)"},
        {"ALTER TABLE t DROP zz", "repeated"},
        {"ALTER TABLE t CHANGE b bb VARCHAR(20) NOT NULL DEFAULT 'x'",
         "a int!, bb varchar(20)!=x, c text; unique PRIMARY(a); unique u(bb); k(c:5,bb)"},
        {"ALTER TABLE t CHANGE zz b int", "repeated"},
        {"ALTER TABLE t MODIFY b TINYTEXT AFTER c", "a int!, c text, b tinytext" KEYS},
        {"ALTER TABLE t MODIFY COLUMN c LONGTEXT FIRST, MODIFY a BIGINT UNSIGNED",
         "c longtext, a bigint unsigned!, b varchar(10)" KEYS},
        {"ALTER TABLE t RENAME COLUMN b TO x, RENAME COLUMN c TO y",
         "a int!, x varchar(10), y text; unique PRIMARY(a); unique u(x); k(y:5,x)"},
        {"ALTER TABLE t RENAME COLUMN b TO c, RENAME COLUMN c TO b",
         "a int!, c varchar(10), b text; unique PRIMARY(a); unique u(c); k(b:5,c); load"},
        {"ALTER TABLE t RENAME COLUMN b TO c, RENAME COLUMN c TO d",
         "a int!, c varchar(10), d text; unique PRIMARY(a); unique u(c); k(d:5,c)"},
        {"ALTER TABLE t RENAME COLUMN zz TO b", "repeated"},
        {"ALTER TABLE t DROP b, ADD b varchar(10)",
         "a int!, c text, b varchar(10); unique PRIMARY(a); k(c:5); load"},
        {"ALTER TABLE t ADD b varchar(11), DROP b",
         "a int!, c text, b varchar(11); unique PRIMARY(a); k(c:5); load"},
        {"ALTER TABLE t ALTER b SET DEFAULT 'q', ALTER COLUMN c DROP DEFAULT",
         "a int!, b varchar(10)=q, c text" KEYS},
        {"ALTER TABLE t RENAME TO other.u, ADD d int, ENGINE=InnoDB COMMENT='x' ROW_FORMAT=DYNAMIC",
         "a int!, b varchar(10), c text, d int" KEYS "; to u"},
        {"ALTER TABLE t RENAME u", "a int!, b varchar(10), c text" KEYS "; to u"},
        {"ALTER TABLE t ORDER BY a DESC, b", "a int!, b varchar(10), c text" KEYS},
        {"ALTER TABLE t COMMENT 'DROP COLUMN b', FORCE", "a int!, b varchar(10), c text" KEYS},
        {"ALTER TABLE t ADD g int GENERATED ALWAYS AS ((a + 1) * char_length('x,(')) STORED NOT "
         "NULL COMMENT ',', ADD h int AS (a) VIRTUAL",
         "a int!, b varchar(10), c text, g int! as (a + 1) * char_length('x,('), h int as a "
         "virtual" KEYS},
        {"ALTER TABLE t ADD n int REFERENCES o (x) ON DELETE SET NULL ON UPDATE SET DEFAULT, ADD m "
         "int NOT NULL",
         "a int!, b varchar(10), c text, n int, m int!" KEYS},
        {"/* x */ ALTER /*!50000 TABLE */ t /*!80000 ADD COLUMN d int */ -- , DROP b\n, ADD e int",
         "a int!, b varchar(10), c text, d int, e int" KEYS},
        {"ALTER TABLE t ADD d int PARTITION BY HASH (a) PARTITIONS 4",
         "a int!, b varchar(10), c text, d int" KEYS},
        {"ALTER TABLE t ADD PARTITION (PARTITION p1 VALUES LESS THAN (5), PARTITION p2 VALUES LESS "
         "THAN MAXVALUE)",
         "a int!, b varchar(10), c text" KEYS},
        {"ALTER TABLE t DROP PARTITION p0, p1", "a int!, b varchar(10), c text" KEYS "; load"},
        {"ALTER TABLE t TRUNCATE PARTITION p0", "a int!, b varchar(10), c text" KEYS "; load"},
        {"ALTER TABLE t ADD SYSTEM VERSIONING", "strange"},
        {"ALTER TABLE t ADD i bigint AUTO_INCREMENT UNIQUE",
         "a int!, b varchar(10), c text, i bigint identity" KEYS "; unique i(i); load"},
        {"ALTER TABLE t ADD w timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE now()",
         "a int!, b varchar(10), c text, w timestamp!=now" KEYS "; load"},
        {"ALTER TABLE t ADD", "strange"},
        {"ALTER TABLE t ADD (d int", "strange"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        becomes(base, cases[i].sql, cases[i].expected, false);
}

static void keys_change(void **state)
{
    static const struct {
        const char *sql, *expected;
    } cases[] = {
        {"ALTER TABLE t ADD INDEX (b)", "; unique PRIMARY(a); unique u(b); k(c:5,b); b(b)"},
        {"ALTER TABLE t ADD INDEX (b), ADD INDEX (b, a)",
         "; unique PRIMARY(a); unique u(b); k(c:5,b); b(b); b_2(b,a)"},
        {"ALTER TABLE t ADD UNIQUE (b)", KEYS},
        {"ALTER TABLE t ADD CONSTRAINT uu UNIQUE KEY USING BTREE (a, b) COMMENT 'x, y'",
         KEYS "; unique uu(a,b)"},
        {"ALTER TABLE t ADD UNIQUE INDEX u (a)", "repeated"},
        {"ALTER TABLE t DROP INDEX k, ADD INDEX k (a)", "; unique PRIMARY(a); unique u(b); k(a)"},
        {"ALTER TABLE t ADD PRIMARY KEY (b), DROP PRIMARY KEY",
         "; unique u(b); k(c:5,b); unique PRIMARY(b)"},
        {"ALTER TABLE t DROP KEY zz", "repeated"},
        {"ALTER TABLE t RENAME INDEX k TO kk", "; unique PRIMARY(a); unique u(b); kk(c:5,b)"},
        {"ALTER TABLE t RENAME KEY zz TO k", "repeated"},
        {"CREATE UNIQUE INDEX n ON shop.t (b(3) DESC, (lower(c)))",
         KEYS "; unique n(b:3,lower(c))"},
        {"CREATE INDEX IF NOT EXISTS k ON t (a)", KEYS},
        {"CREATE INDEX k ON t (a)", "repeated"},
        {"DROP INDEX u ON t", "; unique PRIMARY(a); k(c:5,b)"},
        {"DROP INDEX `PRIMARY` ON t", "; unique u(b); k(c:5,b)"},
        {"DROP INDEX zz ON t", "repeated"},
        {"ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES o.p (x) ON UPDATE CASCADE ON "
         "DELETE SET NULL",
         KEYS "; f(b)->o.p(x)3"},
        {"ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (`x`)", KEYS "; t_ibfk_1(a)->shop.p(x)0"},
        {"ALTER TABLE t ADD CONSTRAINT ck CHECK (b <> ')'), DROP CHECK zz", KEYS "; ck:b <> ')'"},
        {"ALTER TABLE t DROP FOREIGN KEY zz", "repeated"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[400];
        bool pk = strstr(cases[i].expected, "PRIMARY(b)") != NULL;

        if (strcmp(cases[i].expected, "repeated") == 0)
            strcpy(expected, "repeated");
        else
            snprintf(expected, sizeof(expected), "a int!, b varchar(10)%s, c text%s", pk ? "!" : "",
                     cases[i].expected);
        becomes(base, cases[i].sql, expected, false);
    }
}

static void definitions_are_understood(void **state)
{
    static const struct {
        const char *type, *mysql, *mariadb;
    } cases[] = {
        {"INTEGER(5) UNSIGNED", "int unsigned", "int(5) unsigned"},
        {"BOOL", "tinyint(1)", "tinyint(1)"},
        {"tinyint", "tinyint", "tinyint(4)"},
        {"int ZEROFILL", "int(10) unsigned zerofill", "int(10) unsigned zerofill"},
        {"SERIAL", "bigint unsigned! identity; unique x(x)",
         "bigint(20) unsigned! identity; unique x(x)"},
        {"DEC", "decimal(10,0)", "decimal(10,0)"},
        {"NUMERIC(7)", "decimal(7,0)", "decimal(7,0)"},
        {"DOUBLE PRECISION", "double", "double"},
        {"FLOAT(30)", "double", "double"},
        {"NATIONAL CHAR VARYING (7)", "varchar(7)", "varchar(7)"},
        {"CHARACTER", "char(1)", "char(1)"},
        {"CHAR(4) CHARACTER SET binary", "binary(4)", "binary(4)"},
        {"VARCHAR(9) CHARSET latin1 COLLATE latin1_bin", "varchar(9)", "varchar(9)"},
        {"TEXT(100000)", "mediumtext", "mediumtext"},
        {"LONG VARBINARY", "mediumblob", "mediumblob"},
        {"BIT", "bit(1)", "bit(1)"},
        {"YEAR", "year", "year(4)"},
        {"DATETIME(6) NOT NULL DEFAULT NOW(6)", "datetime(6)!=now", "datetime(6)!=now"},
        {"SET('a','b\\'c')", "set('a','b''c')", "set('a','b''c')"},
        {"JSON", "json", "longtext"},
        {"int DEFAULT -1.5e-3", "int=-1.5e-3", "int(11)=-1.5e-3"},
        {"int DEFAULT (1 + (2)) COMMENT 'x'", "int=@(1 + (2))", "int(11)=@(1 + (2))"},
        {"varchar(5) DEFAULT 'a' 'b\\n' NOT NULL", "varchar(5)!=ab\n", "varchar(5)!=ab\n"},
        {"varchar(5) DEFAULT _utf8mb4'q' CHECK (x <> 'DEFAULT'), CHECK (x)", "varchar(5)=q",
         "varchar(5)=q"},
        {"bit(3) DEFAULT b'101'", "bit(3)=101", "bit(3)=101"},
        {"binary(3) DEFAULT 'a'", "binary(3)=@x'610000'", "binary(3)=@x'610000'"},
        {"bool DEFAULT TRUE NOT NULL", "tinyint(1)!=1", "tinyint(1)!=1"},
        {"int DEFAULT NULL", "int", "int(11)"},
        {"char(36) DEFAULT uuid() NOT NULL", "char(36)!=@uuid()", "char(36)!=@uuid()"},
        {"int PRIMARY KEY AUTO_INCREMENT", "int! identity; unique PRIMARY(x)",
         "int(11)! identity; unique PRIMARY(x)"},
        {"geometry NOT NULL SRID 4326", "geometry!", "geometry!"},
        {"vector(3)", "vector(3)", "vector(3)"},
        {"hyperthing(3)", "hyperthing", "hyperthing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char sql[300], expected[300];

        snprintf(sql, sizeof(sql), "CREATE TABLE t (x %s) DEFAULT CHARSET=utf8mb4", cases[i].type);
        snprintf(expected, sizeof(expected), "x %s", cases[i].mysql);
        becomes(NULL, sql, expected, false);
        snprintf(expected, sizeof(expected), "x %s", cases[i].mariadb);
        becomes(NULL, sql, expected, true);
    }
}

static void tables_are_made(void **state)
{
    (void)state;
    becomes(NULL, "CREATE TABLE t LIKE u", "u", false);
    becomes(NULL, "CREATE TABLE IF NOT EXISTS t (LIKE `a b`)", "a b", false);
    becomes(NULL, "CREATE TABLE t AS SELECT 1 AS a", "copied", false);
    becomes(NULL, "CREATE TABLE t SELECT 1 AS a", "copied", false);
    becomes(NULL, "CREATE TABLE t (a int) IGNORE SELECT 1 AS b", "copied", false);
    becomes(NULL, "CREATE TABLE `t` (\n  `a` int NOT NULL DEFAULT '0'\n) START TRANSACTION",
            "a int!=0", false);
    becomes(NULL,
            "CREATE OR REPLACE TABLE t (a int, CONSTRAINT PRIMARY KEY (a)) ENGINE=InnoDB "
            "PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (5))",
            "a int(11)!; unique PRIMARY(a)", true);
    becomes(NULL, "CREATE TABLE t (k int, `key` int, c varchar(4000), UNIQUE (c))",
            "k int(11), key int(11), c varchar(4000); unique c(c)", true);
    becomes(NULL, "CREATE TABLE t (a int, a int)", "repeated", true);
    becomes(NULL, "CREATE TABLE t (a int", "strange", true);
    becomes(NULL, "CREATE TABLE t (", "strange", true);
    becomes(NULL, "CREATE TABLE t", "copied", true);
}

static void charsets_are_handed_down(void **state)
{
    struct form first, second;

    (void)state;
    apply(&first, NULL, "CREATE TABLE t (a char(1), b char(1) CHARSET cp1251) CHARSET latin1",
          false);
    assert_string_equal(first.table.columns[0].charset, "latin1");
    assert_string_equal(first.table.columns[1].charset, "cp1251");
    apply(&second, &first.table,
          "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4, ADD d text "
          "COLLATE latin2_bin",
          false);
    assert_string_equal(second.table.columns[0].charset, "utf8mb4");
    assert_string_equal(second.table.columns[1].charset, "utf8mb4");
    assert_string_equal(second.table.columns[2].charset, "latin2");
    assert_false(form_is(&first.table, &second.table));
    form_free(&second);
    form_free(&first);
}

/* An alteration of nothing but words is one. */
static void comments_are_told(void **state)
{
    struct form before, table, column, same;

    (void)state;
    apply(&before, NULL, base, false);
    apply(&table, &before.table, "ALTER TABLE t COMMENT 'it''s'", false);
    apply(&column, &before.table, "ALTER TABLE t MODIFY a int NOT NULL COMMENT 'it''s'", false);
    apply(&same, &table.table, "ALTER TABLE t COMMENT = \"it's\", ENGINE = InnoDB", false);
    assert_string_equal(table.table.comment, "it's");
    assert_string_equal(column.table.columns[0].comment, "it's");
    assert_false(form_is(&before.table, &table.table));
    assert_false(form_is(&before.table, &column.table));
    assert_true(form_is(&table.table, &same.table));
    form_free(&same);
    form_free(&column);
    form_free(&table);
    form_free(&before);
}

/* What is shown now is taken where it is the same column, and not what was altered since. */
static void what_stands_now_refines(void **state)
{
    struct form before, form, now;

    (void)state;
    apply(&before, NULL, base, false);
    apply(&form, &before.table,
          "ALTER TABLE t ADD d decimal(5,2) DEFAULT 1.5, ADD e int DEFAULT 5, ADD f int, ADD g "
          "wonder",
          false);
    apply(&now, NULL,
          "CREATE TABLE t (a bigint, e int DEFAULT 6, d decimal(5,2) DEFAULT 1.50, f text, g "
          "double)",
          false);
    form_refine(&form, &now.table);
    assert_int_equal(form.table.columns[0].width, 4);
    assert_string_equal(form.table.columns[3].default_text, "1.50");
    assert_string_equal(form.table.columns[4].default_text, "5");
    assert_int_equal(form.table.columns[5].type, RNL_T_INT);
    assert_int_equal(form.table.columns[6].type, RNL_T_DOUBLE);
    form_free(&now);
    form_free(&form);
    form_free(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_change),
        cmocka_unit_test(keys_change),
        cmocka_unit_test(definitions_are_understood),
        cmocka_unit_test(tables_are_made),
        cmocka_unit_test(charsets_are_handed_down),
        cmocka_unit_test(comments_are_told),
        cmocka_unit_test(what_stands_now_refines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
