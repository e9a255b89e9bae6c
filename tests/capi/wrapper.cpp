// The wrapper for C++: what it owns, what it throws, and exceptions on their way through callbacks.

#include <algorithm>
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

static void outbound_and_upkeep(const std::string &folder)
{
    const std::string key(RENKEI_SECRET_KEY_BYTES, 'k');
    renkei_store_options options = renkei_store_options_init();
    options.create = 1;
    options.secret_key = reinterpret_cast<const std::uint8_t *>(key.data());
    options.secret_key_len = key.size();
    renkei::store store = renkei::store::open(folder + "/outbound.db", options);
    store.put_secret("token", "abcdef");
    store.remove_secret("token");
    EXPECT(status_of([&] { store.remove_secret("token"); }) == RENKEI_NOT_FOUND);

    const std::int64_t first = store.deliver(R"({"url": "http://127.0.0.1:9/"})", "body");
    const std::int64_t second = store.deliver(R"({"url": "http://127.0.0.1:9/"})");
    store.cancel_delivery(second);
    EXPECT(store.delivery_status(second).state == RENKEI_DELIVERY_CANCELLED);
    EXPECT(store.run_until_idle() == 1);
    // Not without the operator's leave.
    EXPECT(store.wait_delivery(first, std::chrono::seconds(1)).state == RENKEI_DELIVERY_FAILED);
    EXPECT(store.delivery_status(first).family == RENKEI_BEFORE_SENDING && store.delivery_status(first).body_bytes == 4);
    store.replay_delivery(first);
    renkei_worker_options working = renkei_worker_options_init();
    working.network = R"({"allow": ["127.0.0.1"]})";
    working.network_len = RENKEI_NTS;
    working.http_transport = [](void *, renkei_outgoing *outgoing) { (void)renkei_outgoing_answer(outgoing, 204, nullptr); };
    EXPECT(store.run_until_idle(working) == 1);
    EXPECT(store.delivery_status(first).status == 204);
    EXPECT(status_of([&] { store.push(R"({"database": "a", "list": "b", "push": "c"})"); }) == RENKEI_NOT_FOUND);
    EXPECT(status_of([&] { store.push_status(1); }) == RENKEI_NOT_FOUND);
    EXPECT(status_of([&] { store.http_send(R"({"trigger": "timer", "database": "a", "list": "b", "send": "c", "records": []})"); })
           == RENKEI_USAGE);
    EXPECT(status_of([&] { store.http_send_status(1); }) == RENKEI_NOT_FOUND);
    EXPECT(store.delivery_status_json(first).find("\"delivered\"") != std::string::npos);
    EXPECT(store.deliveries(R"({"state": "cancelled"})", 5).find("\"id\":" + std::to_string(second)) != std::string::npos);
    EXPECT(store.attempts(first).find("204") != std::string::npos && store.delivery_metrics().size() > 2);
    EXPECT(store.targets().find("127.0.0.1") != std::string::npos);
    store.disable_target("http://127.0.0.1:9", "it is moved");
    store.enable_target("http://127.0.0.1:9");
    EXPECT(store.replay_failed() == 0 && store.push_runs(5) == "[]" && store.http_send_runs(5) == "[]");

    // A signature is made by one key, and verified by it or by the next.
    const std::string signing = store.new_signing_secret();
    store.put_secret("signing", signing);
    EXPECT(store.secret_names() == "[\"signing\"]");
    const std::int64_t signed_one = store.deliver(R"({"url": "http://127.0.0.1:9/", "sending": {"signing": {"secrets": ["signing"]}}})", "body");
    struct seen {
        std::string id, time, signature;
        std::size_t headers;
    } seen = {"", "", "", 0};
    working.http_transport = [](void *data, renkei_outgoing *outgoing) {
        struct seen *seen = static_cast<struct seen *>(data);
        const char *name, *value;
        std::size_t name_len, value_len;
        for (; renkei_outgoing_header(outgoing, seen->headers, &name, &name_len, &value, &value_len, nullptr) == RENKEI_OK;
             seen->headers++) {
            const std::string_view header(name, name_len), text(value, value_len);
            if (header == "webhook-id") {
                seen->id = text;
            } else if (header == "webhook-timestamp") {
                seen->time = text;
            } else if (header == "webhook-signature") {
                seen->signature = text;
            }
        }
        (void)renkei_outgoing_answer(outgoing, 200, nullptr);
    };
    working.http_transport_user_data = &seen;
    EXPECT(store.run_until_idle(working) == 1 && store.delivery_status(signed_one).status == 200 && seen.headers > 3);
    renkei::verifier verifier("whsec_b3RoZXI=");
    const std::chrono::milliseconds now = store.now();
    EXPECT(status_of([&] { verifier.verify(seen.id, seen.time, seen.signature, "body", now); }) != RENKEI_OK);
    verifier.add(signing).verify(seen.id, seen.time, seen.signature, "body", now);
    EXPECT(status_of([&] { verifier.verify(seen.id, seen.time, seen.signature, "bodies", now); }) != RENKEI_OK);
    EXPECT(status_of([&] { verifier.verify(seen.id, seen.time, seen.signature, "body", now + std::chrono::hours(1)); }) != RENKEI_OK);

    EXPECT(store.backup(folder + "/outbound-copy.db") > 0);
    EXPECT(renkei::store::open(folder + "/outbound-copy.db").delivery_status(first).status == 204);
    EXPECT(store.check().find("\"sound\":true") != std::string::npos);
    EXPECT(store.check(true).find("\"quick\":true") != std::string::npos);
}

static void definitions_files_and_approval(const std::string &folder)
{
    renkei::store store = renkei::store::create(folder + "/files.db");
    store.apply(R"({"databases": [{"code": "papers", "name": "書類", "approval": true, "fields": [
        {"code": "code", "name": "番号", "type": "key"}, {"code": "paper", "name": "添付", "type": "file"},
        {"code": "day", "name": "日付", "type": "date"}, {"code": "tags", "name": "札", "type": "choices", "choices": ["赤", "青"]}]}],
        "lists": [{"database": "papers", "code": "all", "name": "全部", "columns": ["code"]}]})");
    EXPECT(store.path() == folder + "/files.db" && store.database("papers").find("添付") != std::string::npos);
    EXPECT(store.lists("papers").find("全部") != std::string::npos && store.searches("papers") == "[]");
    EXPECT(store.users() == "[]" && store.import_settings("papers") == "[]" && store.csv_pushes("papers") == "[]");
    EXPECT(store.http_sends("papers") == "[]" && store.mail_servers() == "[]" && store.mail_templates("papers") == "[]" && store.notice_mails("papers") == "[]");
    store.remove_definition("list", "papers", "all");
    EXPECT(store.next_runs(R"({"when": {"cron": "0 9 * * *"}})", std::chrono::milliseconds(1769819400000), 1) == "[1769904000000]");
    EXPECT(store.aggregation_settings("papers") == "[]" && store.file_templates("papers") == "[]");
    EXPECT(store.preview_aggregation(R"({"database": "papers", "code": "a", "name": "a", "aggregation": {"measures": [{"function": "count"}]}})")
               .find("\"rows\"") != std::string::npos);
    const auto any = [](std::string_view) { return true; };
    EXPECT(status_of([&] { store.run_aggregation("papers", "a"); }) == RENKEI_NOT_FOUND);
    EXPECT(status_of([&] { store.export_aggregation(R"({"database": "papers", "aggregation": "a"})", any); }) == RENKEI_NOT_FOUND);
    EXPECT(status_of([&] { store.generate_file(R"({"database": "papers", "template": "a"})", any); }) == RENKEI_NOT_FOUND);
    EXPECT(store.lists("papers") == "[]");

    const std::int64_t file = store.put_file("覚書.txt", "一行目");
    EXPECT(store.read_file(file) == "一行目" && store.file_info(file).find("覚書.txt") != std::string::npos);
    renkei_datetime day = renkei_datetime_init();
    day.year = 2026, day.month = 2, day.day = 28;
    renkei::values values;
    values.set("code", "P-1").set_file("paper", file).set_date("day", day).add_label("tags", "赤").add_label("tags", "青");
    const renkei::saved made = store.upsert("papers", values);
    const renkei::record record = store.view("papers", "P-1");
    EXPECT(record.datetime("day").month == 2 && record.text("tags").find("青") != std::string_view::npos);
    EXPECT(store.approve("papers", renkei::target::id(made.id)).revision == 2);
    EXPECT(store.view("papers", "P-1").approval() == RENKEI_APPROVAL_APPROVED);
    store.withdraw_approval("papers", "P-1");
    values.clear();
    values.of("P-1").set("day", nullptr).next().of(renkei::target::id(made.id)).set("tags", nullptr);
    EXPECT(values.count() == 2);
    store.update_all("papers", values);
    EXPECT(store.view("papers", "P-1").is_null("day") && store.view("papers", "P-1").is_null("tags"));

    renkei::transaction transaction = store.begin();
    EXPECT(transaction.upsert("papers", R"({"code": "P-2"})").written == RENKEI_INSERTED);
    EXPECT(transaction.view("papers", "P-2").key() == "P-2" && transaction.count("papers") == 2);
    EXPECT(!transaction.find("papers", "P-3").has_value() && transaction.query("papers").find("P-2") != std::string::npos);
    EXPECT(store.count("papers") == 1);
    transaction.deliver(R"({"url": "http://127.0.0.1:9/", "text": "P-2"})");
    transaction.commit();
    EXPECT(store.deliveries().find("\"waiting\"") != std::string::npos);

    renkei::export_stream stream = store.export_stream(R"({"database": "papers"})");
    std::string read;
    char piece[7];
    for (std::size_t len; (len = stream.read(piece, sizeof piece)) > 0;) {
        read.append(piece, len);
    }
    EXPECT(stream.exported().records == 2 && read == store.export_to_memory(R"({"database": "papers"})"));
    std::string left = "番号\nP-3\n";
    const std::int64_t upload = store.upload("a.csv", [&](char *buffer, std::size_t capacity) {
        const std::size_t len = left.copy(buffer, std::min<std::size_t>(capacity, 3));
        left.erase(0, len);
        return len;
    });
    EXPECT(upload > 0 && left.empty());
    EXPECT(status_of([&] { store.upload("b.csv", [](char *, std::size_t) -> std::size_t { throw renkei::error(RENKEI_LIMIT, nullptr); }); })
           == RENKEI_LIMIT);
}

