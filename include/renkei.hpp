// Renkei for C++17: renkei.h with destructors, std::string and exceptions. Header only.
//
// Every class owns one handle of the C ABI, can be moved and not copied, and gives it by get(), so that what is not wrapped
// here is called in renkei.h. Every call that fails throws renkei::error. Documents are JSON texts, as in renkei.h; an optional
// text that is empty is left out. Exceptions of callbacks come out of the call that called them. For threads, see renkei.h.
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
#include <cstring>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
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
    /// After how long the same call may be made again, where that is known.
    std::optional<std::chrono::milliseconds> retry_after() const
    {
        const std::int64_t time = renkei_error_retry_after(body_.get());
        return time < 0 ? std::nullopt : std::optional<std::chrono::milliseconds>(time);
    }

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

/// Which record is meant: key("A-1") or id(7).
class target {
public:
    static target key(std::string_view key) { return target(key, 0); }
    static target id(std::int64_t id) { return target({}, id); }
    /// A text is a key.
    target(std::string_view key) : target(key, 0) {}
    target(const char *key) : target(std::string_view(key), 0) {}
    target(const std::string &key) : target(std::string_view(key), 0) {}

    const char *data() const noexcept
    {
        // An empty key may have no address, and is a key all the same.
        return id_ != 0 ? nullptr : key_.data() != nullptr ? key_.data() : "";
    }
    std::size_t size() const noexcept { return key_.size(); }
    std::int64_t id() const noexcept { return id_; }

private:
    target(std::string_view key, std::int64_t id) : key_(key), id_(id) {}

    std::string_view key_;
    std::int64_t id_;
};

/// Takes a piece of bytes; false stops the call, which then throws RENKEI_CANCELLED.
using sink = std::function<bool(std::string_view)>;

/// Gives bytes: fills at most capacity bytes, and says how many; 0 is the end.
using source = std::function<std::size_t(char *buffer, std::size_t capacity)>;

