/* Writes the tree of an expression as another dialect has it, and follows what it yields. */
#include "daytext.h"
#include "expr_part.h"

#include <strings.h>

static bool is_bytewise_source(const struct expr_scope *scope, const struct rnl_column *column)
{
    const char *collation = column->collation ? column->collation : "";
    size_t len = strlen(collation);

    switch (scope->from) {
    case EXPR_MYSQL: /* the others fill up with blanks before they compare */
        return (len > 10 && strcmp(collation + len - 10, "_nopad_bin") == 0) ||
               (len > 9 && strcmp(collation + len - 9, "_0900_bin") == 0);
    case EXPR_SQLITE:
        return !*collation || strcasecmp(collation, "binary") == 0;
    case EXPR_POSTGRES:
        break;
    }
    /* of a type of its own (citext), or of a collation that may be nondeterministic */
    return (!column->type_name || (column->flags & (RNL_COLUMN_ENUM | RNL_COLUMN_DOMAIN))) &&
           (!*collation || strcasecmp(collation, "\"C\"") == 0 ||
            strcasecmp(collation, "\"POSIX\"") == 0 || strcasecmp(collation, "\"default\"") == 0) &&
           !(column->native && strncmp(column->native, "char", 4) == 0 &&
             strncmp(column->native, "character varying", 17) != 0);
}

static bool is_column(const struct expr_scope *scope, const struct node *node, const char *name)
{
    /* PostgreSQL alone tells Name from name, and that only in quotes */
    if (scope->from == EXPR_POSTGRES && node->quoted)
        return strcmp(name, node->text) == 0;
    return strcasecmp(name, node->text) == 0;
}

static bool emit_column(struct parser *p, const struct node *node, struct piece *out)
{
    const struct expr_scope *scope = p->scope;
    struct expr_column target = {0};

    for (uint32_t i = 0; scope->table && i < scope->table->ncolumns; i++) {
        const struct rnl_column *column = COLUMN(scope->table, i);

        if (!is_column(scope, node, column->name))
            continue;
        if (scope->exact && (column->flags & RNL_COLUMN_GENERATED))
            return expr_fail(p, "it reads another generated column");
        if (!scope->column(scope->arg, i, &target))
            return expr_fail(p, "it reads a column that the target doesn't have");
        expr_name(&out->sql, scope->to, target.name);
        buf_puts(&out->sql, target.cast ? target.cast : "");
        out->class = target.class;
        if (column->flags & RNL_COLUMN_SET)
            out->class = EXPR_OTHER;
        else if (column->type == RNL_T_TIMESTAMPTZ && target.class == EXPR_DAY)
            out->class = EXPR_MOMENT;
        out->bytewise = target.bytewise && is_bytewise_source(scope, column);
        out->some = !(column->flags & RNL_COLUMN_NULLABLE);
        return true;
    }
    return expr_fail(p, "it reads something that is no column of the table");
}

/* Texts compare by collation, which may be another in the target. */
static bool may_compare_texts(struct parser *p, const char *sign, const struct piece *left,
                              const struct piece *right)
{
    bool order = *sign == '<' ? sign[1] != '>' : *sign == '>';

    if (!p->scope->exact)
        return true;
    if (order || !(left->literal || left->bytewise) || !(right->literal || right->bytewise))
        return expr_fail(p, "it compares texts, which the collations do differently");
    return true;
}

/* A day or time in quotes, which the other side makes one of its type. */
static bool is_day_literal(struct parser *p, const struct piece *piece, uint16_t type)
{
    struct rnl_value value;
    size_t len = piece->sql.len;

    return piece->literal && len > 2 && p->scope->to != EXPR_SQLITE &&
           day_parse(type, piece->sql.ptr + 1, len - 2, &value) &&
           !(value.flags & RNL_V_ZERO_DATE) && value.i != INT64_MIN && value.i != INT64_MAX;
}

static bool may_compare_days(struct parser *p, const struct piece *left, const struct piece *right)
{
    if (left->class == right->class && left->class != EXPR_OTHER)
        return !(p->scope->exact && p->scope->to == EXPR_SQLITE) ||
               expr_fail(p, "SQLite compares days as texts");
    if (left->class == EXPR_DAY && is_day_literal(p, right, RNL_T_TIMESTAMP))
        return true;
    if (left->class == EXPR_TIME && is_day_literal(p, right, RNL_T_TIME))
        return true;
    return expr_fail(p, "it compares what other servers keep apart");
}

bool expr_may_compare(struct parser *p, const char *sign, struct piece *left, struct piece *right)
{
    bool apart = p->scope->to == EXPR_POSTGRES;

    if (left->class == EXPR_NULL || right->class == EXPR_NULL)
        return true;
    if (left->class == EXPR_TEXT && right->class == EXPR_TEXT)
        return may_compare_texts(p, sign, left, right);
    if (left->class == EXPR_BOOL && right->class == EXPR_INT)
        return piece_as_number(p, left);
    if (right->class == EXPR_BOOL && left->class == EXPR_INT)
        return !apart || piece_as_number(p, right);
    if (left->class == EXPR_BOOL && right->class == EXPR_BOOL)
        return true;
    if (piece_is_number(left) && piece_is_number(right))
        return true;
    if (left->class == EXPR_DAY || left->class == EXPR_TIME || left->class == EXPR_MOMENT)
        return may_compare_days(p, left, right);
    return expr_fail(p, "it compares what other servers keep apart");
}

