/* Differences of JSON values, as partial updates have them, applied to the value before. */
#include "binlog_json.h"

#define DEPTH_MAX 128

/*
 * A value as a tree. Members of an object stand in the order that the server keeps: by length of
 * the key, then by its bytes.
 */
struct node {
    struct node *next, *child;
    uint8_t type; /* a scalar, JSON_OBJECT or JSON_ARRAY */
    struct span key, scalar;
};

struct tree {
    struct pile *pile;
    size_t budget; /* of nodes: each comes of some bytes */
    bool no_memory;
};

static struct node *node_new(struct tree *tree)
{
    struct node *node;

    if (!tree->budget)
        return NULL;
    tree->budget--;
    node = pile_take(tree->pile, sizeof(*node));
    if (node)
        *node = (struct node){0};
    else
        tree->no_memory = true;
    return node;
}

static struct node *node_build(struct tree *tree, uint8_t type, struct span in, unsigned depth)
{
    struct node *node = node_new(tree), **last;
    struct json_list list;

    if (!node)
        return NULL;
    node->type = type;
    node->scalar = in;
    if (type > JSON_ARRAY_LARGE)
        return node;
    node->type = type <= JSON_OBJECT_LARGE ? JSON_OBJECT : JSON_ARRAY;
    if (depth >= DEPTH_MAX || json_list_open(type, in, &list))
        return NULL;
    last = &node->child;
    for (uint64_t i = 0; i < list.count; i++) {
        struct span key = {0}, value;

        if ((list.is_object && json_list_key(&list, i, &key)) ||
            json_list_value(&list, i, &type, &value))
            return NULL;
        *last = node_build(tree, type, value, depth + 1);
        if (!*last)
            return NULL;
        (*last)->key = key;
        last = &(*last)->next;
    }
    return node;
}

static struct node *value_build(struct tree *tree, struct span in, unsigned depth)
{
    static const uint8_t null[] = {0};
    uint8_t type = JSON_LITERAL;

    if (span_left(&in))
        type = *in.at++;
    else
        in = (struct span){null, null + 1};
    return node_build(tree, type, in, depth);
}

static int node_write(const struct node *node, struct pile_text *out, unsigned depth)
{
    bool is_object = node->type == JSON_OBJECT;

    if (node->type > JSON_ARRAY)
        return json_scalar(node->type, node->scalar, out);
    if (depth >= 2 * DEPTH_MAX)
        return -1;
    pile_text_add(out, is_object ? "{" : "[", 1);
    for (const struct node *at = node->child; at; at = at->next) {
        if (at != node->child)
            pile_text_add(out, ", ", 2);
        if (is_object) {
            json_quote(out, at->key.at, span_left(&at->key));
            pile_text_add(out, ": ", 2);
        }
        if (node_write(at, out, depth + 1) || pile_text_broken(out))
            return -1;
    }
    pile_text_add(out, is_object ? "}" : "]", 1);
    return 0;
}

static int hex_load(const uint8_t *at, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t digit = at[i] >= '0' && at[i] <= '9'   ? at[i] - (uint32_t)'0'
                         : at[i] >= 'a' && at[i] <= 'f' ? at[i] - (uint32_t)'a' + 10
                         : at[i] >= 'A' && at[i] <= 'F' ? at[i] - (uint32_t)'A' + 10
                                                        : 16;

        if (digit > 15)
            return -1;
        *code = *code << 4 | digit;
    }
    return 0;
}

/* The character behind a backslash; the server writes \u only for control characters. */
static int escape_read(struct span *path, uint8_t *to)
{
    static const char from[] = "\"\\/bfnrt", made[] = "\"\\/\b\f\n\r\t";
    const uint8_t *at = span_take(path, 1);
    const char *found = at && *at ? strchr(from, *at) : NULL;
    uint32_t code;

    if (found) {
        *to = (uint8_t)made[found - from];
        return 0;
    }
    if (!at || *at != 'u' || !(at = span_take(path, 4)) || hex_load(at, &code) || code > 0x7f)
        return -1;
    *to = (uint8_t)code;
    return 0;
}

/* A key in a path: a word, or a quoted text. */
static int key_read(struct tree *tree, struct span *path, struct span *key)
{
    const uint8_t *begin = path->at;
    uint8_t *out, *to;

    if (!span_left(path))
        return -1;
    if (*path->at != '"') {
        while (span_left(path) && *path->at != '.' && *path->at != '[')
            path->at++;
        *key = (struct span){begin, path->at};
        return key->at == key->end ? -1 : 0;
    }
    path->at++;
    out = to = pile_take(tree->pile, span_left(path) + 1);
    if (!out) {
        tree->no_memory = true;
        return -1;
    }
    for (;;) {
        const uint8_t *at = span_take(path, 1);

        if (!at || (*at == '\\' && escape_read(path, to)))
            return -1;
        if (*at == '"')
            break;
        if (*at != '\\')
            *to = *at;
        to++;
    }
    *key = (struct span){out, to};
    return 0;
}

