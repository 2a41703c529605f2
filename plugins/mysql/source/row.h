/* A row of the binary protocol as neutral values, without copying what need not change. */
#ifndef MYSQL_ROW_H
#define MYSQL_ROW_H

#include <runnel/host.h>

enum field_form {
    FIELD_INT = 1, /* width bytes */
    FIELD_FLOAT,   /* 4 bytes */
    FIELD_DOUBLE,  /* 8 bytes */
    FIELD_DATE,    /* length and parts; also datetime and timestamp */
    FIELD_TIME,    /* length and parts */
    FIELD_BYTES,   /* length and bytes, as they are */
    FIELD_LATIN1,  /* cp1252 text */
    FIELD_BITS,    /* bits, highest byte first */
    FIELD_DECIMAL, /* text, maybe with zeros in front */
    FIELD_UUID,    /* text of 36 characters */
};

struct field {
    uint8_t form;
    uint8_t width; /* bytes on the wire, of an INT */
    uint8_t is_signed;
    uint8_t reserved;
    uint16_t type; /* enum rnl_type of the value */
    uint16_t bits; /* of BITS: how many digits */
    uint32_t pad;  /* of BINARY(n): n */
};

/*
 * How a column of this type comes on the wire. wire_type and wire_flags are the
 * server's (MYSQL_TYPE_*, UNSIGNED_FLAG). -1: that is no such column any more.
 */
int field_set(struct field *field, const struct rnl_column *column, unsigned wire_type,
              unsigned wire_flags);

struct scratch_block;
/* Where values are made that differ from their bytes on the wire; emptied for each row. */
struct scratch {
    char bytes[4096];
    size_t used;
    struct scratch_block *blocks; /* for what doesn't fit */
};
void scratch_reset(struct scratch *scratch);

/* Values are borrowed from the packet and from scratch. 0, or -1: no row of these fields. */
int row_decode(const struct field *fields, uint32_t count, const unsigned char *packet, size_t len,
               struct rnl_value *values, struct scratch *scratch);

#endif
