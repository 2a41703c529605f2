/* The type of a secret, the protection of the process that holds some, and the prompt for one. */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

struct rnl_secret {
    char *text;      /* terminated, in a mapping of its own; NULL: empty */
    size_t mapped;   /* bytes of the mapping */
    size_t length;   /* of text */
    int64_t lease_s; /* how long the store says it is good; 0: no end */
};

/* Whole pages of our own: a lock or a wipe then touches nobody else's bytes. */
char *secret_pages(size_t size)
{
    void *pages;

    pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    /* Both are best effort: a small RLIMIT_MEMLOCK must not stop a migration. */
    (void)madvise(pages, size, MADV_DONTDUMP);
    (void)mlock(pages, size);
    return pages;
}

void secret_pages_free(char *pages, size_t size)
{
    if (!pages)
        return;
    secret_wipe(pages, size);
    munmap(pages, size);
}

static size_t pages_for(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (bytes + page - 1) / page * page;
}

struct rnl_secret *secret_new(void)
{
    return calloc(1, sizeof(struct rnl_secret));
}

void secret_free(struct rnl_secret *secret)
{
    if (!secret)
        return;
    secret_pages_free(secret->text, secret->mapped);
    free(secret);
}

int secret_set(struct rnl_secret *secret, struct rnl_slice text, int64_t lease_s,
               struct rnl_error *err)
{
    char *pages = NULL;
    size_t mapped = 0;

    if (text.len > SECRET_MAX_BYTES)
        return rnl_fail(err, RNL_E_CONFIG, "secret.too_long", "a secret of %zu bytes: at most %d",
                        text.len, SECRET_MAX_BYTES);
    if (text.len > 0) {
        if (memchr(text.ptr, '\0', text.len))
            return rnl_fail(err, RNL_E_CONFIG, "secret.nul", "a secret must not hold a NUL byte");
        mapped = pages_for(text.len + 1);
        pages = secret_pages(mapped);
        if (!pages)
            return rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret: %s",
                            strerror(errno));
        memcpy(pages, text.ptr, text.len);
    }
    /* Only now: text may be part of what is held already. */
    secret_pages_free(secret->text, secret->mapped);
    secret->text = pages;
    secret->mapped = mapped;
    secret->length = text.len;
    secret->lease_s = lease_s;
    return RNL_OK;
}

const char *secret_text(const struct rnl_secret *secret)
{
    return secret && secret->text ? secret->text : "";
}

size_t secret_length(const struct rnl_secret *secret)
{
    return secret ? secret->length : 0;
}

int64_t secret_lease_s(const struct rnl_secret *secret)
{
    return secret ? secret->lease_s : 0;
}

void secret_wipe(void *bytes, size_t size)
{
    if (bytes && size > 0)
        explicit_bzero(bytes, size);
}

void secret_protect_process(void)
{
    const struct rlimit none = {0, 0};

    /* A failure leaves what the system does by itself; there is nobody to tell yet. */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* What one key press does to the line typed so far. */
enum key { KEY_MORE, KEY_END, KEY_ABORT, KEY_FULL };

static enum key line_key(char *line, size_t size, size_t *length, char key)
{
    switch (key) {
    case '\r':
    case '\n':
        return KEY_END;
    case 0x03: /* ^C: signals are off meanwhile, so that the terminal can't be left silent */
        return KEY_ABORT;
    case 0x04: /* ^D */
        return *length == 0 ? KEY_ABORT : KEY_END;
    case 0x15: /* ^U */
        *length = 0;
        return KEY_MORE;
    case '\b':
    case 0x7f:
        /* a whole character of UTF-8 */
        while (*length > 0 && ((unsigned char)line[--*length] & 0xc0) == 0x80)
            ;
        return KEY_MORE;
    default:
        if (*length == size)
            return KEY_FULL;
        line[(*length)++] = key;
        return KEY_MORE;
    }
}

static int line_read(int tty, char *line, size_t size, size_t *length, struct rnl_error *err)
{
    enum key key = KEY_MORE;
    ssize_t got;
    char byte;

    *length = 0;
    while (key == KEY_MORE) {
        got = read(tty, &byte, 1);
        key = got == 1 ? line_key(line, size, length, byte) : KEY_ABORT;
    }
    secret_wipe(&byte, sizeof(byte));
    if (key == KEY_FULL)
        return rnl_fail(err, RNL_E_CONFIG, "secret.too_long", "what was typed is too long");
    if (key == KEY_ABORT)
        return rnl_fail(err, RNL_E_CONFIG, "secret.prompt_aborted", "nothing was entered");
    return RNL_OK;
}

int secret_prompt(const char *question, struct rnl_secret *secret, struct rnl_error *err)
{
    const size_t size = 4096;
    struct termios before, silent;
    size_t length = 0;
    char *line = NULL;
    int status, tty;

    tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0 || tcgetattr(tty, &before) != 0) {
        status = rnl_fail(err, RNL_E_CONFIG, "secret.no_terminal",
                          "there is no terminal to ask on: %s", strerror(errno));
        rnl_hint(err, "give a reference instead: file:PATH, env:NAME or secret://STORE/PATH");
        goto out_close;
    }
    line = secret_pages(size);
    if (!line) {
        status = rnl_fail(err, RNL_E_FATAL, "secret.no_memory", "no memory for a secret");
        goto out_close;
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    silent.c_cc[VMIN] = 1;
    silent.c_cc[VTIME] = 0;
    if (tcsetattr(tty, TCSAFLUSH, &silent) != 0) {
        status = rnl_fail(err, RNL_E_CONFIG, "secret.no_terminal",
                          "the terminal can't be made silent: %s", strerror(errno));
        goto out_free;
    }
    dprintf(tty, "%s: ", question);
    status = line_read(tty, line, size, &length, err);
    dprintf(tty, "\n");
    tcsetattr(tty, TCSAFLUSH, &before);
    if (status == RNL_OK)
        status = secret_set(secret, (struct rnl_slice){line, length}, 0, err);
out_free:
    secret_pages_free(line, size);
out_close:
    if (tty >= 0)
        close(tty);
    return status;
}
