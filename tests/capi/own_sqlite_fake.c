/* Stands for an SQLite that a program links: everything renkei needs of its own is here under the same names, and of no use. */

const char *sqlite3_libversion(void);
int sqlite3_libversion_number(void);
int sqlite3_open_v2(const char *path, void **out, int flags, const char *vfs);
int sqlite3_prepare_v3(void *database, const char *sql, int len, unsigned flags, void **out, const char **tail);
int sqlite3_step(void *statement);

const char *sqlite3_libversion(void)
{
    return "0.0.0-fake";
}

int sqlite3_libversion_number(void)
{
    return 0;
}

int sqlite3_open_v2(const char *path, void **out, int flags, const char *vfs)
{
    (void)path, (void)out, (void)flags, (void)vfs;
    return 1;
}

int sqlite3_prepare_v3(void *database, const char *sql, int len, unsigned flags, void **out, const char **tail)
{
    (void)database, (void)sql, (void)len, (void)flags, (void)out, (void)tail;
    return 1;
}

int sqlite3_step(void *statement)
{
    (void)statement;
    return 1;
}