namespace detail {

/// A text that is left out when it is empty.
struct perhaps {
    std::string_view text;
};

/// Bytes, which renkei.h takes by a void *.
struct blob {
    std::string_view bytes;
};

/// The arguments of renkei.h for one of C++: a text is a pointer, which must not be NULL, and a length.
template <typename Argument> auto flat(const Argument &argument)
{
    if constexpr (std::is_convertible_v<const Argument &, std::string_view>) {
        const std::string_view text = argument;
        return std::make_tuple(text.data() != nullptr ? text.data() : "", text.size());
    } else {
        return std::make_tuple(argument);
    }
}
inline auto flat(const perhaps &given)
{
    return std::make_tuple(given.text.empty() ? nullptr : given.text.data(), given.text.size());
}
inline auto flat(const blob &given)
{
    const void *begin = given.bytes.data() != nullptr ? given.bytes.data() : "";
    return std::make_tuple(begin, given.bytes.size());
}
inline auto flat(const target &of)
{
    return std::make_tuple(of.data(), of.size(), of.id());
}
inline auto flat(std::chrono::milliseconds time)
{
    return std::make_tuple(time.count());
}

/// Calls a function of renkei.h, whose last argument is the error, and throws what it reports.
template <typename Function, typename... Arguments> void call(Function function, const Arguments &...arguments)
{
    renkei_error *body = nullptr;
    const renkei_status status = std::apply(function, std::tuple_cat(flat(arguments)..., std::make_tuple(&body)));
    if (status != RENKEI_OK) {
        throw error(status, body);
    }
}

/// As call, of a function whose last output is a number or a handle.
template <typename Value, typename Function, typename... Arguments>
Value value(Function function, const Arguments &...arguments)
{
    Value found{};
    call(function, arguments..., &found);
    return found;
}

/// As call, of a function that fills a struct, which begins with its size.
template <typename Struct, typename Function, typename... Arguments>
Struct filled(Function function, const Arguments &...arguments)
{
    Struct found;
    std::memset(&found, 0, sizeof found);
    found.size = sizeof found;
    call(function, arguments..., &found);
    return found;
}

/// As call, of a function that gives an owned text.
template <typename Function, typename... Arguments> std::string text(Function function, const Arguments &...arguments)
{
    char *text = nullptr;
    std::size_t len = 0;
    call(function, arguments..., &text, &len);
    std::unique_ptr<char, void (*)(char *)> owned(text, [](char *memory) { renkei_free(memory); });
    return std::string(text != nullptr ? text : "", len);
}

/// As call, of a function that lends a text.
template <typename Function, typename... Arguments> std::string_view lent(Function function, const Arguments &...arguments)
{
    const char *text = nullptr;
    std::size_t len = 0;
    call(function, arguments..., &text, &len);
    return text != nullptr ? std::string_view(text, len) : std::string_view();
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
    template <typename Work> auto around(Work work)
    {
        try {
            auto made = work();
            rethrow();
            return made;
        } catch (...) {
            rethrow();
            throw;
        }
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

/// A sink, as renkei.h writes to it.
struct drain {
    const sink *out;
    carried exceptions = {};

    static std::int32_t write(void *data, const void *bytes, std::size_t len)
    {
        drain *self = static_cast<drain *>(data);
        const std::string_view piece(static_cast<const char *>(bytes), len);
        return self->exceptions.run([&] { return (*self->out)(piece); }) ? 0 : 1;
    }
};

/// A source, as renkei.h reads from it.
struct feed {
    source in;
    carried exceptions = {};

    static std::int32_t read(void *data, void *buffer, std::size_t capacity, std::size_t *out_len)
    {
        feed *self = static_cast<feed *>(data);
        const auto fill = [&] {
            *out_len = self->in(static_cast<char *>(buffer), capacity);
            return true;
        };
        return self->exceptions.run(fill) ? 0 : 1;
    }
};

/// Makes a handle that needs nothing.
template <typename Opaque> Opaque *made(renkei_status (*make)(Opaque **, renkei_error **))
{
    return value<Opaque *>(make);
}

} // namespace detail

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

namespace detail {

/// As call, of a function that writes a record.
template <typename Function, typename... Arguments>
saved write(Function function, const write_options &options, const Arguments &...arguments)
{
    const renkei_write_options raw = options.raw();
    return saved(filled<renkei_saved>(function, arguments..., &raw));
}

} // namespace detail

/// A sign by which calls are ended from another thread.
class cancel : public detail::owner<renkei_cancel, renkei_cancel_free> {
public:
    cancel() : owner(detail::made(renkei_cancel_new)) {}
    void show() { detail::call(renkei_cancel_show, get()); }
    bool is_shown() const { return detail::value<std::int32_t>(renkei_cancel_is_shown, get()) != 0; }
};

/// A clock that stands still until it is turned, for tests.
class clock : public detail::owner<renkei_clock, renkei_clock_free> {
public:
    explicit clock(std::chrono::milliseconds since_1970)
        : owner(detail::value<renkei_clock *>(renkei_clock_new, since_1970))
    {
    }
    void advance(std::chrono::milliseconds by) { detail::call(renkei_clock_advance, get(), by); }
};

/// The values of one record or of many, given cell by cell.
class values : public detail::owner<renkei_values, renkei_values_free> {
public:
    values() : owner(detail::made(renkei_values_new)) {}

    values &set(std::string_view field, std::string_view text) { return told(renkei_values_set_text, field, text); }
    values &set(std::string_view field, const char *text) { return set(field, std::string_view(text)); }
    values &set(std::string_view field, std::int64_t number) { return told(renkei_values_set_int64, field, number); }
    values &set(std::string_view field, int number) { return set(field, static_cast<std::int64_t>(number)); }
    values &set(std::string_view field, std::nullptr_t) { return told(renkei_values_set_null, field); }
    /// unscaled / 10^scale.
    values &set_decimal(std::string_view field, std::int64_t unscaled, std::uint32_t scale)
    {
        return told(renkei_values_set_decimal, field, unscaled, scale);
    }
    values &set_date(std::string_view field, const renkei_datetime &date)
    {
        return told(renkei_values_set_date, field, &date);
    }
    values &set_datetime(std::string_view field, const renkei_datetime &datetime)
    {
        return told(renkei_values_set_datetime, field, &datetime);
    }
    values &set_time(std::string_view field, const renkei_datetime &time)
    {
        return told(renkei_values_set_time, field, &time);
    }
    /// A file by its id: see store::put_file.
    values &set_file(std::string_view field, std::int64_t file) { return told(renkei_values_set_file, field, file); }
    values &add_label(std::string_view field, std::string_view label)
    {
        return told(renkei_values_add_label, field, label);
    }
    /// Begins a detail row.
    values &row(std::int64_t id = 0) { return told(renkei_values_row, id); }
    /// Begins the next record.
    values &next() { return told(renkei_values_next); }
    /// Says which record is updated by this one of several.
    values &of(const target &record) { return told(renkei_values_target, record); }
    void clear() { told(renkei_values_clear); }

    std::size_t count() const { return detail::value<std::size_t>(renkei_values_count, get()); }
    /// What became of a record of the set.
    saved saved_at(std::size_t place) const
    {
        return saved(detail::filled<renkei_saved>(renkei_values_saved, get(), place));
    }

private:
    template <typename Function, typename... Arguments> values &told(Function function, const Arguments &...arguments)
    {
        detail::call(function, get(), arguments...);
        return *this;
    }
};

/// A record as it was read. Texts are lent until it is destroyed; row 0 is the header.
class record : public detail::owner<renkei_record, renkei_record_free> {
public:
    using owner::owner;

    std::int64_t id() const { return detail::value<std::int64_t>(renkei_record_id, get()); }
    std::int64_t revision() const { return detail::value<std::int64_t>(renkei_record_revision, get()); }
    std::string_view key() const { return detail::lent(renkei_record_key, get()); }
    std::string_view text(std::string_view field, std::size_t row = 0, std::uint32_t format = RENKEI_FORMAT_RAW) const
    {
        return detail::lent(renkei_record_text, get(), row, field, format);
    }
    std::string_view display(std::string_view field, std::size_t row = 0) const
    {
        return text(field, row, RENKEI_FORMAT_DISPLAY);
    }
    std::int64_t int64(std::string_view field, std::size_t row = 0) const
    {
        return detail::value<std::int64_t>(renkei_record_int64, get(), row, field);
    }
    renkei_datetime datetime(std::string_view field, std::size_t row = 0) const
    {
        return detail::filled<renkei_datetime>(renkei_record_datetime, get(), row, field);
    }
    bool is_null(std::string_view field, std::size_t row = 0) const
    {
        return detail::value<std::int32_t>(renkei_record_is_null, get(), row, field) != 0;
    }
    std::size_t row_count() const { return detail::value<std::size_t>(renkei_record_row_count, get()); }
    std::int64_t row_id(std::size_t row) const { return detail::value<std::int64_t>(renkei_record_row_id, get(), row); }
    /// RENKEI_APPROVAL_...
    std::uint32_t approval() const { return detail::value<std::uint32_t>(renkei_record_approval, get()); }
    std::string json() const { return detail::text(renkei_record_json, get()); }
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
        if (detail::value<std::int32_t>(renkei_rows_next, get()) == 0) {
            return std::nullopt;
        }
        const renkei_cell *cells = nullptr;
        const std::size_t count = detail::value<std::size_t>(renkei_rows_cells, get(), &cells);
        return row(cells, count);
    }
    /// The id of the record of this line.
    std::int64_t id() const { return detail::value<std::int64_t>(renkei_rows_id, get()); }

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

/// Several writes that are kept together; what is not committed is taken back by the destructor.
class transaction : public detail::owner<renkei_transaction, renkei_transaction_rollback> {
public:
    using owner::owner;

    saved register_record(std::string_view database, std::string_view json, const write_options &options = {})
    {
        return detail::write(renkei_transaction_register_json, options, get(), database, json);
    }
    saved register_record(std::string_view database, values &given, const write_options &options = {})
    {
        return detail::write(renkei_transaction_register, options, get(), database, given.get());
    }
    saved update(std::string_view database, const target &of, std::string_view json, const write_options &options = {})
    {
        return detail::write(renkei_transaction_update_json, options, get(), database, of, json);
    }
    saved update(std::string_view database, const target &of, values &given, const write_options &options = {})
    {
        return detail::write(renkei_transaction_update, options, get(), database, of, given.get());
    }
    saved upsert(std::string_view database, std::string_view json, const write_options &options = {})
    {
        return detail::write(renkei_transaction_upsert_json, options, get(), database, json);
    }
    saved upsert(std::string_view database, values &given, const write_options &options = {})
    {
        return detail::write(renkei_transaction_upsert, options, get(), database, given.get());
    }
    std::int64_t remove(std::string_view database, const target &of, std::int64_t expected_revision = 0)
    {
        return detail::value<std::int64_t>(renkei_transaction_delete, get(), database, of, expected_revision);
    }
    /// A record as the transaction sees it.
    record view(std::string_view database, const target &of)
    {
        return record(detail::value<renkei_record *>(renkei_transaction_view, get(), database, of));
    }
    std::optional<record> find(std::string_view database, const target &of)
    {
        renkei_record *found = detail::value<renkei_record *>(renkei_transaction_find, get(), database, of);
        return found != nullptr ? std::optional<record>(record(found)) : std::nullopt;
    }
    std::string query(std::string_view database, std::string_view query = {})
    {
        return detail::text(renkei_transaction_page, get(), database, detail::perhaps{query});
    }
    std::uint64_t count(std::string_view database, std::string_view condition = {})
    {
        return detail::value<std::uint64_t>(renkei_transaction_count, get(), database, detail::perhaps{condition});
    }
    /// Queues a delivery, which is sent if the transaction is kept: see store::deliver.
    std::int64_t deliver(std::string_view delivery_json)
    {
        const void *const none = nullptr;
        return detail::value<std::int64_t>(renkei_transaction_deliver, get(), delivery_json, none, std::size_t{0});
    }
    void commit() { detail::call(renkei_transaction_commit, release()); }
};

/// What is asked for when an import is reserved: of an upload, or of a path.
struct import_request {
    std::int64_t upload = 0;
    std::string path;
    std::string token;
    std::int64_t run_at = 0; ///< Not before this moment, in milliseconds since 1970.
    bool once_per_content = false;
    bool dry_run = false;
};

/// Is told how far an import is.
using import_progress = std::function<void(const renkei_import_progress &)>;

/// A token of the Web API that was just made. The secret is told this once.
struct token {
    std::int64_t id = 0;
    std::string secret;
};

/// What a new token is.
struct token_options {
    std::string name;      ///< What it is for.
    std::string addresses; ///< From where it may be used, as a JSON array; empty is anywhere.
    std::chrono::milliseconds expires_in{0};
    std::int64_t expires_at = 0;
};

/// An export that is read piece by piece.
class export_stream : public detail::owner<renkei_export_stream, renkei_export_stream_close> {
public:
    using owner::owner;

    /// Fills at most capacity bytes; how many, and 0 at the end.
    std::size_t read(char *buffer, std::size_t capacity)
    {
        return detail::value<std::size_t>(renkei_export_stream_read, get(), static_cast<void *>(buffer), capacity);
    }
    /// What was exported, once the end was read.
    renkei_exported exported() const { return detail::filled<renkei_exported>(renkei_export_stream_exported, get()); }
};

/// An open store, or a view of one.
class store : public detail::owner<renkei_store, renkei_store_close> {
public:
    using owner::owner;

    static store open(std::string_view path, const renkei_store_options &options = renkei_store_options_init())
    {
        return store(detail::value<renkei_store *>(renkei_store_open, path, &options));
    }
    static store create(std::string_view path)
    {
        renkei_store_options options = renkei_store_options_init();
        options.create = 1;
        return open(path, options);
    }

    store as_user(std::string_view user) const
    {
        return store(detail::value<renkei_store *>(renkei_store_as_user, get(), user));
    }
    store cancellable(const cancel &sign) const
    {
        return store(detail::value<renkei_store *>(renkei_store_cancellable, get(), sign.get()));
    }
    std::string path() const { return detail::text(renkei_store_path, get()); }
    std::chrono::milliseconds now() const
    {
        return std::chrono::milliseconds(detail::value<std::int64_t>(renkei_store_now, get()));
    }

    // Definitions, as JSON.
    std::string apply(std::string_view blueprint) { return detail::text(renkei_blueprint_apply, get(), blueprint); }
    std::string plan(std::string_view blueprint) const { return detail::text(renkei_blueprint_plan, get(), blueprint); }
    std::string blueprint() const { return detail::text(renkei_blueprint_dump, get()); }
    std::string database(std::string_view database) const { return detail::text(renkei_database_get, get(), database); }
    std::string users() const { return detail::text(renkei_user_all, get()); }
    std::string lists(std::string_view database) const { return detail::text(renkei_list_all, get(), database); }
    std::string searches(std::string_view database) const { return detail::text(renkei_search_all, get(), database); }
    std::string import_settings(std::string_view database) const
    {
        return detail::text(renkei_import_setting_all, get(), database);
    }
    std::string csv_pushes(std::string_view database) const { return detail::text(renkei_push_all, get(), database); }
    std::string http_sends(std::string_view database) const { return detail::text(renkei_http_send_all, get(), database); }
    std::string aggregation_settings(std::string_view database) const
    {
        return detail::text(renkei_aggregation_all, get(), database);
    }
    std::string file_templates(std::string_view database) const
    {
        return detail::text(renkei_file_template_all, get(), database);
    }
    std::string automations(std::string_view database) const { return detail::text(renkei_automation_all, get(), database); }
    std::string mail_servers() const { return detail::text(renkei_mail_server_all, get()); }
    std::string mail_templates(std::string_view database) const
    {
        return detail::text(renkei_mail_template_all, get(), database);
    }
    std::string notice_mails(std::string_view database) const
    {
        return detail::text(renkei_notice_mail_all, get(), database);
    }
    std::string notice_mail_status(std::string_view database, std::string_view notice_mail) const
    {
        return detail::text(renkei_notice_mail_status, get(), database, notice_mail);
    }
    /// kind is as in renkei_definition_remove; database is empty for what belongs to none.
    void remove_definition(std::string_view kind, std::string_view database, std::string_view name)
    {
        detail::call(renkei_definition_remove, get(), kind, database, name);
    }

    // Records.
    saved register_record(std::string_view database, std::string_view json, const write_options &options = {})
    {
        return detail::write(renkei_record_register_json, options, get(), database, json);
    }
    saved register_record(std::string_view database, values &given, const write_options &options = {})
    {
        return detail::write(renkei_record_register, options, get(), database, given.get());
    }
    void register_all(std::string_view database, values &given, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        detail::call(renkei_record_register_all, get(), database, given.get(), &raw);
    }
    void update_all(std::string_view database, values &given, const write_options &options = {})
    {
        const renkei_write_options raw = options.raw();
        detail::call(renkei_record_update_all, get(), database, given.get(), &raw);
    }
    saved update(std::string_view database, const target &of, std::string_view json, const write_options &options = {})
    {
        return detail::write(renkei_record_update_json, options, get(), database, of, json);
    }
    saved update(std::string_view database, const target &of, values &given, const write_options &options = {})
    {
        return detail::write(renkei_record_update, options, get(), database, of, given.get());
    }
    saved upsert(std::string_view database, std::string_view json, const write_options &options = {})
    {
        return detail::write(renkei_record_upsert_json, options, get(), database, json);
    }
    saved upsert(std::string_view database, values &given, const write_options &options = {})
    {
        return detail::write(renkei_record_upsert, options, get(), database, given.get());
    }
    std::int64_t remove(std::string_view database, const target &of, std::int64_t expected_revision = 0)
    {
        return detail::value<std::int64_t>(renkei_record_delete, get(), database, of, expected_revision);
    }
    saved approve(std::string_view database, const target &of)
    {
        return saved(detail::filled<renkei_saved>(renkei_record_approve, get(), database, of));
    }
    saved withdraw_approval(std::string_view database, const target &of)
    {
        return saved(detail::filled<renkei_saved>(renkei_record_withdraw_approval, get(), database, of));
    }
    record view(std::string_view database, const target &of) const
    {
        return record(detail::value<renkei_record *>(renkei_record_view, get(), database, of));
    }
    std::optional<record> find(std::string_view database, const target &of) const
    {
        renkei_record *found = detail::value<renkei_record *>(renkei_record_find, get(), database, of);
        return found != nullptr ? std::optional<record>(record(found)) : std::nullopt;
    }
    /// columns is a JSON array of paths; query a JSON object, or empty for all records.
    renkei::rows rows(std::string_view database, std::string_view columns, std::string_view query = {}) const
    {
        return renkei::rows(
            detail::value<renkei_rows *>(renkei_rows_open, get(), database, columns, detail::perhaps{query}));
    }
    std::string query(std::string_view database, std::string_view query = {}) const
    {
        return detail::text(renkei_query_page, get(), database, detail::perhaps{query});
    }
    std::uint64_t count(std::string_view database, std::string_view condition = {}) const
    {
        return detail::value<std::uint64_t>(renkei_query_count, get(), database, detail::perhaps{condition});
    }
    std::string aggregate(std::string_view database, std::string_view aggregation) const
    {
        return detail::text(renkei_query_aggregate, get(), database, aggregation);
    }
    /// The table of a saved aggregation, as a JSON object.
    std::string run_aggregation(std::string_view database, std::string_view aggregation) const
    {
        return detail::text(renkei_aggregation_run, get(), database, aggregation);
    }
    /// The table of an aggregation that is not saved: its definition is a JSON object.
    std::string preview_aggregation(std::string_view setting_json) const
    {
        return detail::text(renkei_aggregation_preview, get(), setting_json);
    }
    /// Writes the table of a saved aggregation as CSV, piece by piece. The export is a JSON object.
    renkei_exported export_aggregation(std::string_view export_json, const sink &out) const
    {
        detail::drain to{&out};
        return to.exceptions.around([&] {
            return detail::filled<renkei_exported>(renkei_aggregation_export, get(), export_json, &detail::drain::write,
                                                   static_cast<void *>(&to));
        });
    }
    /// The first moments behind one at which something with this schedule is done, as a JSON array.
    std::string next_runs(std::string_view schedule_json, std::chrono::milliseconds after, std::size_t count) const
    {
        return detail::text(renkei_schedule_next_runs, get(), schedule_json, after, count);
    }
    transaction begin() { return transaction(detail::value<renkei_transaction *>(renkei_transaction_begin, get())); }

    // Files.
    std::int64_t put_file(std::string_view name, std::string_view bytes)
    {
        return detail::value<std::int64_t>(renkei_file_put, get(), name, detail::blob{bytes});
    }
    std::string file_info(std::int64_t file) const { return detail::text(renkei_file_info, get(), file); }
    std::string read_file(std::int64_t file) const { return detail::text(renkei_file_read, get(), file); }

    /// Generates the file of a file template, piece by piece; what it is, as a JSON object. The request is one too.
    std::string generate_file(std::string_view request_json, const sink &out) const
    {
        detail::drain to{&out};
        return to.exceptions.around([&] {
            return detail::text(renkei_file_template_generate, get(), request_json, &detail::drain::write,
                                static_cast<void *>(&to));
        });
    }

    // Imports.
    std::int64_t upload(std::string_view name, std::string_view bytes)
    {
        return detail::value<std::int64_t>(renkei_upload_put, get(), name, detail::blob{bytes});
    }
    std::int64_t upload(std::string_view name, const source &bytes)
    {
        detail::feed from{bytes};
        return from.exceptions.around([&] {
            return detail::value<std::int64_t>(renkei_upload_put_from, get(), name, &detail::feed::read,
                                               static_cast<void *>(&from));
        });
    }
    /// Reserves an import; its process id.
    std::int64_t reserve_import(std::string_view database, std::string_view setting, const import_request &request)
    {
        renkei_import_request raw = renkei_import_request_init();
        raw.upload = request.upload;
        std::tie(raw.path, raw.path_len) = detail::flat(detail::perhaps{request.path});
        std::tie(raw.token, raw.token_len) = detail::flat(detail::perhaps{request.token});
        raw.run_at = request.run_at;
        raw.once_per_content = request.once_per_content;
        raw.dry_run = request.dry_run;
        std::int64_t id = 0;
        detail::value<std::int32_t>(renkei_import_reserve, get(), database, setting, &raw, &id);
        return id;
    }
    renkei_import_info import_status(std::int64_t process_id) const
    {
        return detail::filled<renkei_import_info>(renkei_import_status, get(), process_id);
    }
    std::string import_status_json(std::int64_t process_id) const
    {
        return detail::text(renkei_import_status_json, get(), process_id);
    }
    renkei_import_info wait_import(std::int64_t process_id, std::chrono::milliseconds timeout) const
    {
        return detail::filled<renkei_import_info>(renkei_import_wait, get(), process_id, timeout);
    }
    void cancel_import(std::int64_t process_id) { detail::call(renkei_import_cancel, get(), process_id); }
    std::string imports(std::uint64_t limit) const { return detail::text(renkei_import_all, get(), limit); }
    std::string rejects(std::int64_t process_id, std::uint64_t skip = 0, std::uint64_t limit = 1000) const
    {
        return detail::text(renkei_import_rejects, get(), process_id, skip, limit);
    }
    /// Writes the refused lines as CSV; how many.
    std::uint64_t write_rejects(std::int64_t process_id, std::string_view path) const
    {
        return detail::value<std::uint64_t>(renkei_import_rejects_path, get(), process_id, path);
    }

    // Exports. The export is a JSON object.
    renkei_exported export_to_path(std::string_view export_json, std::string_view path) const
    {
        return detail::filled<renkei_exported>(renkei_export_path, get(), export_json, path, no_options);
    }
    /// Writes an export piece by piece.
    renkei_exported export_to(std::string_view export_json, const sink &out) const
    {
        detail::drain to{&out};
        return to.exceptions.around([&] {
            return detail::filled<renkei_exported>(renkei_export_to, get(), export_json, &detail::drain::write,
                                                   static_cast<void *>(&to), no_options);
        });
    }
    std::string export_to_memory(std::string_view export_json) const
    {
        std::string bytes;
        export_to(export_json, [&](std::string_view piece) {
            bytes += piece;
            return true;
        });
        return bytes;
    }
    renkei::export_stream export_stream(std::string_view export_json) const
    {
        return renkei::export_stream(
            detail::value<renkei_export_stream *>(renkei_export_stream_open, get(), export_json));
    }

    // Deliveries.

    /// Puts a message into the queue of deliveries; its id. The delivery is a JSON object.
    std::int64_t deliver(std::string_view delivery_json)
    {
        const void *const none = nullptr;
        return detail::value<std::int64_t>(renkei_delivery_queue, get(), delivery_json, none, std::size_t{0});
    }
    std::int64_t deliver(std::string_view delivery_json, std::string_view body)
    {
        return detail::value<std::int64_t>(renkei_delivery_queue, get(), delivery_json, detail::blob{body});
    }
    renkei_delivery_info delivery_status(std::int64_t delivery_id) const
    {
        return detail::filled<renkei_delivery_info>(renkei_delivery_status, get(), delivery_id);
    }
    std::string delivery_status_json(std::int64_t delivery_id) const
    {
        return detail::text(renkei_delivery_status_json, get(), delivery_id);
    }
    renkei_delivery_info wait_delivery(std::int64_t delivery_id, std::chrono::milliseconds timeout) const
    {
        return detail::filled<renkei_delivery_info>(renkei_delivery_wait, get(), delivery_id, timeout);
    }
    void cancel_delivery(std::int64_t delivery_id) { detail::call(renkei_delivery_cancel, get(), delivery_id); }
    void replay_delivery(std::int64_t delivery_id) { detail::call(renkei_delivery_replay, get(), delivery_id); }
    /// Replays every failed delivery that a filter means, or all; how many.
    std::uint64_t replay_failed(std::string_view filter = {})
    {
        return detail::value<std::uint64_t>(renkei_delivery_replay_failed, get(), detail::perhaps{filter});
    }
    /// The latest deliveries, as a JSON array.
    std::string deliveries(std::string_view filter = {}, std::uint64_t limit = 100, std::int64_t before = 0) const
    {
        return detail::text(renkei_delivery_all, get(), detail::perhaps{filter}, before, limit);
    }
    std::string attempts(std::int64_t delivery_id) const
    {
        return detail::text(renkei_delivery_attempts, get(), delivery_id);
    }
    std::string delivery_metrics() const { return detail::text(renkei_delivery_metrics, get()); }
    std::string targets() const { return detail::text(renkei_target_all, get()); }
    void enable_target(std::string_view target) { detail::call(renkei_target_enable, get(), target); }
    void disable_target(std::string_view target, std::string_view why)
    {
        detail::call(renkei_target_disable, get(), target, why);
    }

    /// Starts a CSV push; the id of its run. The request is a JSON object.
    std::int64_t push(std::string_view request_json)
    {
        return detail::value<std::int64_t>(renkei_push_start, get(), request_json);
    }
    renkei_push_info push_status(std::int64_t run_id) const
    {
        return detail::filled<renkei_push_info>(renkei_push_status, get(), run_id);
    }
    std::string push_status_json(std::int64_t run_id) const
    {
        return detail::text(renkei_push_status_json, get(), run_id);
    }
    renkei_push_info wait_push(std::int64_t run_id, std::chrono::milliseconds timeout) const
    {
        return detail::filled<renkei_push_info>(renkei_push_wait, get(), run_id, timeout);
    }
    void cancel_push(std::int64_t run_id) { detail::call(renkei_push_cancel, get(), run_id); }
    /// The latest runs, as a JSON array: of one list by its id, or of all.
    std::string push_runs(std::uint64_t limit, std::int64_t list_id = 0) const
    {
        return detail::text(renkei_push_runs, get(), list_id, limit);
    }

    /// Starts an http send; the id of its run. The request is a JSON object.
    std::int64_t http_send(std::string_view request_json)
    {
        return detail::value<std::int64_t>(renkei_http_send_start, get(), request_json);
    }
    renkei_http_send_info http_send_status(std::int64_t run_id) const
    {
        return detail::filled<renkei_http_send_info>(renkei_http_send_status, get(), run_id);
    }
    std::string http_send_status_json(std::int64_t run_id) const
    {
        return detail::text(renkei_http_send_status_json, get(), run_id);
    }
    renkei_http_send_info wait_http_send(std::int64_t run_id, std::chrono::milliseconds timeout) const
    {
        return detail::filled<renkei_http_send_info>(renkei_http_send_wait, get(), run_id, timeout);
    }
    /// How many records were cancelled.
    std::uint64_t cancel_http_send(std::int64_t run_id)
    {
        return detail::value<std::uint64_t>(renkei_http_send_cancel, get(), run_id);
    }
    std::string http_send_runs(std::uint64_t limit) const { return detail::text(renkei_http_send_runs, get(), limit); }

    /// Starts an automation; the id of its run. The request is a JSON object.
    std::int64_t start_automation(std::string_view request_json)
    {
        return detail::value<std::int64_t>(renkei_automation_start, get(), request_json);
    }
    /// Takes in a templated mail, a JSON object; the id of the run that it starts.
    std::int64_t receive_mail(std::string_view database, std::string_view automation, std::string_view mail_json)
    {
        return detail::value<std::int64_t>(renkei_automation_receive_mail, get(), database, automation, mail_json);
    }
    /// What that would do: a dry run, as a JSON object.
    std::string plan_automation(std::string_view request_json) const
    {
        return detail::text(renkei_automation_plan, get(), request_json);
    }
    renkei_automation_info automation_status(std::int64_t run_id) const
    {
        return detail::filled<renkei_automation_info>(renkei_automation_status, get(), run_id);
    }
    std::string automation_status_json(std::int64_t run_id) const
    {
        return detail::text(renkei_automation_status_json, get(), run_id);
    }
    renkei_automation_info wait_automation(std::int64_t run_id, std::chrono::milliseconds timeout) const
    {
        return detail::filled<renkei_automation_info>(renkei_automation_wait, get(), run_id, timeout);
    }
    void cancel_automation(std::int64_t run_id) { detail::call(renkei_automation_cancel, get(), run_id); }
    /// The journal of a run, as a JSON array: behind an entry, which is named by its item and its place there.
    std::string automation_entries(std::int64_t run_id, std::uint64_t limit = 1000, std::uint64_t after_item = 0,
                                   std::uint64_t after_place = 0) const
    {
        return detail::text(renkei_automation_entries, get(), run_id, after_item, after_place, limit);
    }
    /// The latest runs, as a JSON array: of one automation by its id, or of all.
    std::string automation_runs(std::uint64_t limit, std::int64_t automation_id = 0) const
    {
        return detail::text(renkei_automation_runs, get(), automation_id, limit);
    }

    /// Queues a mail; the id of its delivery. The mail is a JSON object.
    std::int64_t send_mail(std::string_view mail_json)
    {
        return detail::value<std::int64_t>(renkei_mail_send, get(), mail_json);
    }
    /// Queues the mail of a template about a record.
    std::int64_t send_mail(std::string_view database, std::string_view mail_template, const target &about)
    {
        return detail::value<std::int64_t>(renkei_mail_send_about, get(), database, mail_template, about);
    }

    // Secrets.
    void put_secret(std::string_view name, std::string_view secret) { detail::call(renkei_secret_put, get(), name, secret); }
    void remove_secret(std::string_view name) { detail::call(renkei_secret_remove, get(), name); }
    std::string secret_names() const { return detail::text(renkei_secret_names, get()); }
    std::string new_signing_secret() const { return detail::text(renkei_secret_new_signing, get()); }

    // Who may do what.

    /// Whoever this view acts for, as a JSON object; empty for the host.
    std::string acting_user() const { return detail::text(renkei_access_acting_user, get()); }
    /// Whether a right (RENKEI_RIGHT_...) is held in a database.
    bool may(std::string_view database, std::uint32_t right) const
    {
        return detail::value<std::int32_t>(renkei_access_may, get(), database, right) != 0;
    }
    std::string access() const { return detail::text(renkei_access_settings, get()); }
    /// Counts a call of whoever this view acts for; throws RENKEI_LIMIT when there were too many.
    void count_call() { detail::call(renkei_access_count_call, get()); }
    token issue_token(std::string_view user, const token_options &options = {})
    {
        renkei_token_options raw = renkei_token_options_init();
        std::tie(raw.name, raw.name_len) = detail::flat(detail::perhaps{options.name});
        std::tie(raw.addresses, raw.addresses_len) = detail::flat(detail::perhaps{options.addresses});
        raw.expires_in_ms = static_cast<std::uint64_t>(options.expires_in.count());
        raw.expires_at = options.expires_at;
        token issued;
        issued.secret = detail::text(renkei_token_issue, get(), user, &raw, &issued.id);
        return issued;
    }
    std::string tokens() const { return detail::text(renkei_token_all, get()); }
    void revoke_token(std::int64_t id) { detail::call(renkei_token_revoke, get(), id); }
    /// A view as the user of a token, who comes from an address.
    store authenticate(std::string_view secret, std::string_view address = {}) const
    {
        return store(
            detail::value<renkei_store *>(renkei_token_authenticate, get(), secret, detail::perhaps{address}));
    }
    /// Lines of the audit log, as a JSON object.
    std::string audit(std::string_view query = {}) const
    {
        return detail::text(renkei_audit_page, get(), detail::perhaps{query});
    }
    void note_audit(std::string_view entry_json) { detail::call(renkei_audit_note, get(), entry_json); }

    // Upkeep.

    /// Copies the store to a new file; the size of the copy.
    std::uint64_t backup(std::string_view path) const
    {
        const renkei_backup_options *const none = nullptr;
        return detail::value<std::uint64_t>(renkei_store_backup, get(), path, none);
    }
    /// Checks the store; the report, a JSON object.
    std::string check(bool quick = false) const
    {
        renkei_check_options options = renkei_check_options_init();
        options.quick = quick;
        std::int32_t is_sound = 0;
        return detail::text(renkei_store_check, get(), &options, &is_sound);
    }

    /// Runs everything that is due, on this thread, by a worker with these options; how many things were run.
    std::uint64_t run_until_idle(const renkei_worker_options &options)
    {
        detail::owner<renkei_worker, renkei_worker_free> worker(
            detail::value<renkei_worker *>(renkei_worker_new, get(), &options));
        return detail::value<std::uint64_t>(renkei_worker_run_until_idle, worker.get());
    }
    /// Runs everything that is due, on this thread; how many things were run.
    std::uint64_t run_until_idle(const import_progress &progress = {})
    {
        struct watch {
            const import_progress *progress;
            detail::carried exceptions = {};
        } watching{&progress};
        renkei_worker_options options = renkei_worker_options_init();
        if (progress) {
            options.progress = [](void *data, const renkei_import_progress *at) {
                watch *watching = static_cast<watch *>(data);
                watching->exceptions.run([&] {
                    (*watching->progress)(*at);
                    return true;
                });
            };
            options.progress_user_data = &watching;
        }
        return watching.exceptions.around([&] { return run_until_idle(options); });
    }

private:
    static constexpr const renkei_export_options *no_options = nullptr;
};

/// Runs the work of a store on threads of its own, until it is destroyed.
class worker : public detail::owner<renkei_worker, renkei_worker_free> {
public:
    explicit worker(const store &of, const renkei_worker_options &options = renkei_worker_options_init())
        : owner(detail::value<renkei_worker *>(renkei_worker_new, of.get(), &options))
    {
        detail::call(renkei_worker_start, get());
    }
    void stop() { detail::call(renkei_worker_stop, get()); }
};

/// Verifies messages signed by Standard Webhooks.
class verifier : public detail::owner<renkei_verifier, renkei_verifier_free> {
public:
    /// tolerance is how far the time of a message may be from now; 0 stands for 5 minutes.
    explicit verifier(std::string_view secret, std::chrono::milliseconds tolerance = {})
        : owner(detail::value<renkei_verifier *>(renkei_verifier_new, tolerance))
    {
        add(secret);
    }
    verifier &add(std::string_view secret)
    {
        detail::call(renkei_verifier_add, get(), secret);
        return *this;
    }
    /// Throws when a message is not to be believed: by its headers webhook-id, webhook-timestamp and webhook-signature.
    void verify(std::string_view id, std::string_view timestamp, std::string_view signature, std::string_view body,
                std::chrono::milliseconds now) const
    {
        detail::call(renkei_verifier_verify, get(), id, timestamp, signature, detail::blob{body}, now);
    }
};

/// An HTTP request as a server has parsed it.
class request : public detail::owner<renkei_request, renkei_request_free> {
public:
    request(std::string_view method, std::string_view target)
        : owner(detail::value<renkei_request *>(renkei_request_new, method, target))
    {
    }
    request &header(std::string_view name, std::string_view value)
    {
        detail::call(renkei_request_add_header, get(), name, value);
        return *this;
    }
    request &body(std::string_view bytes)
    {
        detail::call(renkei_request_set_body, get(), detail::blob{bytes});
        return *this;
    }
    /// A body that is asked for while the request is handled. What it throws comes out of webapi::handle.
    request &body(source bytes)
    {
        feed_.reset(new detail::feed{std::move(bytes)});
        detail::call(renkei_request_set_body_from, get(), &detail::feed::read, static_cast<void *>(feed_.get()));
        return *this;
    }
    /// Who opened the connection.
    request &remote(std::string_view address)
    {
        detail::call(renkei_request_set_remote, get(), address);
        return *this;
    }
    request &tls(bool is_encrypted)
    {
        detail::call(renkei_request_set_tls, get(), std::int32_t{is_encrypted});
        return *this;
    }

private:
    friend class webapi;
    // Where the library finds it again, also when the request was moved.
    std::unique_ptr<detail::feed> feed_;
};

/// An HTTP response for a server to send. Texts are lent until it is destroyed.
class response : public detail::owner<renkei_response, renkei_response_free> {
public:
    using owner::owner;

    int status() const { return detail::value<std::int32_t>(renkei_response_status, get()); }
    std::string_view reason() const { return detail::lent(renkei_response_reason, get()); }
    std::vector<std::pair<std::string_view, std::string_view>> headers() const
    {
        std::vector<std::pair<std::string_view, std::string_view>> all(
            detail::value<std::size_t>(renkei_response_header_count, get()));
        for (std::size_t at = 0; at < all.size(); at++) {
            const char *name = nullptr;
            std::size_t len = 0;
            all[at].second = detail::lent(renkei_response_header, get(), at, &name, &len);
            all[at].first = {name, len};
        }
        return all;
    }
    /// The value of a header; empty when there is none.
    std::string_view header(std::string_view name) const
    {
        return detail::lent(renkei_response_find_header, get(), name);
    }
    bool is_chunked() const { return detail::value<std::int32_t>(renkei_response_is_chunked, get()) != 0; }
    /// Nothing for a stream.
    std::optional<std::uint64_t> content_length() const
    {
        const std::int64_t length = detail::value<std::int64_t>(renkei_response_content_length, get());
        return length < 0 ? std::nullopt : std::optional<std::uint64_t>(static_cast<std::uint64_t>(length));
    }
    bool closes() const { return detail::value<std::int32_t>(renkei_response_closes, get()) != 0; }
    /// Fills at most capacity bytes of the body; how many, and 0 at the end.
    std::size_t read(char *buffer, std::size_t capacity)
    {
        return detail::value<std::size_t>(renkei_response_read, get(), static_cast<void *>(buffer), capacity);
    }
    /// Writes what is left of the body; how many bytes.
    std::uint64_t write_to(const sink &out)
    {
        detail::drain to{&out};
        return to.exceptions.around([&] {
            return detail::value<std::uint64_t>(renkei_response_write_to, get(), &detail::drain::write,
                                                static_cast<void *>(&to));
        });
    }
    /// What is left of the body, in memory.
    std::string body()
    {
        std::string bytes;
        write_to([&](std::string_view piece) {
            bytes += piece;
            return true;
        });
        return bytes;
    }
};

/// The dispatcher of the Web API of a store: one request in, one response out.
class webapi : public detail::owner<renkei_webapi, renkei_webapi_free> {
public:
    webapi(const store &of, std::string_view account, const renkei_webapi_options &options = renkei_webapi_options_init())
        : owner(detail::value<renkei_webapi *>(renkei_webapi_new, of.get(), account, &options))
    {
    }
    std::string_view account() const { return detail::lent(renkei_webapi_account, get()); }
    renkei_webapi_options options() const
    {
        return detail::filled<renkei_webapi_options>(renkei_webapi_get_options, get());
    }
    void set_maintenance(bool on) { detail::call(renkei_webapi_set_maintenance, get(), std::int32_t{on}); }
    bool is_in_maintenance() const
    {
        return detail::value<std::int32_t>(renkei_webapi_is_in_maintenance, get()) != 0;
    }
    /// Answers a request, on this thread. What goes wrong with what is asked for is a response.
    response handle(request &of) const
    {
        const auto answer = [&] {
            return response(detail::value<renkei_response *>(renkei_webapi_handle, get(), of.get()));
        };
        return of.feed_ ? of.feed_->exceptions.around(answer) : answer();
    }
    /// The description of the nine functions, an OpenAPI document.
    static std::string openapi() { return detail::text(renkei_webapi_openapi); }
};

} // namespace renkei

#endif // RENKEI_HPP
