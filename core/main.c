/* Where the program starts. */
#include "cli/cli.h"
#include "secret.h"

#include <malloc.h>

/*
 * Rows of many MiB pass from thread to thread. Left alone, glibc learns from them to
 * keep such blocks in each thread's heap for later: three times the memory.
 */
static void give_large_blocks_back(void)
{
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

int main(int argc, char **argv)
{
    secret_protect_process();
    give_large_blocks_back();
    return cli_main(argc, argv);
}