static void join(struct piece *out, struct piece *left, const char *sign, struct piece *right)
{
    buf_byte(&out->sql, '(');
    piece_append(out, "", left);
    buf_printf(&out->sql, " %s ", sign);
    piece_append(out, "", right);
    buf_byte(&out->sql, ')');
}

static bool is_division(const char *sign)
{
    return strcmp(sign, "/") == 0 || strcmp(sign, "%") == 0 || strcmp(sign, "div") == 0;
}

/* Whole numbers by a number that isn't zero: towards zero, in all three. */
static bool divide(struct parser *p, const char *sign, struct piece *left, struct piece *right,
                   struct piece *out)
{
    bool by_count = piece_is_count(right, true);
    const char *target = sign;

    if (!by_count || (left->class != EXPR_INT && left->class != EXPR_NULL) ||
        (*sign == '/' && p->scope->from == EXPR_MYSQL))
        return expr_fail(p, "it divides: rounding and division by zero differ");
    if (*sign != '%')
        target = p->scope->to == EXPR_MYSQL ? "DIV" : "/";
    if (!piece_as_number(p, left) || !piece_as_number(p, right))
        return false;
    join(out, left, target, right);
    out->class = EXPR_INT;
    return true;
}

static bool compute(struct parser *p, const char *sign, struct piece *left, struct piece *right,
                    struct piece *out)
{
    if (is_division(sign))
        return divide(p, sign, left, right, out);
    if (!piece_as_number(p, left) || !piece_as_number(p, right))
        return false;
    join(out, left, sign, right);
    out->class = left->class == EXPR_DOUBLE || right->class == EXPR_DOUBLE ? EXPR_DOUBLE
                 : left->class == EXPR_INT && right->class == EXPR_INT     ? EXPR_INT
                                                                           : EXPR_DECIMAL;
    return true;
}

static bool concat(struct parser *p, struct piece *left, struct piece *right, struct piece *out)
{
    if (p->scope->from == EXPR_MYSQL)
        return expr_fail(p, "it holds a sign that means one thing or another by sql_mode");
    if (left->class != EXPR_TEXT && right->class != EXPR_TEXT)
        return expr_fail(p, "it joins what is no text");
    if (!piece_as_text(p, left) || !piece_as_text(p, right))
        return false;
    if (p->scope->to != EXPR_MYSQL) {
        join(out, left, "||", right);
    } else {
        piece_append(out, "concat(", left);
        piece_append(out, ", ", right);
        buf_byte(&out->sql, ')');
    }
    out->class = EXPR_TEXT;
    out->bytewise = (left->bytewise || left->literal) && (right->bytewise || right->literal);
    return true;
}

static bool same(struct parser *p, const struct node *node, struct piece *left, struct piece *right,
                 struct piece *out)
{
    static const char *const signs[] = {"<=>", "IS NOT DISTINCT FROM", "IS"};

    if (!expr_may_compare(p, "=", left, right))
        return false;
    join(out, left, signs[p->scope->to], right);
    if (node->negated)
        piece_wrap(out, "(NOT ", ")");
    out->class = EXPR_BOOL;
    out->some = true;
    return true;
}

static bool emit_binary(struct parser *p, const struct node *node, struct piece *out)
{
    struct piece left = {0}, right = {0};
    const char *sign = node->text;
    bool good = expr_emit(p, node->first, &left) && expr_emit(p, node->first->next, &right);

    if (!good) {
        /* the reason stands already */
    } else if (strcmp(sign, "and") == 0 || strcmp(sign, "or") == 0) {
        good = piece_as_bool(p, &left) && piece_as_bool(p, &right);
        join(out, &left, *sign == 'a' ? "AND" : "OR", &right);
        out->class = EXPR_BOOL;
    } else if (strcmp(sign, "||") == 0) {
        good = concat(p, &left, &right, out);
    } else if (strcmp(sign, "same") == 0) {
        good = same(p, node, &left, &right, out);
    } else if (strchr("=<>", *sign)) {
        good = expr_may_compare(p, sign, &left, &right);
        join(out, &left, sign, &right);
        out->class = EXPR_BOOL;
    } else {
        good = compute(p, sign, &left, &right, out);
    }
    out->some = out->some || (left.some && right.some);
    buf_free(&left.sql);
    buf_free(&right.sql);
    return good;
}

static bool emit_in(struct parser *p, const struct node *node, struct piece *out)
{
    struct piece left = {0}, list = {0};
    bool good = expr_emit(p, node->first, &left);

    for (const struct node *n = node->first->next; good && n; n = n->next) {
        struct piece item = {0};

        good = expr_emit(p, n, &item) && expr_may_compare(p, "=", &left, &item);
        piece_append(&list, n == node->first->next ? "" : ", ", &item);
        buf_free(&item.sql);
    }
    piece_append(out, node->negated ? "(NOT (" : "(", &left);
    piece_append(out, " IN (", &list);
    buf_puts(&out->sql, node->negated ? ")))" : "))");
    out->class = EXPR_BOOL;
    buf_free(&left.sql);
    buf_free(&list.sql);
    return good;
}

