/* Configuration from any bytes: accepted or refused with a place, never a crash. */
#include "config.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rnl_error err = RNL_ERROR_INIT;
    struct config *config = NULL;
    char path[32];
    int fd;

    fd = memfd_create("fuzz.cfg", MFD_CLOEXEC);
    MUST(fd >= 0);
    MUST(write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (config_load(path, &config, &err) == RNL_OK) {
        for (size_t i = 0; i < config->nconnections; i++)
            MUST(config_connection(config, config->connections[i]->name));
        for (size_t i = 0; i < config->npipelines; i++)
            MUST(config_pipeline(config, config->pipelines[i]->name));
        config_free(config);
    } else {
        MUST(err.text[0] && err.code[0]);
    }
    close(fd);
    return 0;
}
