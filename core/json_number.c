/* Which numbers of JSON a database keeps that has 64-bit integers and doubles for them. */
#include "json_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MOST = 64, DOUBLE_DIGITS = 17 };

/* No sign but a leading one, no point, no power. */
static bool fits_integer(const char *text, size_t len)
{
    uint64_t sum = 0;

    if (len >= TEXT_MOST || (*text == '-' && len >= 19))
        return false;
    for (size_t i = *text == '-'; i < len; i++)
        if (__builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(text[i] - '0'), &sum))
            return false;
    return true;
}

/* The fewest digits that give the double again, without zeros at their end, and their power. */
static size_t shortest(double number, char *digits, long *power)
{
    char printed[DOUBLE_DIGITS + 16];
    size_t count = 0;

    for (int precision = 15; precision <= DOUBLE_DIGITS; precision++) {
        snprintf(printed, sizeof(printed), "%.*e", precision - 1, fabs(number));
        if (strtod(printed, NULL) == fabs(number))
            break;
    }
    for (const char *at = printed; *at && *at != 'e'; at++)
        if (*at != '.')
            digits[count++] = *at;
    *power = strtol(strchr(printed, 'e') + 1, NULL, 10) - (long)count + 1;
    for (; count && digits[count - 1] == '0'; count--)
        ++*power;
    return count;
}

bool json_number_is_kept(const char *text, size_t len, const char *digits, size_t count,
                         int64_t power)
{
    char copy[TEXT_MOST], kept[DOUBLE_DIGITS + 1];
    bool has_power = memchr(text, 'e', len) || memchr(text, 'E', len);
    long kept_power = 0;
    double number;

    if (!has_power && len <= 15) /* the most usual: any 15 digits are kept */
        return true;
    if (!has_power && !memchr(text, '.', len) && fits_integer(text, len))
        return true;
    if (len >= sizeof(copy) || count > DOUBLE_DIGITS)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    number = strtod(copy, NULL);
    return isfinite(number) && shortest(number, kept, &kept_power) == count &&
           memcmp(kept, digits, count) == 0 && (count == 0 || kept_power == power);
}