static void automations(const std::string &folder)
{
    renkei::store store = renkei::store::create(folder + "/automations.db");
    store.apply(R"({"databases": [{"code": "leads", "name": "見込客", "fields": [
        {"code": "code", "name": "番号", "type": "key"}, {"code": "state", "name": "状態", "type": "text"}]}],
        "automations": [{"database": "leads", "code": "close", "name": "完了", "triggers": ["api"], "parts": [
        {"code": "done", "name": "更新", "action": {"type": "update", "set": [{"field": "state", "from": {"value": "済"}}]}}]}]})");
    store.register_record("leads", R"({"code": "L-1"})");
    EXPECT(store.automations("leads").find("完了") != std::string::npos);
    const std::string request = R"({"trigger": "api", "database": "leads", "automation": "close"})";
    EXPECT(store.plan_automation(request).find("\"total\":1") != std::string::npos && store.view("leads", "L-1").is_null("state"));
    const std::int64_t run = store.start_automation(request);
    EXPECT(store.automation_status(run).unprocessed == 1 && store.run_until_idle() == 1);
    EXPECT(store.wait_automation(run, std::chrono::seconds(0)).completed == 1);
    EXPECT(store.view("leads", "L-1").text("state") == "済");
    EXPECT(store.automation_entries(run).find("\"done\"") != std::string::npos && store.automation_entries(run, 10, 1, 1) == "[]");
    EXPECT(store.automation_status_json(run).find("\"close\"") != std::string::npos);
    EXPECT(status_of([&] { store.cancel_automation(run); }) == RENKEI_CONFLICT);
    EXPECT(store.automation_runs(5).find("\"completed\"") != std::string::npos && store.automation_runs(5, 1) == "[]");
}

