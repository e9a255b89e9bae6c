/* A program with an SQLite of its own: linked together, each side keeps its own. */

#include "test.h"

/* Of the program's SQLite: the real one, or own_sqlite_fake.c. */
extern const char *sqlite3_libversion(void);

int main(int count, char **arguments)
{
    const char *folder = count > 1 ? arguments[1] : ".";
    renkei_store_options options = renkei_store_options_init();
    renkei_store *store = NULL;
    char *json;
    size_t len;
    printf("the program's SQLite is %s, that of renkei %s\n", sqlite3_libversion(), renkei_sqlite_version());
    EXPECT(strcmp(sqlite3_libversion(), renkei_sqlite_version()) != 0);
    if (count > 2) {
        EXPECT(strcmp(sqlite3_libversion(), arguments[2]) == 0);
    }
    options.create = 1;
    OK(renkei_store_open(in_folder(folder, "own.db"), N, &options, &store, &error));
    OK(renkei_blueprint_dump(store, &json, &len, &error));
    EXPECT(renkei_free(json) == RENKEI_OK);
    EXPECT(renkei_store_close(store) == RENKEI_OK);
    return ended("own_sqlite");
}
