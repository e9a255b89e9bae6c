// Renkei for C++17: renkei.h with destructors, std::string and exceptions. Header only.
//
// Every class owns one handle of the C ABI, can be moved and not copied, and gives it by get(), so that what is not wrapped
// here is called in renkei.h. Every call that fails throws renkei::error. Documents are JSON texts, as in renkei.h.
//
//     renkei::store store = renkei::store::create("shop.db");
//     store.apply(blueprint_json);
//     renkei::saved saved = store.register_record("items", R"({"code": "A-1", "name": "りんご"})");
//     for (const renkei::row &row : store.rows("items", R"(["code", "name"])")) {
//         std::cout << row.text(0) << ' ' << row.text(1) << '\n';
//     }

#ifndef RENKEI_HPP
#define RENKEI_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "renkei.h"

namespace renkei {

/// One value of a record that was refused.
struct violation {
    std::string code, field, name, value, rule, message_ja, message_en;
    std::uint64_t row; ///< The detail row, counted from 1; 0 for a header field.
};

/// Why a call failed. what() is the message in English.
class error : public std::runtime_error {
public:
    error(renkei_status status, renkei_error *owned)
        : std::runtime_error(owned != nullptr ? renkei_error_message(owned, RENKEI_ENGLISH, nullptr)
                                              : renkei_status_name(status)),
          status_(status), body_(owned, [](renkei_error *body) { renkei_error_free(body); })
    {
    }

    renkei_status status() const noexcept { return status_; }
    std::string code() const { return text(renkei_error_code); }
    std::string field() const { return text(renkei_error_field); }
    std::string value() const { return text(renkei_error_value); }
    std::string json() const { return text(renkei_error_json); }
    std::uint64_t line() const { return renkei_error_line(body_.get()); }

    /// The message in a language: RENKEI_JAPANESE or RENKEI_ENGLISH.
    std::string message(std::uint32_t language) const
    {
        std::size_t len = 0;
        const char *found = renkei_error_message(body_.get(), language, &len);
        return std::string(found, len);
    }

    /// Every refused value of a record.
    std::vector<violation> violations() const
    {
        std::vector<violation> all(renkei_error_violation_count(body_.get()));
        for (std::size_t at = 0; at < all.size(); at++) {
            renkei_violation from = renkei_violation_init();
            if (renkei_error_violation(body_.get(), at, &from, nullptr) != RENKEI_OK) {
                break;
            }
            all[at] = {{from.code, from.code_len},
                       {from.field, from.field_len},
                       {from.name, from.name_len},
                       {from.value, from.value_len},
                       {from.rule, from.rule_len},
                       {from.message_ja, from.message_ja_len},
                       {from.message_en, from.message_en_len},
                       from.row};
        }
        return all;
    }

private:
    template <typename Getter> std::string text(Getter getter) const
    {
        std::size_t len = 0;
        const char *found = getter(body_.get(), &len);
        return std::string(found, len);
    }

