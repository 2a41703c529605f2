/* A place in the log of a MySQL or MariaDB server, and its bytes as the host keeps them: JSON. */
#include "position.h"

#include <stdlib.h>
#include <string.h>

#define DDL_MAX_BYTES ((size_t)256 * 1024) /* of statements kept, and each position has them */
#define OPEN_MAX 100000                    /* XA transactions prepared at one time */

/* The few forms of JSON that position_write makes: what is left of it. */
struct json {
    const char *at, *end;
};

static void space_skip(struct json *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\n'))
        in->at++;
}

static bool sign_take(struct json *in, char sign)
{
    space_skip(in);
    if (in->at == in->end || *in->at != sign)
        return false;
    in->at++;
    return true;
}

static bool word_take(struct json *in, const char *word)
{
    size_t len = strlen(word);

    space_skip(in);
    if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
        return false;
    in->at += len;
    return true;
}

/* \u00XX alone is written for control characters: text_json() */
static int escape_take(struct json *in, char *c)
{
    unsigned value = 0;

    *c = *in->at++;
    if (*c == 'n' || *c == 't' || *c == 'r') {
        *c = *c == 'n' ? '\n' : *c == 't' ? '\t' : '\r';
        return 0;
    }
    if (*c != 'u')
        return 0;
    if (in->end - in->at < 4)
        return -1;
    for (int i = 0; i < 4; i++, in->at++) {
        char digit = (char)(*in->at | 0x20);

        if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f'))
            return -1;
        value = value * 16 + (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    *c = (char)value;
    return value && value < 128 ? 0 : -1;
}

/* A text, malloc'd; NULL in *text for null. */
static int text_take(struct json *in, char **text)
{
    bool broken = false;
    size_t len = 0;
    char *out;

    *text = NULL;
    if (word_take(in, "null"))
        return 0;
    if (!sign_take(in, '"'))
        return -1;
    out = malloc((size_t)(in->end - in->at) + 1);
    if (!out)
        return -1;
    while (!broken && in->at < in->end && *in->at != '"') {
        char c = *in->at++;

        if (c == '\\')
            broken = in->at == in->end || escape_take(in, &c);
        broken = broken || c == '\0';
        out[len++] = c;
    }
    if (broken || !sign_take(in, '"')) {
        free(out);
        return -1;
    }
    out[len] = '\0';
    *text = out;
    return 0;
}

static int open_take(struct json *in, struct position *position)
{
    struct position_open *open, *larger;
    char *name = NULL;

    if (position->nopen == OPEN_MAX)
        return -1;
    larger = realloc(position->open, (position->nopen + 1) * sizeof(*larger));
    if (!larger)
        return -1;
    position->open = larger;
    open = &larger[position->nopen++];
    *open = (struct position_open){0};
    if (!sign_take(in, '{'))
        return -1;
    do {
        char **to;
        int status = text_take(in, &name);

        to = status || !name ? NULL : strcmp(name, "id") == 0 ? &open->id : &open->at;
        free(name);
        if (!to || *to || !sign_take(in, ':') || text_take(in, to))
            return -1;
    } while (sign_take(in, ','));
    return open->id && sign_take(in, '}') ? 0 : -1;
}

static int opens_take(struct json *in, struct position *position)
{
    if (!sign_take(in, '['))
        return -1;
    do
        if (open_take(in, position))
            return -1;
    while (sign_take(in, ','));
    return sign_take(in, ']') ? 0 : -1;
}

static void ddl_free(struct position_ddl *ddl)
{
    free(ddl->schema);
    free(ddl->mode);
    free(ddl->text);
}

int position_ddl_add(struct position *position, const struct position_ddl *ddl)
{
    struct position_ddl *larger, copy;
    size_t bytes = strlen(ddl->text);

    for (size_t i = 0; i < position->nddl; i++)
        bytes += strlen(position->ddl[i].text);
    if (bytes > DDL_MAX_BYTES)
        return -1;
    larger = realloc(position->ddl, (position->nddl + 1) * sizeof(*larger));
    if (!larger)
        return -1;
    position->ddl = larger;
    copy = (struct position_ddl){strdup(ddl->schema), strdup(ddl->mode), strdup(ddl->text)};
    if (!copy.schema || !copy.mode || !copy.text) {
        ddl_free(&copy);
        return -1;
    }
    larger[position->nddl++] = copy;
    return 0;
}

static int ddl_take(struct json *in, struct position *position)
{
    struct position_ddl ddl = {0};
    int status = sign_take(in, '{') ? 0 : -1;

    while (!status) {
        char *name = NULL, **to;

        status = text_take(in, &name);
        to = status || !name               ? NULL
             : strcmp(name, "schema") == 0 ? &ddl.schema
             : strcmp(name, "mode") == 0   ? &ddl.mode
             : strcmp(name, "text") == 0   ? &ddl.text
                                           : NULL;
        free(name);
        if (!to || *to || !sign_take(in, ':') || text_take(in, to))
            status = -1;
        else if (!sign_take(in, ','))
            break;
    }
    if (!status && ddl.schema && ddl.mode && ddl.text && sign_take(in, '}'))
        status = position_ddl_add(position, &ddl);
    else
        status = -1;
    ddl_free(&ddl);
    return status;
}

static int ddls_take(struct json *in, struct position *position)
{
    if (position->nddl || !sign_take(in, '['))
        return -1;
    do
        if (ddl_take(in, position))
            return -1;
    while (sign_take(in, ','));
    return sign_take(in, ']') ? 0 : -1;
}

static int number_parse(const char *text, uint64_t *number)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -1;
    *number = strtoull(text, &end, 10);
    return *end ? -1 : 0;
}

static int short_copy(char *to, size_t size, const char *text)
{
    return (size_t)snprintf(to, size, "%s", text) < size ? 0 : -1;
}

/* Members of another meaning are of a later version: no place can be made of them. */
static int member_set(struct position *position, const char *name, const char *value, char **gtid)
{
    if (strcmp(name, "flavour") == 0) {
        position->mariadb = strcmp(value, "mariadb") == 0;
        return position->mariadb || strcmp(value, "mysql") == 0 ? 0 : -1;
    }
    if (strcmp(name, "server_uuid") == 0)
        return short_copy(position->server, sizeof(position->server), value);
    if (strcmp(name, "file") == 0)
        return short_copy(position->file, sizeof(position->file), value);
    if (strcmp(name, "pos") == 0)
        return number_parse(value, &position->pos);
    if (strcmp(name, "gtid") == 0) {
        free(*gtid);
        *gtid = strdup(value);
        return *gtid ? 0 : -1;
    }
    if (strcmp(name, "from") == 0) {
        free(position->from);
        position->from = strdup(value);
        return position->from ? 0 : -1;
    }
    return -1;
}

static int member_take(struct json *in, struct position *position, char **gtid)
{
    char *name, *value = NULL;
    int status = text_take(in, &name);

    if (status || !name || !sign_take(in, ':'))
        status = -1;
    else if (strcmp(name, "exact") == 0)
        status = (position->exact = word_take(in, "true")) || word_take(in, "false") ? 0 : -1;
    else if (strcmp(name, "xa") == 0)
        status = opens_take(in, position);
    else if (strcmp(name, "ddl") == 0)
        status = ddls_take(in, position);
    else
        status = text_take(in, &value);
    if (!status && value)
        status = member_set(position, name, value, gtid);
    free(value);
    free(name);
    return status;
}

static int gtid_set(struct position *position, const char *gtid)
{
    position->gtids = gtid != NULL;
    if (!gtid)
        return *position->file ? 0 : -1;
    return position->mariadb ? gtid_list_parse(&position->list, gtid, strlen(gtid))
                             : gtid_set_parse(&position->set, gtid, strlen(gtid));
}

int position_parse(struct position *position, struct rnl_slice bytes)
{
    struct json in = {bytes.ptr, (const char *)bytes.ptr + bytes.len};
    char *gtid = NULL;
    int status = 0;

    *position = (struct position){0};
    if (!bytes.len || !sign_take(&in, '{'))
        return -1;
    do
        status = member_take(&in, position, &gtid);
    while (!status && sign_take(&in, ','));
    if (!status && (!sign_take(&in, '}') || in.at != in.end))
        status = -1;
    if (!status)
        status = gtid_set(position, gtid);
    free(gtid);
    if (status)
        position_free(position);
    return status;
}

void position_free(struct position *position)
{
    gtid_set_free(&position->set);
    gtid_list_free(&position->list);
    free(position->from);
    for (size_t i = 0; i < position->nopen; i++) {
        free(position->open[i].id);
        free(position->open[i].at);
    }
    free(position->open);
    for (size_t i = 0; i < position->nddl; i++)
        ddl_free(&position->ddl[i]);
    free(position->ddl);
    *position = (struct position){0};
}

static void opens_write(const struct position *position, struct text *out)
{
    text_add(out, ", \"xa\": [");
    for (size_t i = 0; i < position->nopen; i++) {
        text_add(out, i ? ", {\"id\": " : "{\"id\": ");
        text_json(out, position->open[i].id);
        if (position->open[i].at) {
            text_add(out, ", \"at\": ");
            text_json(out, position->open[i].at);
        }
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void ddls_write(const struct position *position, struct text *out)
{
    text_add(out, ", \"ddl\": [");
    for (size_t i = 0; i < position->nddl; i++) {
        text_add(out, i ? ", {\"schema\": " : "{\"schema\": ");
        text_json(out, position->ddl[i].schema);
        text_add(out, ", \"mode\": ");
        text_json(out, position->ddl[i].mode);
        text_add(out, ", \"text\": ");
        text_json(out, position->ddl[i].text);
        text_add(out, "}");
    }
    text_add(out, "]");
}

void position_write(const struct position *position, struct text *out)
{
    text_add(out, position->mariadb ? "{\"flavour\": \"mariadb\"" : "{\"flavour\": \"mysql\"");
    text_add(out, ", \"server_uuid\": ");
    text_json(out, position->server);
    text_add(out, ", \"gtid\": ");
    if (position->gtids) {
        text_add(out, "\"");
        if (position->mariadb)
            gtid_list_text(&position->list, out);
        else
            gtid_set_text(&position->set, out);
        text_add(out, "\"");
    } else {
        text_add(out, "null");
    }
    if (*position->file) {
        text_add(out, ", \"file\": ");
        text_json(out, position->file);
        text_add(out, ", \"pos\": \"");
        text_number(out, position->pos);
        text_add(out, "\"");
    }
    if (position->from) {
        text_add(out, ", \"from\": ");
        text_json(out, position->from);
    }
    if (position->nopen)
        opens_write(position, out);
    if (position->nddl)
        ddls_write(position, out);
    text_add(out, position->exact ? ", \"exact\": true}" : ", \"exact\": false}");
}

int log_file_order(const char *a, const char *b)
{
    const char *a_number = strrchr(a, '.'), *b_number = strrchr(b, '.');
    uint64_t first = a_number ? strtoull(a_number + 1, NULL, 10) : 0;
    uint64_t second = b_number ? strtoull(b_number + 1, NULL, 10) : 0;

    return first < second ? -1 : first > second;
}

static bool file_reached(const struct position *position, const struct position *goal)
{
    int order;

    if (!*position->file || !*goal->file || strcmp(position->server, goal->server) != 0)
        return false;
    order = log_file_order(position->file, goal->file);
    return order > 0 || (order == 0 && position->pos >= goal->pos);
}

/*
 * MySQL lets others see a transaction a moment before it stands in gtid_executed, but never before
 * it stands in the log: on the server that the goal was read from, its end of the log counts too.
 */
bool position_reached(const struct position *position, const struct position *goal)
{
    if (position->mariadb != goal->mariadb || position->gtids != goal->gtids)
        return false;
    if (!goal->gtids)
        return file_reached(position, goal);
    if (goal->mariadb)
        return gtid_list_contains(&position->list, &goal->list);
    if (!gtid_set_contains(&position->set, &goal->set))
        return false;
    return !*goal->file || strcmp(position->server, goal->server) != 0 ||
           file_reached(position, goal);
}

int log_place_parse(const char *text, char file[static POSITION_FILE_MAX], uint64_t *pos)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;

    if (!len || len >= POSITION_FILE_MAX)
        return -1;
    memcpy(file, text, len);
    file[len] = '\0';
    return number_parse(colon + 1, pos);
}
