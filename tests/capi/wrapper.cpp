// The wrapper for C++: what it owns, what it throws, and exceptions on their way through callbacks.

#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>

#include "renkei.hpp"

static int failures = 0;

#define EXPECT(condition)                                                                           \
    do {                                                                                            \
        if (!(condition)) {                                                                         \
            std::cerr << __FILE__ << ':' << __LINE__ << ": " << #condition << " does not hold\n";   \
            failures++;                                                                             \
        }                                                                                           \
    } while (0)

template <typename Work> static renkei_status status_of(Work work)
{
    try {
        work();
    } catch (const renkei::error &error) {
        return error.status();
    }
    return RENKEI_OK;
}

static const char *const BLUEPRINT = R"({
    "databases": [{"code": "items", "name": "商品", "fields": [
        {"code": "code", "name": "品番", "type": "key"},
        {"code": "name", "name": "品名", "type": "text", "required": true},
        {"code": "price", "name": "単価", "type": "number", "scale": 2, "display": {"grouping": true}}],
      "details": [{"code": "note", "name": "注記", "type": "text"}]}],
    "imports": [{"database": "items", "code": "daily", "name": "日次", "columns": [
        {"field": "code"}, {"field": "name"}, {"field": "price"}]}]})";

static void everything(const std::string &folder)
{
    const std::string path = folder + "/wrapper.db";
    EXPECT(status_of([&] { renkei::store::open(path); }) == RENKEI_NOT_FOUND);
    renkei::store store = renkei::store::create(path);
    EXPECT(store.plan(BLUEPRINT) != "[]" && store.apply(BLUEPRINT) != "[]" && store.apply(BLUEPRINT) == "[]");
    EXPECT(store.blueprint().find("品番") != std::string::npos);

    renkei::values values;
    values.set("code", "A-1").set("name", std::string("りんご")).set_decimal("price", 123450, 2).row().set("note", "一");
    const renkei::saved first = store.register_record("items", values);
    EXPECT(first.key == "A-1" && first.revision == 1 && first.written == RENKEI_INSERTED);
    EXPECT(values.saved_at(0).id == first.id);
    store.register_record("items", R"({"code": "A-2", "name": "みかん"})");
    try {
        store.register_record("items", R"({"code": "A-1", "price": "x"})");
        EXPECT(false);
    } catch (const renkei::error &error) {
        const renkei::error copy = error;
        EXPECT(copy.status() == RENKEI_VALIDATION && copy.code() == "record.invalid" && copy.violations().size() == 3);
        EXPECT(copy.violations()[0].field == "code" && copy.violations()[0].code == "value.duplicate");
        EXPECT(copy.message(RENKEI_JAPANESE).find("品名") != std::string::npos && std::strlen(copy.what()) > 10);
        EXPECT(copy.json().find("violations") != std::string::npos);
    }

    renkei::record record = store.view("items", "A-1");
    EXPECT(record.key() == "A-1" && record.text("name") == "りんご" && record.display("price") == "1,234.50");
    EXPECT(record.row_count() == 1 && record.text("note", 1) == "一" && record.is_null("price") == false);
    EXPECT(record.id() == first.id && record.revision() == 1 && record.json().find("1234.50") != std::string::npos);
    renkei::record moved = std::move(record);
    EXPECT(moved.key() == "A-1" && record.get() == nullptr);
    moved = store.view("items", renkei::target::id(first.id + 1));
    EXPECT(moved.text("name") == "みかん");
    EXPECT(!store.find("items", "A-9").has_value() && store.find("items", std::string("A-2")).has_value());

    renkei::write_options expected;
    expected.expected_revision = 9;
    EXPECT(status_of([&] { store.update("items", "A-1", R"({"name": "x"})", expected); }) == RENKEI_CONFLICT);
    values.clear();
    values.set("name", "林檎").set("price", nullptr);
    EXPECT(store.update("items", renkei::target::key("A-1"), values).revision == 2);
    EXPECT(store.upsert("items", R"({"code": "A-3", "name": "柿", "price": 80})").written == RENKEI_INSERTED);

    std::string names;
    for (const renkei::row &row : store.rows("items", R"(["name", "price"])", R"({"sort": [{"field": "code"}]})")) {
        names += row.text(0);
        EXPECT(row.size() == 2 && row.is_null(1) == (row.text(0) != "柿"));
    }
    EXPECT(names == "林檎みかん柿");
    EXPECT(store.count("items") == 3 && store.count("items", R"({"field": "name", "op": "equals", "value": "柿"})") == 1);
    EXPECT(store.query("items", R"({"limit": 1})").find("\"next\":\"") != std::string::npos);
    EXPECT(store.aggregate("items", R"({"measures": [{"function": "count"}]})").find("3") != std::string::npos);

    {
        renkei::transaction transaction = store.begin();
        transaction.register_record("items", R"({"code": "B", "name": "戻る"})");
    }
    EXPECT(store.count("items") == 3);
    renkei::transaction transaction = store.begin();
    transaction.register_record("items", R"({"code": "B", "name": "残る"})");
    transaction.update("items", "B", R"({"name": "残った"})");
    transaction.remove("items", "A-3");
    transaction.commit();
    EXPECT(store.view("items", "B").text("name") == "残った" && store.count("items") == 3);
    store.remove("items", "B");
    values.clear();
    values.set("code", "C").set("name", "一").next().set("code", "D").set("name", "二");
    store.register_all("items", values);
    EXPECT(values.saved_at(1).key == "D");
}