    renkei_status status_;
    // Shared, because exceptions are copied.
    std::shared_ptr<renkei_error> body_;
};

namespace detail {

/// Where a text begins; the library refuses NULL, which an empty string_view may have.
inline const char *data(std::string_view text) noexcept
{
    return text.data() != nullptr ? text.data() : "";
}

/// Calls a function of renkei.h, whose last argument is the error, and throws what it reports.
template <typename Function, typename... Arguments> void call(Function function, Arguments... arguments)
{
    renkei_error *body = nullptr;
    const renkei_status status = function(arguments..., &body);
    if (status != RENKEI_OK) {
        throw error(status, body);
    }
}

/// As call, of a function that gives an owned text.
template <typename Function, typename... Arguments> std::string call_text(Function function, Arguments... arguments)
{
    char *text = nullptr;
    std::size_t len = 0;
    call(function, arguments..., &text, &len);
    std::unique_ptr<char, void (*)(char *)> owned(text, [](char *memory) { renkei_free(memory); });
    return std::string(text, len);
}

/// A handle and what closes it.
template <typename Opaque, renkei_status (*Close)(Opaque *)> class owner {
public:
    owner() noexcept = default;
    explicit owner(Opaque *handle) noexcept : handle_(handle) {}
    owner(owner &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    owner(const owner &) = delete;
    owner &operator=(const owner &) = delete;
    ~owner() { Close(handle_); }

    owner &operator=(owner &&other) noexcept
    {
        if (this != &other) {
            Close(std::exchange(handle_, std::exchange(other.handle_, nullptr)));
        }
        return *this;
    }

    /// The handle, which stays with this object.
    Opaque *get() const noexcept { return handle_; }

    /// The handle, which the caller closes.
    Opaque *release() noexcept { return std::exchange(handle_, nullptr); }

private:
    Opaque *handle_ = nullptr;
};

/// Keeps an exception of a callback until the call of the library has returned.
class carried {
public:
    template <typename Work> bool run(Work work) noexcept
    {
        try {
            return work();
        } catch (...) {
            caught_ = std::current_exception();
            return false;
        }
    }

    /// Calls the library, and throws what a callback threw, or else what the library reports.
    template <typename Work> void around(Work work)
    {
        try {
            work();
        } catch (...) {
            rethrow();
            throw;
        }
        rethrow();
    }

private:
    void rethrow()
    {
        if (caught_) {
            std::rethrow_exception(std::exchange(caught_, nullptr));
        }
    }

    std::exception_ptr caught_;
};

} // namespace detail

/// Which record is meant: key("A-1") or id(7).
class target {
public:
    static target key(std::string_view key) { return target(key, 0); }
    static target id(std::int64_t id) { return target({}, id); }
    /// A text is a key.
    target(std::string_view key) : target(key, 0) {}
    target(const char *key) : target(std::string_view(key), 0) {}
    target(const std::string &key) : target(std::string_view(key), 0) {}

    const char *data() const noexcept { return id_ == 0 ? key_.data() : nullptr; }
    std::size_t size() const noexcept { return key_.size(); }
    std::int64_t id() const noexcept { return id_; }

private:
    target(std::string_view key, std::int64_t id) : key_(key), id_(id) {}

    std::string_view key_;
    std::int64_t id_;
};

/// What a write came to.
struct saved {
    std::int64_t id;
    std::int64_t revision;
    std::uint32_t written; ///< RENKEI_INSERTED, RENKEI_UPDATED or RENKEI_UNCHANGED.
    std::string key;

    explicit saved(const renkei_saved &from) : id(from.id), revision(from.revision), written(from.written), key(from.key) {}
};

/// How records are written.
struct write_options {
    std::int64_t expected_revision = 0;
    std::uint32_t details = RENKEI_DETAILS_MERGE;
    std::uint32_t key_mode = RENKEI_KEY_ISSUE;
    bool leave_dependents = false;
    bool approve = false;

    renkei_write_options raw() const
    {
        renkei_write_options options = renkei_write_options_init();
        options.expected_revision = expected_revision;
        options.details = details;
        options.key_mode = key_mode;
        options.leave_dependents = leave_dependents;
        options.approve = approve;
        return options;
    }
};

/// A sign by which calls are ended from another thread.
class cancel : public detail::owner<renkei_cancel, renkei_cancel_free> {
public:
    cancel() : owner(make()) {}
    void show() { detail::call(renkei_cancel_show, get()); }

private:
    static renkei_cancel *make()
    {
        renkei_cancel *made = nullptr;
        detail::call(renkei_cancel_new, &made);
        return made;
    }
};

/// A clock that stands still until it is turned, for tests.
class clock : public detail::owner<renkei_clock, renkei_clock_free> {
public:
    explicit clock(std::chrono::milliseconds since_1970) : owner(make(since_1970)) {}
    void advance(std::chrono::milliseconds by)
    {
        detail::call(renkei_clock_advance, get(), static_cast<std::uint64_t>(by.count()));
    }

private:
    static renkei_clock *make(std::chrono::milliseconds since_1970)
    {
        renkei_clock *made = nullptr;
        detail::call(renkei_clock_new, static_cast<std::int64_t>(since_1970.count()), &made);
        return made;
    }
};

/// The values of one record or of many, given cell by cell.
class values : public detail::owner<renkei_values, renkei_values_free> {
public:
    values() : owner(make()) {}

