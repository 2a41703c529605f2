/* The end of following, once all is drained: the source's numbers, and the source let go. */
#include "reader_part.h"

#include <stdlib.h>

/* Changes don't tell how far identities and sequences are: the source's catalog does. */
int reader_tell_values(struct reader *reader, struct rnl_error *err)
{
    struct control word = {.type = CONTROL_VALUES};
    struct rnl_catalog *fresh = catalog_new();
    int status;

    if (!fresh)
        return rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the catalog");
    status = reader_describe(reader, fresh, err);
    if (status == RNL_OK) {
        catalog_take_values(reader->record.catalog, fresh);
        word.record = catalog_to_json(reader->record.catalog);
        status = word.record
                     ? control_send(reader->ear, &word, err)
                     : rnl_fail(err, RNL_E_FATAL, "memory", "out of memory for the catalog");
    }
    control_clear(&word);
    catalog_free(fresh);
    return status;
}

/* The pipeline has come to its end: the source keeps nothing for it any longer. */
int reader_let_go(struct reader *reader, struct rnl_error *err)
{
    const struct rnl_source_ops *source = &reader->source.plugin->source;
    struct control word;
    int status;

    do { /* what was committed last may still be told */
        status = control_await(reader->run, reader->ear, CONTROL_ENDED, &word, err);
        control_clear(&word);
    } while (status < 0 && strcmp(err->code, "control.unexpected") == 0);
    if (status != RNL_OK || !source->unfollow)
        return status;
    return source->unfollow(reader->source.self, reader->run->config->name, err);
}