static void imports_and_exports(const std::string &folder)
{
    renkei::store store = renkei::store::create(folder + "/wrapper.db");
    renkei::import_request request;
    request.upload = store.upload("a.csv", "品番,品名,単価\nE-1,梨,300\nE-2,,1\n");
    std::int64_t import = store.reserve_import("items", "daily", request);
    int told = 0;
    EXPECT(store.run_until_idle([&](const renkei_import_progress &progress) { told += progress.bytes_total > 0; }) == 1);
    renkei_import_info info = store.import_status(import);
    EXPECT(told > 0 && info.state == RENKEI_IMPORT_COMPLETED && info.inserted == 1 && info.rejected == 1);
    EXPECT(store.rejects(import).find("value.required") != std::string::npos);
    {
        renkei::worker worker(store);
        request.dry_run = true;
        import = store.reserve_import("items", "daily", request);
        EXPECT(store.wait_import(import, std::chrono::seconds(20)).state == RENKEI_IMPORT_COMPLETED);
    }
    import = store.reserve_import("items", "daily", request);
    store.cancel_import(import);
    EXPECT(store.import_status(import).state == RENKEI_IMPORT_CANCELLED);

    const std::string whole = R"({"database": "items", "without_details": true})";
    std::string streamed;
    const renkei_exported exported = store.export_to(whole, [&](std::string_view piece) {
        streamed += piece;
        return true;
    });
    EXPECT(exported.bytes == streamed.size() && streamed == store.export_to_memory(whole));
    EXPECT(store.export_to_path(whole, folder + "/wrapper.csv").records == exported.records);
    EXPECT(status_of([&] { store.export_to(whole, [](std::string_view) { return false; }); }) == RENKEI_CANCELLED);
    // An exception of a callback passes the library by, and comes out as it was.
    try {
        store.export_to(whole, [](std::string_view) -> bool { throw std::runtime_error("the disk is away"); });
        EXPECT(false);
    } catch (const std::runtime_error &error) {
        EXPECT(std::string(error.what()) == "the disk is away");
    }
    request.dry_run = false;
    store.reserve_import("items", "daily", request);
    try {
        store.run_until_idle([](const renkei_import_progress &) { throw 42; });
        EXPECT(false);
    } catch (int thrown) {
        EXPECT(thrown == 42);
    }

    renkei::cancel cancel;
    renkei::store view = store.cancellable(cancel);
    EXPECT(view.count("items") > 0);
    std::thread([&] { cancel.show(); }).join();
    EXPECT(status_of([&] { view.count("items"); }) == RENKEI_CANCELLED);
    renkei::clock clock(std::chrono::hours(24));
    clock.advance(std::chrono::milliseconds(5));
}

int main(int count, char **arguments)
{
    const std::string folder = count > 1 ? arguments[1] : ".";
    try {
        everything(folder);
        imports_and_exports(folder);
    } catch (const std::exception &error) {
        std::cerr << "error: " << error.what() << '\n';
        failures++;
    }
    std::size_t open = 0;
    if (renkei_open_count(&open, nullptr) != RENKEI_OK || open != 0) {
        std::cerr << open << " handles or texts are open at the end\n";
        failures++;
    }
    if (failures == 0) {
        std::puts("wrapper: all is well");
    }
    return failures != 0;
}
