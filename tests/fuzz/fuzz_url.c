/* URLs of connections from any text: accepted or refused, and the password is gone from them. */
#include "config.h"
#include "fuzz.h"
#include "util/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The warning about passwords, millions of times, is not what is looked for. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    log_setup(&(struct log_settings){.level = RNL_LOG_ERROR});
    return 0;
}

static size_t occurrences(const char *text, const char *word)
{
    size_t count = 0;

    for (; (text = strstr(text, word)); text++)
        count++;
    return count;
}

/* A reference is no secret; a short word may well stand elsewhere in a URL. */
static bool is_secret(const char *text)
{
    return strlen(text) > 6 && strncmp(text, "secret:", 7) != 0 && strncmp(text, "env:", 4) != 0 &&
           strncmp(text, "file:", 5) != 0;
}

/*
 * Where it stood as it is (not as %XX), it stands once less than before. Only with the
 * signs around it: the same word may well be a part of the database's name.
 */
static void password_is_hidden(const char *before, const char *after, const char *password)
{
    char place[128];
    size_t count;

    for (int i = 0; i < 2; i++) {
        int len = i == 0 ? snprintf(place, sizeof(place), ":%s@", password)
                         : snprintf(place, sizeof(place), "?password=%s", password);

        count = occurrences(before, place);
        MUST(len < 0 || (size_t)len >= sizeof(place) || count == 0 ||
             occurrences(after, place) < count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct connection_config *connection = NULL;
    struct rnl_error err = RNL_ERROR_INIT;
    const struct setting *password;
    char *url = malloc(size + 1), *before;

    MUST(url);
    memcpy(url, data, size);
    url[size] = '\0';
    before = strdup(url);
    MUST(before);
    if (config_connection_from_url(url, &connection, &err) == RNL_OK) {
        password = settings_find(&connection->settings, "password");
        if (password && is_secret(password->text))
            password_is_hidden(before, url, password->text);
        connection_config_free(connection);
    } else {
        MUST(err.text[0] && err.code[0]);
    }
    free(before);
    free(url);
    return 0;
}
