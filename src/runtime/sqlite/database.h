// A thin shell over SQLite's C interface: statements that stay prepared, errors as values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tandem::runtime {

// One prepared statement. Bind from 1, step through the rows, then reset() for the next use.
class Statement {
 public:
    Statement() = default;
    explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}
    Statement(Statement&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Statement& operator=(Statement&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Statement();

    // Texts and bytes are not copied: they must live until reset().
    Statement& text(int index, std::string_view value);
    Statement& bytes(int index, std::string_view value);
    Statement& integer(int index, int64_t value);

    enum class Step { Row, Done, Failed };
    Step step();
    Step run();  // one step, then reset
    void reset();

    std::string_view column_bytes(int column) const;
    int64_t column_integer(int column) const;

 private:
    sqlite3_stmt* handle_ = nullptr;
};

class Database {
 public:
    enum class Locking { Exclusive, Shared };
    static Result<Database> open(const std::string& path, Locking locking);
    Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Database& operator=(Database&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Database();

    Result<void> execute(const char* sql);
    Result<Statement> prepare(std::string_view sql);
    Error last_error() const;  // ErrorCode::Unavailable, in SQLite's words
    int64_t changes() const;

 private:
    explicit Database(sqlite3* handle) : handle_(handle) {}
    sqlite3* handle_ = nullptr;
};

}  // namespace tandem::runtime