static void access_and_web_api(const std::string &folder)
{
    renkei::store store = renkei::store::create(folder + "/webapi.db");
    store.apply(R"({"databases": [{"id": 100101, "code": "items", "name": "商品", "fields": [
        {"id": 100102, "code": "code", "name": "品番", "type": "key"}]}],
        "users": [{"code": "link", "name": "連携", "rights": {"items": ["view", "register", "export"]}}]})");
    renkei::token_options options;
    options.name = "毎晩の連携";
    options.addresses = R"(["192.0.2.0/24"])";
    options.expires_in = std::chrono::hours(1);
    const renkei::token token = store.issue_token("link", options);
    EXPECT(token.id > 0 && store.tokens().find("毎晩の連携") != std::string::npos && store.acting_user().empty());
    {
        renkei::store caller = store.authenticate(token.secret, "192.0.2.7");
        EXPECT(caller.may("items", RENKEI_RIGHT_VIEW) && !caller.may("items", RENKEI_RIGHT_DELETE));
        EXPECT(caller.acting_user().find("\"link\"") != std::string::npos);
        caller.count_call();
        caller.note_audit(R"({"action": "looked", "result": "ok"})");
        EXPECT(status_of([&] { caller.access(); }) == RENKEI_DENIED);
    }
    EXPECT(status_of([&] { store.authenticate(token.secret, "198.51.100.7"); }) == RENKEI_DENIED);
    EXPECT(status_of([&] { store.authenticate(token.secret); }) == RENKEI_DENIED);
    EXPECT(store.audit(R"({"action": "looked"})").find("\"link\"") != std::string::npos);
    EXPECT(store.access().find("calls_per_minute") != std::string::npos);

    renkei::webapi api(store, "abc1de2");
    EXPECT(api.account() == "abc1de2" && api.options().export_records == 200 && !api.is_in_maintenance());
    EXPECT(renkei::webapi::openapi().find("apirecord/regist") != std::string::npos);
    const auto call = [&](const char *function, renkei::source body) {
        renkei::request request("POST", std::string("/abc1de2/") + function + "/version/v1");
        request.header("X-HD-apitoken", token.secret).remote("192.0.2.7").tls(true).body(std::move(body));
        // It may be moved with its function.
        renkei::request moved = std::move(request);
        return api.handle(moved);
    };
    const auto one = [](std::string text) -> renkei::source {
        return [text](char *buffer, std::size_t capacity) mutable {
            const std::size_t len = text.copy(buffer, capacity);
            text.erase(0, len);
            return len;
        };
    };
    renkei::response made = call("apirecord/regist", one(R"({"dbSchemaId": 100101, "values": {"100102": "A-1"}})"));
    EXPECT(made.status() == 200 && made.reason() == "OK" && !made.closes() && !made.is_chunked());
    EXPECT(made.header("content-type").find("json") != std::string_view::npos && made.header("x-none").empty());
    bool has_type = false;
    for (const auto &[name, value] : made.headers()) {
        has_type = has_type || (name == "Content-Type" && value == made.header(name));
    }
    const std::uint64_t length = made.content_length().value_or(0);
    char first = '\0';
    EXPECT(has_type && made.read(&first, 1) == 1 && first == '{' && made.body().size() + 1 == length);
    renkei::response exported = call("api/csvexport", one(R"({"dbSchemaId": 100101})"));
    EXPECT(exported.is_chunked() && !exported.content_length().has_value() && exported.body().find("A-1") != std::string::npos);
    EXPECT(store.count("items") == 1);
    // What the function of a body throws comes out; nobody is left with half a response.
    try {
        call("apirecord/regist", [](char *, std::size_t) -> std::size_t { throw std::runtime_error("the client went away"); });
        EXPECT(false);
    } catch (const std::runtime_error &error) {
        EXPECT(std::string(error.what()) == "the client went away");
    }
    api.set_maintenance(true);
    renkei::request request("POST", "/abc1de2/apirecord/view/version/v1");
    request.body("{}");
    EXPECT(api.handle(request).body().find("Status: 503") == 0);
    store.revoke_token(token.id);
    EXPECT(status_of([&] { store.authenticate(token.secret, "192.0.2.7"); }) == RENKEI_DENIED);
}

int main(int count, char **arguments)
{
    const std::string folder = count > 1 ? arguments[1] : ".";
    try {
        everything(folder);
        imports_and_exports(folder);
        outbound_and_upkeep(folder);
        definitions_files_and_approval(folder);
        automations(folder);
        access_and_web_api(folder);
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
