/* Texts of others, such as the last words of a process that crashed: what looks like a secret goes.
 */
#ifndef REDACT_H
#define REDACT_H

/*
 * In place: passwords of URLs, and what follows words such as "password=". It may take more than
 * secrets: for texts of our own, which have none, it isn't meant.
 */
void redact(char *text);

#endif
