/* A column's definition while it is read: what its two files share. */
#ifndef MYSQL_FORM_COLUMN_H
#define MYSQL_FORM_COLUMN_H

#include "form.h"

enum takes {
    TAKES_NOTHING,
    TAKES_WIDTH,
    TAKES_LENGTH,
    TAKES_DIGITS,
    TAKES_FRACTION,
    TAKES_LABELS,
    TAKES_BYTES
};

struct definition {
    struct form *form;
    struct form_column *column;
    const char *type;
    enum takes takes;
    bool is_text, is_unsigned, zerofill, binary, compressed;
    bool serial, boolean;
    unsigned long numbers[2];
    unsigned nnumbers;
    struct text labels; /* 'a','b' */
    uint32_t label_longest, label_sum, nlabels;
    const char *charset, *collation;
    bool not_null, identity, touched, invisible, stored, is_virtual;
    bool primary, unique;
    struct text fallback; /* the default, as MariaDB shows it */
    const char *generated, *comment;
    unsigned long srid;
};

/* What the text token means, in the form's memory. */
const char *definition_text(struct form *form, const struct lexer *in, size_t *len);
/* 'it''s', as the server shows it */
void definition_quote(struct text *out, const char *value, size_t len);

/* form_type.c: the type's words; type stays NULL when it is none that is known. */
void definition_type_take(struct definition *d, struct lexer *in);
/* What the word becomes by what stands behind it. */
void definition_type_settle(struct definition *d);
/* The type as information_schema spells it. */
void definition_native(const struct definition *d, struct text *out);

#endif
