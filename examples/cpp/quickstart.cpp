// The main job, end to end, on real data, in C++17: 22,200 offices of Japan Post in Shift_JIS are imported into a store,
// looked at, changed, searched and exported. The same story as examples/quickstart.rs.
//
//     examples/run.sh cpp

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "renkei.hpp"

namespace {

std::string read_file(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error(path + " cannot be read");
    }
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void story(const std::string &examples, const std::string &output)
{
    const std::string path = output + "/quickstart-cpp.db", csv = examples + "/data/offices_cp932.csv";
    for (const char *suffix : {"", "-wal", "-shm", "-turn"}) {
        std::remove((path + suffix).c_str());
    }

    std::cout << "1. A store, and what it is to hold\n";
    renkei::store host = renkei::store::create(path);
    std::cout << "   " << host.apply(read_file(examples + "/data/offices.json")) << '\n';

    std::cout << "2. The import of " << csv << " is reserved, and run\n";
    renkei::store store = host.as_user("clerk");
    renkei::import_request request;
    request.path = csv;
    const std::int64_t import = store.reserve_import("offices", "monthly", request);
    store.run_until_idle([](const renkei_import_progress &progress) {
        if (progress.bytes_total > 0) {
            std::cout << "\r   " << progress.bytes_done * 100 / progress.bytes_total << " %, " << progress.rows << " lines"
                      << std::flush;
        }
    });
    const renkei_import_info info = store.import_status(import);
    std::cout << "\r   " << (info.state == RENKEI_IMPORT_COMPLETED ? "completed" : "not completed") << ": " << info.total
              << " lines, " << info.inserted << " new, " << info.rejected << " refused\n";

    std::cout << "3. A record is registered, updated with detail rows, viewed and deleted\n";
    renkei::values values;
    values.set("number", "9999999").set("name", "連携商事　東京本社").set("prefecture", "東京都").set("kind", "office");
    values.row().set("visited", "2026/01/15").set("report", "初回訪問").set("cost", 1200);
    renkei::saved saved = store.register_record("offices", values);
    std::cout << "   registered: key " << saved.key << ", record id " << saved.id << ", revision " << saved.revision << '\n';
    renkei::write_options expected;
    expected.expected_revision = saved.revision;
    saved = store.update("offices", "9999999",
                         R"({"city": "千代田区", "details": [
                             {"visited": "2026/02/20", "report": "見積提出\n来月再訪", "cost": "3400"}]})",
                         expected);
    {
        const renkei::record record = store.view("offices", "9999999");
        std::cout << "   viewed at revision " << saved.revision << ": " << record.text("name") << " ("
                  << record.display("city") << "), " << record.row_count() << " visits, " << record.display("spent")
                  << " spent\n";
    }
    try {
        store.update("offices", "9999999", R"({"kind": "warehouse", "jis": "十三"})");
    } catch (const renkei::error &error) {
        std::cout << "   refused, with every reason at once:\n";
        for (const renkei::violation &violation : error.violations()) {
            std::cout << "     [" << violation.code << "] " << violation.message_ja << '\n';
        }
    }
    store.remove("offices", "9999999");
    std::cout << "   deleted\n";

    std::cout << "4. Searches\n";
    const std::string shimbun = R"({"field": "name", "op": "contains", "value": "新聞"})";
    for (const renkei::row &row :
         store.rows("offices", R"(["number", "name"])", R"({"limit": 3, "condition": )" + shimbun + "}")) {
        std::cout << "   " << row.text(0) << ' ' << row.text(1) << '\n';
    }
    std::cout << "   " << store.count("offices", shimbun) << " offices have 新聞 in their name\n";
    std::cout << "   " << store.count("offices", R"({"field": "prefecture", "op": "equals", "value": "北海道"})")
              << " are in 北海道\n";

    std::cout << "5. The list \"addresses\" is exported, for people to open in a spreadsheet\n";
    const std::string exported_path = output + "/addresses-cpp.csv";
    const renkei_exported exported = store.export_to_path(
        R"({"database": "offices", "list": "addresses", "search": "hokkaido",
            "values": "csv", "format": {"encoding": "utf-8-bom", "formula_guard": true}})",
        exported_path);
    std::cout << "   " << exported.records << " records, " << exported.bytes << " bytes\n";
    std::cout << "The store is " << path << ": open it with any SQLite tool, and look at the view offices__view.\n";
    std::cout << "The exported list is " << exported_path << ".\n";
}

} // namespace

int main(int count, char **arguments)
{
    try {
        story(count > 1 ? arguments[1] : "examples", count > 2 ? arguments[2] : "examples/output");
    } catch (const std::exception &error) {
        std::cerr << "error: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
