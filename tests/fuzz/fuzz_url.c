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

/* Where it was written out, it stands once less than before: not where the password was. */
static void password_is_hidden(const char *before, const char *after, const char *password)
{
    size_t count = occurrences(before, password);

    MUST(count == 0 || occurrences(after, password) < count);
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
