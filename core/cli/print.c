/* What people and programs read of the command line: errors, version, text from elsewhere. */
#include "cli.h"

#include <jansson.h>
#include <runnel/abi.h>
#include <stdlib.h>

/* Line ends stay, indented; what could steer a terminal is spelled out. */
void cli_print_safe(FILE *to, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '\n')
            fputs(at[1] ? "\n  " : "", to);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(to, "\\x%02x", *at);
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) /* C1 controls, in UTF-8 */
            fprintf(to, "\\u00%02x", *++at);
        else
            putc(*at, to);
    }
}

void cli_print_error(FILE *to, const struct rnl_error *err)
{
    fputs("runnel: ", to);
    cli_print_safe(to, err->text[0] ? err->text : "failed");
    if (err->code[0])
        fprintf(to, " [%s]", err->code);
    if (err->hint[0]) {
        fputs("\n  ", to);
        cli_print_safe(to, err->hint);
    }
    putc('\n', to);
}

/* Bytes of a server that are no UTF-8 must not cost us the whole error. */
static json_t *text_json(const char *text)
{
    json_t *value = json_string(text);
    char *ascii;

    if (value)
        return value;
    ascii = strdup(text);
    if (!ascii)
        return NULL;
    for (char *at = ascii; *at; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    value = json_string(ascii);
    free(ascii);
    return value;
}

static const char *class_of(const struct rnl_error *err)
{
    switch (err->status) {
    case RNL_E_RETRY:
        return "retry";
    case RNL_E_DATA:
        return "data";
    case RNL_E_CONFIG:
        return "config";
    default:
        return "fatal";
    }
}

void cli_print_error_json(FILE *to, const struct rnl_error *err)
{
    json_t *error = json_pack("{s:s, s:s, s:o, s:o}", "code", err->code, "class", class_of(err),
                              "text", text_json(err->text), "hint", text_json(err->hint));
    json_t *all = error ? json_pack("{s:b, s:o}", "ok", 0, "error", error) : NULL;

    if (!all || json_dumpf(all, to, JSON_COMPACT) != 0)
        fputs("{\"ok\":false}", to);
    putc('\n', to);
    json_decref(all);
}

void cli_print_strings(FILE *to, const char *const *pairs)
{
    json_t *object = json_object();

    for (; object && pairs[0]; pairs += 2)
        json_object_set_new(object, pairs[0], text_json(pairs[1]));
    if (object)
        json_dumpf(object, to, JSON_COMPACT);
    json_decref(object);
}

void cli_print_version(FILE *to, bool json)
{
    if (json)
        fprintf(to, "{\"ok\":true,\"version\":\"%s\",\"abi\":\"%u.%u\"}\n", RUNNEL_VERSION,
                RNL_ABI_MAJOR, RNL_ABI_MINOR);
    else
        fprintf(to, "runnel %s (plugin interface %u.%u)\n", RUNNEL_VERSION, RNL_ABI_MAJOR,
                RNL_ABI_MINOR);
}
