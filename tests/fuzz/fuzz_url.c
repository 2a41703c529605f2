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

/* A reference is no secret, and may stay. */
static bool is_secret(const char *text)
{
    return strncmp(text, "secret:", 7) != 0 && strncmp(text, "env:", 4) != 0 &&
           strncmp(text, "file:", 5) != 0;
}

/* What is left of the URL reads as before, with stars where the password stood. */
static void password_is_hidden(char *left)
{
    struct connection_config *connection = NULL;
    struct rnl_error err = RNL_ERROR_INIT;
    const struct setting *password;

    MUST(config_connection_from_url(left, &connection, &err) == RNL_OK);
    password = settings_find(&connection->settings, "password");
    MUST(password && strspn(password->text, "*") == strlen(password->text));
    connection_config_free(connection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct connection_config *connection = NULL;
    struct rnl_error err = RNL_ERROR_INIT;
    const struct setting *password;
    char *url = malloc(size + 1);
    bool hidden;

    MUST(url);
    memcpy(url, data, size);
    url[size] = '\0';
    if (config_connection_from_url(url, &connection, &err) == RNL_OK) {
        password = settings_find(&connection->settings, "password");
        hidden = password && is_secret(password->text);
        connection_config_free(connection);
        if (hidden)
            password_is_hidden(url);
    } else {
        MUST(err.text[0] && err.code[0]);
    }
    free(url);
    return 0;
}
