/* What the C programs of the tests share. */
#ifndef TEST_H
#define TEST_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "renkei.h"

#define N RENKEI_NTS

static int failures = 0;

#define EXPECT(condition)                                                                           \
    do {                                                                                            \
        if (!(condition)) {                                                                         \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);           \
            failures++;                                                                             \
        }                                                                                           \
    } while (0)

static inline void report(const char *file, int line, const char *call, renkei_status wanted, renkei_status status,
                          renkei_error *error)
{
    if (status != wanted) {
        fprintf(stderr, "%s:%d: %s: %s instead of %s: %s\n", file, line, call, renkei_status_name(status),
                renkei_status_name(wanted), renkei_error_message(error, RENKEI_ENGLISH, NULL));
        failures++;
    }
    renkei_error_free(error);
}

/* The call, whose last argument is &error, has this status. */
#define STATUS(wanted, call)                                                                        \
    do {                                                                                            \
        renkei_error *error = NULL;                                                                 \
        renkei_status status_of_call = call;                                                        \
        report(__FILE__, __LINE__, #call, wanted, status_of_call, error);                           \
    } while (0)

#define OK(call) STATUS(RENKEI_OK, call)

/* As STATUS, and the error has this code. */
#define CODE(wanted, code, call)                                                                    \
    do {                                                                                            \
        renkei_error *error = NULL;                                                                 \
        renkei_status status_of_call = call;                                                        \
        if (strcmp(renkei_error_code(error, NULL), code) != 0) {                                    \
            fprintf(stderr, "%s:%d: the code is %s\n", __FILE__, __LINE__, renkei_error_code(error, NULL)); \
            failures++;                                                                             \
        }                                                                                           \
        EXPECT(renkei_error_message(error, RENKEI_JAPANESE, NULL)[0] != '\0');                      \
        report(__FILE__, __LINE__, #call, wanted, status_of_call, error);                           \
    } while (0)

/* A lent text is this one. */
static inline int is_text(const char *text, size_t len, const char *wanted)
{
    return text != NULL && len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

/* A path in the folder that the program was given. */
static inline const char *in_folder(const char *folder, const char *name)
{
    static char paths[4][1024];
    static int at = 0;
    at = (at + 1) % 4;
    snprintf(paths[at], sizeof paths[at], "%s/%s", folder, name);
    return paths[at];
}

static inline int ended(const char *program)
{
    size_t open = 0;
    if (renkei_open_count(&open, NULL) != RENKEI_OK || open != 0) {
        fprintf(stderr, "%s: %u handles or texts are open at the end\n", program, (unsigned)open);
        failures++;
    }
    if (failures == 0) {
        printf("%s: all is well\n", program);
    }
    return failures != 0;
}

#endif
