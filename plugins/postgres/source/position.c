/* Places in the server's log: made, read and compared. */
#include "position.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

const char *lsn_print(uint64_t lsn, char text[LSN_TEXT])
{
    snprintf(text, LSN_TEXT, "%" PRIX32 "/%" PRIX32, (uint32_t)(lsn >> 32), (uint32_t)lsn);
    return text;
}

/* Up to eight hexadecimal digits. */
static bool half_parse(const char **at, uint64_t *half)
{
    const char *start = *at;

    for (*half = 0; *at - start <= 8; (*at)++) {
        char c = **at;

        if (c >= '0' && c <= '9')
            *half = *half << 4 | (uint64_t)(c - '0');
        else if (c >= 'A' && c <= 'F')
            *half = *half << 4 | (uint64_t)(c - 'A' + 10);
        else if (c >= 'a' && c <= 'f')
            *half = *half << 4 | (uint64_t)(c - 'a' + 10);
        else
            break;
    }
    return *at != start && *at - start <= 8;
}

bool lsn_parse(const char *text, uint64_t *lsn)
{
    uint64_t high, low;

    if (!text || !half_parse(&text, &high) || *text++ != '/' || !half_parse(&text, &low) || *text)
        return false;
    *lsn = high << 32 | low;
    return true;
}

void position_print(const struct position *position, char text[POSITION_TEXT])
{
    char lsn[LSN_TEXT];

    snprintf(text, POSITION_TEXT,
             "{\"flavour\": \"postgres\", \"system\": \"%" PRIu64 "\", \"timeline\": %" PRIu32
             ", \"lsn\": \"%s\"}",
             position->system, position->timeline, lsn_print(position->lsn, lsn));
}

static bool number_behind(const char *text, const char *word, uint64_t *number)
{
    const char *at = strstr(text, word);
    char *end;

    if (!at)
        return false;
    at += strlen(word);
    errno = 0;
    *number = strtoull(at, &end, 10);
    return *at >= '0' && *at <= '9' && errno == 0;
}

bool position_parse(struct rnl_slice bytes, struct position *position)
{
    static const char lsn_word[] = "\"lsn\": \"";
    char text[POSITION_TEXT];
    uint64_t timeline;
    char *at, *end;

    if (!bytes.ptr || bytes.len >= sizeof(text) || memchr(bytes.ptr, 0, bytes.len))
        return false;
    memcpy(text, bytes.ptr, bytes.len);
    text[bytes.len] = '\0';
    if (!strstr(text, "\"flavour\": \"postgres\"") ||
        !number_behind(text, "\"system\": \"", &position->system) ||
        !number_behind(text, "\"timeline\": ", &timeline) || timeline > UINT32_MAX)
        return false;
    position->timeline = (uint32_t)timeline;
    at = strstr(text, lsn_word);
    end = at ? strchr(at + strlen(lsn_word), '"') : NULL;
    if (!end)
        return false;
    *end = '\0';
    return lsn_parse(at + strlen(lsn_word), &position->lsn);
}