    values &set(std::string_view field, std::string_view text)
    {
        detail::call(renkei_values_set_text, get(), detail::data(field), field.size(), detail::data(text), text.size());
        return *this;
    }
    values &set(std::string_view field, const char *text) { return set(field, std::string_view(text)); }
    values &set(std::string_view field, std::int64_t number)
    {
        detail::call(renkei_values_set_int64, get(), detail::data(field), field.size(), number);
        return *this;
    }
    values &set(std::string_view field, int number) { return set(field, static_cast<std::int64_t>(number)); }
    values &set(std::string_view field, std::nullptr_t)
    {
        detail::call(renkei_values_set_null, get(), detail::data(field), field.size());
        return *this;
    }
    /// unscaled / 10^scale.
    values &set_decimal(std::string_view field, std::int64_t unscaled, std::uint32_t scale)
    {
        detail::call(renkei_values_set_decimal, get(), detail::data(field), field.size(), unscaled, scale);
        return *this;
    }
    values &add_label(std::string_view field, std::string_view label)
    {
        detail::call(renkei_values_add_label, get(), detail::data(field), field.size(), detail::data(label), label.size());
        return *this;
    }
    /// Begins a detail row.
    values &row(std::int64_t id = 0)
    {
        detail::call(renkei_values_row, get(), id);
        return *this;
    }
    /// Begins the next record.
    values &next()
    {
        detail::call(renkei_values_next, get());
        return *this;
    }
    void clear() { detail::call(renkei_values_clear, get()); }

    /// What became of a record of the set.
    saved saved_at(std::size_t place) const
    {
        renkei_saved found = renkei_saved_init();
        detail::call(renkei_values_saved, get(), place, &found);
        return saved(found);
    }

private:
    static renkei_values *make()
    {
        renkei_values *made = nullptr;
        detail::call(renkei_values_new, &made);
        return made;
    }
};

/// A record as it was read. Texts are lent until it is destroyed; row 0 is the header.
class record : public detail::owner<renkei_record, renkei_record_free> {
public:
    using owner::owner;

    std::int64_t id() const
    {
        std::int64_t found = 0;
        detail::call(renkei_record_id, get(), &found);
        return found;
    }
    std::int64_t revision() const
    {
        std::int64_t found = 0;
        detail::call(renkei_record_revision, get(), &found);
        return found;
    }
    std::string_view key() const
    {
        const char *text = nullptr;
        std::size_t len = 0;
        detail::call(renkei_record_key, get(), &text, &len);
        return {text, len};
    }
    std::string_view text(std::string_view field, std::size_t row = 0, std::uint32_t format = RENKEI_FORMAT_RAW) const
    {
        const char *text = nullptr;
        std::size_t len = 0;
        detail::call(renkei_record_text, get(), row, detail::data(field), field.size(), format, &text, &len);
        return {text, len};
    }
    std::string_view display(std::string_view field, std::size_t row = 0) const
    {
        return text(field, row, RENKEI_FORMAT_DISPLAY);
    }
    std::int64_t int64(std::string_view field, std::size_t row = 0) const
    {
        std::int64_t found = 0;
        detail::call(renkei_record_int64, get(), row, detail::data(field), field.size(), &found);
        return found;
    }
    bool is_null(std::string_view field, std::size_t row = 0) const
    {
        std::int32_t found = 0;
        detail::call(renkei_record_is_null, get(), row, detail::data(field), field.size(), &found);
        return found != 0;
    }
    std::size_t row_count() const
    {
        std::size_t found = 0;
        detail::call(renkei_record_row_count, get(), &found);
        return found;
    }
    std::string json() const { return detail::call_text(renkei_record_json, get()); }
};

/// A line of a cursor, good until the next one.
class row {
public:
    row(const renkei_cell *cells, std::size_t count) noexcept : cells_(cells), count_(count) {}

    std::size_t size() const noexcept { return count_; }
    /// The cell of a column, counted from 0.
    const renkei_cell &operator[](std::size_t column) const
    {
        if (column >= count_) {
            throw std::out_of_range("renkei::row");
        }
        return cells_[column];
    }
    std::string_view text(std::size_t column) const
    {
        const renkei_cell &cell = (*this)[column];
        return cell.text != nullptr ? std::string_view(cell.text, cell.text_len) : std::string_view();
    }
    bool is_null(std::size_t column) const { return (*this)[column].kind == RENKEI_CELL_NULL; }

private:
    const renkei_cell *cells_;
    std::size_t count_;
};

/// A cursor over chosen columns: for (const renkei::row &row : rows) { ... }
class rows : public detail::owner<renkei_rows, renkei_rows_close> {
public:
    using owner::owner;