static bool emit_between(struct parser *p, const struct node *node, struct piece *out)
{
    struct piece part = {0}, low = {0}, high = {0};
    bool good = expr_emit(p, node->first, &part) && expr_emit(p, node->first->next, &low) &&
                expr_emit(p, node->first->next->next, &high) &&
                expr_may_compare(p, ">=", &part, &low) && expr_may_compare(p, "<=", &part, &high);

    piece_append(out, node->negated ? "(NOT (" : "(", &part);
    piece_append(out, " BETWEEN ", &low);
    piece_append(out, " AND ", &high);
    buf_puts(&out->sql, node->negated ? "))" : ")");
    out->class = EXPR_BOOL;
    buf_free(&part.sql);
    buf_free(&low.sql);
    buf_free(&high.sql);
    return good;
}

static bool emit_is(struct parser *p, const struct node *node, struct piece *out)
{
    bool null = strcmp(node->text, "null") == 0;

    if (!expr_emit(p, node->first, out) || (!null && !piece_as_bool(p, out)))
        return false;
    buf_printf(&out->sql, " IS %s%s)", node->negated ? "NOT " : "",
               null                              ? "NULL"
               : strcmp(node->text, "true") == 0 ? "TRUE"
                                                 : "FALSE");
    piece_wrap(out, "(", "");
    out->class = EXPR_BOOL;
    out->literal = false;
    out->some = true;
    return true;
}

/* Adds " WHEN a THEN b", or " ELSE b"; class becomes that of all the values. */
static bool emit_arm(struct parser *p, const struct node *when, const struct node *then,
                     struct piece *out)
{
    struct piece condition = {0};
    struct piece value[2] = {{.some = false}, {.class = out->class}};
    bool good = (!when || (expr_emit(p, when, &condition) && piece_as_bool(p, &condition))) &&
                expr_emit(p, then, &value[0]) && piece_unify(p, value, 2, &out->class);

    if (when)
        piece_append(out, " WHEN ", &condition);
    piece_append(out, when ? " THEN " : " ELSE ", &value[0]);
    out->bytewise = out->bytewise && (value[0].bytewise || value[0].literal);
    buf_free(&condition.sql);
    buf_free(&value[0].sql);
    return good;
}

static bool emit_case(struct parser *p, const struct node *node, struct piece *out)
{
    bool good = true;

    out->class = EXPR_NULL;
    out->bytewise = true;
    buf_puts(&out->sql, "CASE");
    for (const struct node *n = node->first; good && n; n = n->next) {
        if (!n->next) {
            good = emit_arm(p, NULL, n, out);
        } else {
            good = emit_arm(p, n, n->next, out);
            n = n->next;
        }
    }
    buf_puts(&out->sql, " END");
    return good;
}

static bool emit_negation(struct parser *p, const struct node *node, struct piece *out)
{
    bool not = node->kind == NODE_NOT;

    if (!expr_emit(p, node->first, out) || !(not ? piece_as_bool(p, out) : piece_as_number(p, out)))
        return false;
    piece_wrap(out, not ? "(NOT " : "(- ", ")");
    out->literal = false;
    return true;
}

bool expr_emit(struct parser *p, const struct node *node, struct piece *out)
{
    switch (node->kind) {
    case NODE_NULL:
        buf_puts(&out->sql, "NULL");
        out->class = EXPR_NULL;
        return true;
    case NODE_BOOL:
        buf_puts(&out->sql, node->text);
        out->class = EXPR_BOOL;
        out->some = true;
        return true;
    case NODE_NUMBER:
        buf_puts(&out->sql, node->text);
        out->class = strpbrk(node->text, "eE")                            ? EXPR_DOUBLE
                     : strchr(node->text, '.') || strlen(node->text) > 18 ? EXPR_DECIMAL
                                                                          : EXPR_INT;
        out->some = true;
        return true;
    case NODE_TEXT:
        expr_literal(&out->sql, p->scope->to, node->text);
        out->class = EXPR_TEXT;
        out->literal = out->some = true;
        return true;
    case NODE_COLUMN:
        return emit_column(p, node, out);
    case NODE_NEGATE:
    case NODE_NOT:
        return emit_negation(p, node, out);
    case NODE_BINARY:
        return emit_binary(p, node, out);
    case NODE_IN:
        return emit_in(p, node, out);
    case NODE_BETWEEN:
        return emit_between(p, node, out);
    case NODE_IS:
        return emit_is(p, node, out);
    case NODE_CASE:
        return emit_case(p, node, out);
    case NODE_CALL:
        return expr_emit_call(p, node, out);
    case NODE_CAST:
        return expr_emit_cast(p, node, out);
    case NODE_MATCH:
        return expr_emit_match(p, node, out);
    case NODE_ARRAY:
        break;
    }
    return expr_fail(p, "it holds an array");
}
