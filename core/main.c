/* Where the program starts. */
#include "cli/cli.h"
#include "secret.h"

int main(int argc, char **argv)
{
    secret_protect_process();
    return cli_main(argc, argv);
}