    /// The next line, or nothing behind the last.
    std::optional<row> next()
    {
        std::int32_t has_row = 0;
        detail::call(renkei_rows_next, get(), &has_row);
        if (has_row == 0) {
            return std::nullopt;
        }
        const renkei_cell *cells = nullptr;
        std::size_t count = 0;
        detail::call(renkei_rows_cells, get(), &cells, &count);
        return row(cells, count);
    }

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = row;
        using difference_type = std::ptrdiff_t;
        using pointer = const row *;
        using reference = const row &;

        iterator() = default;
        explicit iterator(rows *of) : of_(of), row_(of->next()) {}
        reference operator*() const { return *row_; }
        pointer operator->() const { return &*row_; }
        iterator &operator++()
        {
            row_ = of_->next();
            return *this;
        }
        bool operator==(const iterator &other) const { return row_.has_value() == other.row_.has_value(); }
        bool operator!=(const iterator &other) const { return !(*this == other); }

    private:
        rows *of_ = nullptr;
        std::optional<row> row_;
    };

    iterator begin() { return iterator(this); }
    iterator end() { return iterator(); }
};

class store;

/// Several writes that are kept together; what is not committed is taken back by the destructor.
class transaction : public detail::owner<renkei_transaction, renkei_transaction_rollback> {
public:
    using owner::owner;

    saved register_record(std::string_view database, std::string_view json, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        renkei_saved done = renkei_saved_init();
        detail::call(renkei_transaction_register_json, get(), detail::data(database), database.size(), detail::data(json), json.size(),
                     &raw, &done);
        return saved(done);
    }
    saved register_record(std::string_view database, values &given, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        renkei_saved done = renkei_saved_init();
        detail::call(renkei_transaction_register, get(), detail::data(database), database.size(), given.get(), &raw, &done);
        return saved(done);
    }
    saved update(std::string_view database, const target &of, std::string_view json, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        renkei_saved done = renkei_saved_init();
        detail::call(renkei_transaction_update_json, get(), detail::data(database), database.size(), of.data(), of.size(), of.id(),
                     detail::data(json), json.size(), &raw, &done);
        return saved(done);
    }
    std::int64_t remove(std::string_view database, const target &of, std::int64_t expected_revision = 0)
    {
        std::int64_t id = 0;
        detail::call(renkei_transaction_delete, get(), detail::data(database), database.size(), of.data(), of.size(), of.id(),
                     expected_revision, &id);
        return id;
    }
    void commit() { detail::call(renkei_transaction_commit, release()); }
};

/// What is asked for when an import is reserved: of an upload, or of a path.
struct import_request {
    std::int64_t upload = 0;
    std::string path;
    std::string token;
    bool once_per_content = false;
    bool dry_run = false;
};

/// Is told how far an import is.
using import_progress = std::function<void(const renkei_import_progress &)>;

/// Takes a piece of an export; false stops it.
using sink = std::function<bool(std::string_view)>;

/// An open store, or a view of one.
class store : public detail::owner<renkei_store, renkei_store_close> {
public:
    using owner::owner;

    static store open(std::string_view path, const renkei_store_options &options = renkei_store_options_init())
    {
        renkei_store *opened = nullptr;
        detail::call(renkei_store_open, detail::data(path), path.size(), &options, &opened);
        return store(opened);
    }
    static store create(std::string_view path)
    {
        renkei_store_options options = renkei_store_options_init();
        options.create = 1;
        return open(path, options);
    }

    store as_user(std::string_view user) const
    {
        renkei_store *view = nullptr;
        detail::call(renkei_store_as_user, get(), detail::data(user), user.size(), &view);
        return store(view);
    }
    store cancellable(const cancel &sign) const
    {
        renkei_store *view = nullptr;
        detail::call(renkei_store_cancellable, get(), sign.get(), &view);
        return store(view);
    }

    std::string apply(std::string_view blueprint)
    {
        return detail::call_text(renkei_blueprint_apply, get(), detail::data(blueprint), blueprint.size());
    }
    std::string plan(std::string_view blueprint) const
    {
        return detail::call_text(renkei_blueprint_plan, get(), detail::data(blueprint), blueprint.size());
    }
    std::string blueprint() const { return detail::call_text(renkei_blueprint_dump, get()); }