static int index_read(struct span *path, uint64_t *index)
{
    const uint8_t *begin = path->at;

    *index = 0;
    while (span_left(path) && *path->at >= '0' && *path->at <= '9' && *index < UINT32_MAX)
        *index = *index * 10 + (*path->at++ - (uint64_t)'0');
    if (path->at == begin || !span_left(path) || *path->at != ']')
        return -1;
    path->at++;
    return 0;
}

static int key_compare(const struct span *a, const struct span *b)
{
    if (span_left(a) != span_left(b))
        return span_left(a) < span_left(b) ? -1 : 1;
    return span_left(a) ? memcmp(a->at, b->at, span_left(a)) : 0;
}

/* A place in the tree: where the pointer to the node stands, or would stand. */
struct place {
    struct node **at;
    struct span key; /* of a member */
    bool found, is_object, is_root;
};

static int member_find(struct node *parent, struct place *place)
{
    if (parent->type != JSON_OBJECT)
        return -1;
    place->is_object = true;
    for (place->at = &parent->child; *place->at; place->at = &(*place->at)->next) {
        int order = key_compare(&(*place->at)->key, &place->key);

        place->found = order == 0;
        if (order >= 0)
            return 0;
    }
    return 0;
}

static int cell_find(struct node *parent, struct place *place, uint64_t index)
{
    if (parent->type != JSON_ARRAY)
        return -1;
    place->is_object = false;
    place->at = &parent->child;
    while (index-- && *place->at)
        place->at = &(*place->at)->next;
    place->found = *place->at;
    return 0;
}

/* $.name."quoted name"[3]: all but the last must be there. */
static int path_walk(struct tree *tree, struct span path, struct node **root, struct place *place)
{
    const uint8_t *dollar = span_take(&path, 1);

    *place = (struct place){.at = root, .found = true, .is_root = true};
    if (!dollar || *dollar != '$')
        return -1;
    while (span_left(&path)) {
        struct node *parent = *place->at;
        uint8_t leg = *path.at++;
        uint64_t index;

        if (!place->found)
            return -1;
        *place = (struct place){0};
        if (leg == '.') {
            if (key_read(tree, &path, &place->key) || member_find(parent, place))
                return -1;
        } else if (leg != '[' || index_read(&path, &index) || cell_find(parent, place, index)) {
            return -1;
        }
    }
    return 0;
}

enum { DIFF_REPLACE, DIFF_INSERT, DIFF_REMOVE };

static int diff_apply(uint8_t op, const struct place *place, struct node *value)
{
    struct node **at = place->at;

    switch (op) {
    case DIFF_REPLACE:
        if (!place->found)
            return -1;
        value->next = (*at)->next;
        value->key = (*at)->key;
        *at = value;
        return 0;
    case DIFF_INSERT: /* a member must be new, a cell moves those behind it */
        if (place->is_root || (place->is_object && place->found))
            return -1;
        value->next = *at;
        value->key = place->key;
        *at = value;
        return 0;
    default:
        if (place->is_root || !place->found)
            return -1;
        *at = (*at)->next;
        return 0;
    }
}

/* What is done, where (length, path), and with what (length, value). */
static int diff_next(struct tree *tree, struct span *diffs, struct node **root)
{
    const uint8_t *op = span_take(diffs, 1), *path, *bytes;
    struct node *value = NULL;
    struct place place;
    uint64_t len;

    if (!op || *op > DIFF_REMOVE || !span_packed(diffs, &len) || !(path = span_take(diffs, len)) ||
        path_walk(tree, (struct span){path, path + len}, root, &place))
        return -1;
    if (*op != DIFF_REMOVE) {
        if (!span_packed(diffs, &len) || !(bytes = span_take(diffs, len)))
            return -1;
        value = value_build(tree, (struct span){bytes, bytes + len}, 0);
        if (!value)
            return -1;
    }
    return diff_apply(*op, &place, value);
}

int json_apply(struct span old, struct span diffs, struct pile *pile, struct rnl_value *value)
{
    size_t bytes = span_left(&old) + span_left(&diffs);
    struct tree tree = {.pile = pile, .budget = bytes + 2};
    struct pile_text text = {.pile = pile, .limit = bytes * 8 + 64};
    struct node *root = value_build(&tree, old, 0);
    int status = root ? 0 : -1;

    if (text.limit > UINT32_MAX)
        text.limit = UINT32_MAX;
    while (!status && span_left(&diffs))
        status = diff_next(&tree, &diffs, &root);
    if (!status)
        status = node_write(root, &text, 0);
    if (tree.no_memory || text.no_memory)
        return OUTCOME_NO_MEMORY;
    if (status || pile_text_broken(&text))
        return OUTCOME_BAD;
    value->ptr = text.ptr;
    value->len = (uint32_t)text.len;
    return OUTCOME_OK;
}
