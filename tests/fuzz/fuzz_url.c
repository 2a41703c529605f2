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

static bool blank(const char *text)
{
    for (; *text; text++)
        if (*text != '*')
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct connection_config *connection = NULL;
    struct rnl_error err = RNL_ERROR_INIT;
    const struct setting *password;
    char *url = malloc(size + 1);

    MUST(url);
    memcpy(url, data, size);
    url[size] = '\0';
    if (config_connection_from_url(url, &connection, &err) == RNL_OK) {
        password = settings_find(&connection->settings, "password");
        if (password && strlen(password->text) > 12 && !blank(password->text) &&
            strncmp(password->text, "secret:", 7) != 0 && strncmp(password->text, "env:", 4) != 0 &&
            strncmp(password->text, "file:", 5) != 0)
            MUST(!strstr(url, password->text));
        connection_config_free(connection);
    } else {
        MUST(err.text[0] && err.code[0]);
    }
    free(url);
    return 0;
}