    saved register_record(std::string_view database, std::string_view json, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        renkei_saved done = renkei_saved_init();
        detail::call(renkei_record_register_json, get(), detail::data(database), database.size(), detail::data(json), json.size(), &raw,
                     &done);
        return saved(done);
    }
    saved register_record(std::string_view database, values &given, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        renkei_saved done = renkei_saved_init();
        detail::call(renkei_record_register, get(), detail::data(database), database.size(), given.get(), &raw, &done);
        return saved(done);
    }
    void register_all(std::string_view database, values &given, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        detail::call(renkei_record_register_all, get(), detail::data(database), database.size(), given.get(), &raw);
    }
    saved update(std::string_view database, const target &of, std::string_view json, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        renkei_saved done = renkei_saved_init();
        detail::call(renkei_record_update_json, get(), detail::data(database), database.size(), of.data(), of.size(), of.id(),
                     detail::data(json), json.size(), &raw, &done);
        return saved(done);
    }
    saved update(std::string_view database, const target &of, values &given, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        renkei_saved done = renkei_saved_init();
        detail::call(renkei_record_update, get(), detail::data(database), database.size(), of.data(), of.size(), of.id(),
                     given.get(), &raw, &done);
        return saved(done);
    }
    saved upsert(std::string_view database, std::string_view json, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        renkei_saved done = renkei_saved_init();
        detail::call(renkei_record_upsert_json, get(), detail::data(database), database.size(), detail::data(json), json.size(), &raw,
                     &done);
        return saved(done);
    }
    std::int64_t remove(std::string_view database, const target &of, std::int64_t expected_revision = 0)
    {
        std::int64_t id = 0;
        detail::call(renkei_record_delete, get(), detail::data(database), database.size(), of.data(), of.size(), of.id(),
                     expected_revision, &id);
        return id;
    }

    record view(std::string_view database, const target &of) const
    {
        renkei_record *found = nullptr;
        detail::call(renkei_record_view, get(), detail::data(database), database.size(), of.data(), of.size(), of.id(), &found);
        return record(found);
    }
    std::optional<record> find(std::string_view database, const target &of) const
    {
        renkei_record *found = nullptr;
        detail::call(renkei_record_find, get(), detail::data(database), database.size(), of.data(), of.size(), of.id(), &found);
        return found != nullptr ? std::optional<record>(record(found)) : std::nullopt;
    }

    /// columns is a JSON array of paths; query a JSON object, or empty for all records.
    renkei::rows rows(std::string_view database, std::string_view columns, std::string_view query = {}) const
    {
        renkei_rows *opened = nullptr;
        detail::call(renkei_rows_open, get(), detail::data(database), database.size(), detail::data(columns), columns.size(),
                     query.empty() ? nullptr : detail::data(query), query.size(), &opened);
        return renkei::rows(opened);
    }
    std::string query(std::string_view database, std::string_view query = {}) const
    {
        return detail::call_text(renkei_query_page, get(), detail::data(database), database.size(),
                                 query.empty() ? nullptr : detail::data(query), query.size());
    }
    std::uint64_t count(std::string_view database, std::string_view condition = {}) const
    {
        std::uint64_t found = 0;
        detail::call(renkei_query_count, get(), detail::data(database), database.size(),
                     condition.empty() ? nullptr : detail::data(condition), condition.size(), &found);
        return found;
    }
    std::string aggregate(std::string_view database, std::string_view aggregation) const
    {
        return detail::call_text(renkei_query_aggregate, get(), detail::data(database), database.size(), detail::data(aggregation),
                                 aggregation.size());
    }

    transaction begin()
    {
        renkei_transaction *begun = nullptr;
        detail::call(renkei_transaction_begin, get(), &begun);
        return transaction(begun);
    }

    std::int64_t upload(std::string_view name, std::string_view bytes)
    {
        std::int64_t id = 0;
        detail::call(renkei_upload_put, get(), detail::data(name), name.size(), static_cast<const void *>(detail::data(bytes)),
                     bytes.size(), &id);
        return id;
    }

