/* Reads the target's rows back, for verification. */
#include "convert.h"

void read_forget_view(struct pg_sink *sink)
{
    pthread_mutex_lock(&sink->lock);
    sink->view_number++;
    pthread_mutex_unlock(&sink->lock);
}
