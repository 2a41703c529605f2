/* Places in a table, as bytes: the schema's version, and the values of its key. */
#include "source.h"

/*
 * "K", the schema's version (8 bytes), then per column a byte of its storage class (i, r,
 * t, b, n), and 8 bytes of a number, or a length of 4 and bytes. All as this machine has them.
 */
#define HEAD 9

uint32_t key_count(const struct table_info *info)
{
    if (!info)
        return 0;
    return info->rowid ? 1 : info->nkey;
}

void key_names(struct buf *sql, const struct table_info *info)
{
    if (info->rowid) {
        buf_puts(sql, info->rowid);
        return;
    }
    for (uint32_t i = 0; i < info->nkey; i++) {
        buf_puts(sql, i ? ", " : "");
        buf_name(sql, info->key[i]);
    }
}

static void bytes_put(struct buf *out, char class, const void *bytes, uint32_t len)
{
    buf_byte(out, class);
    buf_add(out, &len, sizeof(len));
    buf_add(out, bytes, len);
}

void key_put(struct buf *out, const struct source *source, sqlite3_stmt *stmt, int first,
             uint32_t count)
{
    buf_byte(out, 'K');
    buf_add(out, &source->schema_version, sizeof(source->schema_version));
    for (int i = first; i < first + (int)count; i++) {
        int64_t number;
        double real;

        switch (sqlite3_column_type(stmt, i)) {
        case SQLITE_INTEGER:
            number = sqlite3_column_int64(stmt, i);
            buf_byte(out, 'i');
            buf_add(out, &number, sizeof(number));
            break;
        case SQLITE_FLOAT:
            real = sqlite3_column_double(stmt, i);
            buf_byte(out, 'r');
            buf_add(out, &real, sizeof(real));
            break;
        case SQLITE_TEXT:
            bytes_put(out, 't', sq_text(stmt, i), (uint32_t)sqlite3_column_bytes(stmt, i));
            break;
        case SQLITE_BLOB:
            bytes_put(out, 'b', sqlite3_column_blob(stmt, i),
                      (uint32_t)sqlite3_column_bytes(stmt, i));
            break;
        default:
            buf_byte(out, 'n');
        }
    }
}

static int bad_key(const char *table, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "resume.bad_position",
             "where to go on in table %s can't be read from what the target remembers", table);
    rnl_hint(err, "start over with --restart");
    return err->status;
}

static int changed(const char *table, struct rnl_error *err)
{
    rnl_fail(err, RNL_E_CONFIG, "resume.schema_changed",
             "the file was altered or vacuumed since the interrupted run began: where to go on in "
             "table %s isn't known any more",
             table);
    rnl_hint(err, "start over with --restart");
    return err->status;
}

static bool value_bind(const unsigned char **at, const unsigned char *end, sqlite3_stmt *stmt,
                       int parameter)
{
    int64_t number;
    double real;
    uint32_t len;
    char class;

    if (*at >= end)
        return false;
    class = (char)*(*at)++;
    if (class == 'n')
        return sqlite3_bind_null(stmt, parameter) == SQLITE_OK;
    if (class == 'i' || class == 'r') {
        if (end - *at < 8)
            return false;
        memcpy(&number, *at, 8);
        memcpy(&real, *at, 8);
        *at += 8;
        return (class == 'i' ? sqlite3_bind_int64(stmt, parameter, number)
                             : sqlite3_bind_double(stmt, parameter, real)) == SQLITE_OK;
    }
    if ((class != 't' && class != 'b') || end - *at < (ptrdiff_t)sizeof(len))
        return false;
    memcpy(&len, *at, sizeof(len));
    *at += sizeof(len);
    if ((size_t)(end - *at) < len)
        return false;
    *at += len;
    return (class == 't' ? sqlite3_bind_text64(stmt, parameter, (const char *)*at - len, len,
                                               SQLITE_TRANSIENT, SQLITE_UTF8)
                         : sqlite3_bind_blob64(stmt, parameter, *at - len, len,
                                               SQLITE_TRANSIENT)) == SQLITE_OK;
}

int key_bind(const struct source *source, struct rnl_slice key, sqlite3_stmt *stmt, int first,
             uint32_t count, const char *table, struct rnl_error *err)
{
    const unsigned char *at = key.ptr, *end = at + key.len;
    int64_t version;

    if (key.len < HEAD || *at != 'K')
        return bad_key(table, err);
    memcpy(&version, at + 1, sizeof(version));
    if (version != source->schema_version)
        return changed(table, err);
    at += HEAD;
    for (uint32_t i = 0; i < count; i++)
        if (!value_bind(&at, end, stmt, first + (int)i))
            return bad_key(table, err);
    return at == end ? RNL_OK : bad_key(table, err);
}