    /// Reserves an import; its process id.
    std::int64_t reserve_import(std::string_view database, std::string_view setting, const import_request &request)
    {
        renkei_import_request raw = renkei_import_request_init();
        raw.upload = request.upload;
        raw.path = request.path.empty() ? nullptr : request.path.data();
        raw.path_len = request.path.size();
        raw.token = request.token.empty() ? nullptr : request.token.data();
        raw.token_len = request.token.size();
        raw.once_per_content = request.once_per_content;
        raw.dry_run = request.dry_run;
        std::int64_t id = 0;
        std::int32_t existed = 0;
        detail::call(renkei_import_reserve, get(), detail::data(database), database.size(), detail::data(setting), setting.size(), &raw,
                     &id, &existed);
        return id;
    }
    renkei_import_info import_status(std::int64_t process_id) const
    {
        renkei_import_info info = renkei_import_info_init();
        detail::call(renkei_import_status, get(), process_id, &info);
        return info;
    }
    renkei_import_info wait_import(std::int64_t process_id, std::chrono::milliseconds timeout) const
    {
        renkei_import_info info = renkei_import_info_init();
        detail::call(renkei_import_wait, get(), process_id, static_cast<std::uint64_t>(timeout.count()), &info);
        return info;
    }
    void cancel_import(std::int64_t process_id) { detail::call(renkei_import_cancel, get(), process_id); }
    std::string rejects(std::int64_t process_id, std::uint64_t skip = 0, std::uint64_t limit = 1000) const
    {
        return detail::call_text(renkei_import_rejects, get(), process_id, skip, limit);
    }

    /// Puts a message into the queue of deliveries; its id. The delivery is a JSON object.
    std::int64_t deliver(std::string_view delivery_json)
    {
        std::int64_t id = 0;
        detail::call(renkei_delivery_queue, get(), detail::data(delivery_json), delivery_json.size(),
                     static_cast<const void *>(nullptr), std::size_t{0}, &id);
        return id;
    }
    std::int64_t deliver(std::string_view delivery_json, std::string_view body)
    {
        std::int64_t id = 0;
        detail::call(renkei_delivery_queue, get(), detail::data(delivery_json), delivery_json.size(),
                     static_cast<const void *>(detail::data(body)), body.size(), &id);
        return id;
    }
    renkei_delivery_info delivery_status(std::int64_t delivery_id) const
    {
        renkei_delivery_info info = renkei_delivery_info_init();
        detail::call(renkei_delivery_status, get(), delivery_id, &info);
        return info;
    }
    renkei_delivery_info wait_delivery(std::int64_t delivery_id, std::chrono::milliseconds timeout) const
    {
        renkei_delivery_info info = renkei_delivery_info_init();
        detail::call(renkei_delivery_wait, get(), delivery_id, static_cast<std::uint64_t>(timeout.count()), &info);
        return info;
    }
    void cancel_delivery(std::int64_t delivery_id) { detail::call(renkei_delivery_cancel, get(), delivery_id); }
    void replay_delivery(std::int64_t delivery_id) { detail::call(renkei_delivery_replay, get(), delivery_id); }

    /// Starts a CSV push; the id of its run. The request is a JSON object.
    std::int64_t push(std::string_view request_json)
    {
        std::int64_t id = 0;
        detail::call(renkei_push_start, get(), detail::data(request_json), request_json.size(), &id);
        return id;
    }
    renkei_push_info push_status(std::int64_t run_id) const
    {
        renkei_push_info info = renkei_push_info_init();
        detail::call(renkei_push_status, get(), run_id, &info);
        return info;
    }
    /// Starts an http send; the id of its run. The request is a JSON object.
    std::int64_t http_send(std::string_view request_json)
    {
        std::int64_t id = 0;
        detail::call(renkei_http_send_start, get(), detail::data(request_json), request_json.size(), &id);
        return id;
    }
    renkei_http_send_info http_send_status(std::int64_t run_id) const
    {
        renkei_http_send_info info = renkei_http_send_info_init();
        detail::call(renkei_http_send_status, get(), run_id, &info);
        return info;
    }

    void put_secret(std::string_view name, std::string_view secret)
    {
        detail::call(renkei_secret_put, get(), detail::data(name), name.size(), detail::data(secret), secret.size());
    }
    void remove_secret(std::string_view name) { detail::call(renkei_secret_remove, get(), detail::data(name), name.size()); }

