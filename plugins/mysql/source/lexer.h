/* Words, names, texts and signs of a statement, as MySQL and MariaDB read them. */
#ifndef MYSQL_LEXER_H
#define MYSQL_LEXER_H

#include <runnel/value.h>
#include <stdbool.h>

#define STATEMENT_NAME_MAX 512

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_NAME, TOKEN_TEXT, TOKEN_SIGN };

/* Set at, end and how quotes are read; lexer_next() takes the first token. */
struct lexer {
    const char *at, *end; /* what stands behind the token */
    const char *from;     /* where the token begins */
    bool ansi_quotes;     /* "a" is a name, not a text */
    bool no_escapes;      /* a backslash is itself */
    enum token_kind kind;
    char sign;
    char word[STATEMENT_NAME_MAX]; /* of WORD, NAME and TEXT; cut where it is longer */
};

void lexer_next(struct lexer *in);
bool lexer_is(const struct lexer *in, const char *word);
bool lexer_is_any(const struct lexer *in, const char *const *words); /* NULL ends them */
bool lexer_is_sign(const struct lexer *in, char sign);
bool lexer_is_name(const struct lexer *in);
bool lexer_take(struct lexer *in, const char *word);
bool lexer_take_sign(struct lexer *in, char sign);
/* At an opening parenthesis: passes over all up to the closing one, and tells what stands between.
 */
struct rnl_slice lexer_group(struct lexer *in);
/* To the next comma, or the parenthesis that closes the list. */
void lexer_skip_item(struct lexer *in);
/* Of a TEXT: what it means, terminated; out has room for its bytes in the statement and one. */
size_t lexer_text(const struct lexer *in, char *out);

#endif
