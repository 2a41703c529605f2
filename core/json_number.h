/* Which numbers of JSON a database keeps that has 64-bit integers and doubles for them. */
#ifndef JSON_NUMBER_H
#define JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * text is the number as it is spelled; digits are its digits without zeros at either end, the last
 * one to be multiplied by 10^power. A number of zero has none.
 */
bool json_number_is_kept(const char *text, size_t len, const char *digits, size_t count,
                         int64_t power);

#endif