    /// Copies the store to a new file; the size of the copy.
    std::uint64_t backup(std::string_view path) const
    {
        std::uint64_t bytes = 0;
        const renkei_backup_options *none = nullptr;
        detail::call(renkei_store_backup, get(), detail::data(path), path.size(), none, &bytes);
        return bytes;
    }
    /// Checks the store; the report, a JSON object.
    std::string check(bool quick = false) const
    {
        renkei_check_options options = renkei_check_options_init();
        options.quick = quick;
        std::int32_t is_sound = 0;
        return detail::call_text(renkei_store_check, get(), static_cast<const renkei_check_options *>(&options), &is_sound);
    }

    /// Runs everything that is due, on this thread, by a worker with these options; how many things were run.
    std::uint64_t run_until_idle(const renkei_worker_options &options)
    {
        renkei_worker *made = nullptr;
        detail::call(renkei_worker_new, get(), &options, &made);
        detail::owner<renkei_worker, renkei_worker_free> worker(made);
        std::uint64_t ran = 0;
        detail::call(renkei_worker_run_until_idle, worker.get(), &ran);
        return ran;
    }

    /// Runs everything that is due, on this thread; how many things were run.
    std::uint64_t run_until_idle(const import_progress &progress = {})
    {
        struct watch {
            detail::carried carried;
            const import_progress *progress;
        } watching{{}, &progress};
        renkei_worker_options options = renkei_worker_options_init();
        if (progress) {
            options.progress = [](void *data, const renkei_import_progress *at) {
                watch *watching = static_cast<watch *>(data);
                watching->carried.run([&] {
                    (*watching->progress)(*at);
                    return true;
                });
            };
            options.progress_user_data = &watching;
        }
        renkei_worker *made = nullptr;
        detail::call(renkei_worker_new, get(), &options, &made);
        detail::owner<renkei_worker, renkei_worker_free> worker(made);
        std::uint64_t ran = 0;
        watching.carried.around([&] { detail::call(renkei_worker_run_until_idle, worker.get(), &ran); });
        return ran;
    }

    /// Writes an export to a file. The export is a JSON object.
    renkei_exported export_to_path(std::string_view export_json, std::string_view path) const
    {
        renkei_exported exported = renkei_exported_init();
        const renkei_export_options *none = nullptr;
        detail::call(renkei_export_path, get(), detail::data(export_json), export_json.size(), detail::data(path), path.size(), none,
                     &exported);
        return exported;
    }
    /// Writes an export piece by piece.
    renkei_exported export_to(std::string_view export_json, const sink &out) const
    {
        struct pipe {
            detail::carried carried;
            const sink *out;
        } writing{{}, &out};
        const renkei_write_fn write = [](void *data, const void *bytes, std::size_t len) -> std::int32_t {
            pipe *writing = static_cast<pipe *>(data);
            const bool goes_on = writing->carried.run(
                [&] { return (*writing->out)(std::string_view(static_cast<const char *>(bytes), len)); });
            return goes_on ? 0 : 1;
        };
        renkei_exported exported = renkei_exported_init();
        const renkei_export_options *none = nullptr;
        writing.carried.around([&] {
            detail::call(renkei_export_to, get(), detail::data(export_json), export_json.size(), write,
                         static_cast<void *>(&writing), none, &exported);
        });
        return exported;
    }
    std::string export_to_memory(std::string_view export_json) const
    {
        char *bytes = nullptr;
        std::size_t len = 0;
        const renkei_export_options *options = nullptr;
        renkei_exported *exported = nullptr;
        detail::call(renkei_export_memory, get(), detail::data(export_json), export_json.size(), options, &bytes, &len, exported);
        std::unique_ptr<char, void (*)(char *)> owned(bytes, [](char *memory) { renkei_free(memory); });
        return std::string(bytes, len);
    }
};

/// Runs the work of a store on a thread of its own, until it is destroyed.
class worker : public detail::owner<renkei_worker, renkei_worker_free> {
public:
    explicit worker(const store &of) : owner(make(of)) { detail::call(renkei_worker_start, get()); }
    void stop() { detail::call(renkei_worker_stop, get()); }

private:
    static renkei_worker *make(const store &of)
    {
        renkei_worker *made = nullptr;
        const renkei_worker_options *options = nullptr;
        detail::call(renkei_worker_new, of.get(), options, &made);
        return made;
    }
};

} // namespace renkei

#endif // RENKEI_HPP
