#include "store/kv.h"

#include <algorithm>
#include <set>

#include "store/limits.h"

namespace tandem::store {
namespace {

size_t bytes_of(const std::vector<Op>& ops) {
    size_t total = 0;
    for (const Op& op : ops) {
        if (const auto* put = std::get_if<Put>(&op)) total += put->key.size() + put->value.size();
        if (const auto* erase = std::get_if<Delete>(&op)) total += erase->key.size();
        if (const auto* range = std::get_if<DeleteRange>(&op))
            total += range->range.begin.size() + range->range.end.size();
        if (const auto* get = std::get_if<Get>(&op))
            total += get->range.range.begin.size() + get->range.range.end.size();
    }
    return total;
}

bool is_key(std::string_view key) {
    return !key.empty() && key.size() <= key_bytes_max &&
           key.find('\xff') == std::string_view::npos;
}

Result<void> check_key(std::string_view key) {
    if (is_key(key)) return {};
    if (key.size() > key_bytes_max)
        return make_error(ErrorCode::TooLarge, "key", "a key has at most 512 bytes");
    return make_error(ErrorCode::Malformed, "key", "a key is not empty and has no byte 255");
}

Result<void> check_ops(const std::vector<Op>& ops) {
    if (ops.size() > txn_ops_max)
        return make_error(ErrorCode::TooLarge, "txn", "a branch has at most 127 operations");
    const Error twice = make_error(ErrorCode::Malformed, "txn", "a key is written twice");
    std::set<std::string_view> written;
    for (const Op& op : ops) {
        const auto* put = std::get_if<Put>(&op);
        const auto* erase = std::get_if<Delete>(&op);
        if (put == nullptr && erase == nullptr) continue;
        const std::string& key = put != nullptr ? put->key : erase->key;
        TRY(check_key(key));
        if (!written.insert(key).second) return twice;
    }
    for (const Op& op : ops) {
        const auto* range = std::get_if<DeleteRange>(&op);
        if (range == nullptr) continue;
        const auto hit = written.lower_bound(range->range.begin);
        if (hit != written.end() && range->range.contains(*hit)) return twice;
    }
    return {};
}

}  // namespace

KeyRange KeyRange::prefix(std::string_view prefix) {
    if (prefix.empty()) return {std::string(1, '\0'), std::string(after_all_keys)};
    // Keys are UTF-8, so the last byte is below 0xff and can be raised.
    std::string end(prefix);
    end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    return {std::string(prefix), std::move(end)};
}

KeyRange Compare::range() const {
    return kind == Kind::NoneInRange ? KeyRange::between(key, value) : KeyRange::one(key);
}

bool holds(const Compare& compare, const KeyValue* current) {
    switch (compare.kind) {
        case Compare::Kind::Exists:
            return current != nullptr;
        case Compare::Kind::Absent:
        case Compare::Kind::NoneInRange:
            return current == nullptr;
        case Compare::Kind::ModRevisionIs:
            return current != nullptr && current->mod_revision == compare.revision;
        case Compare::Kind::ValueIs:
            return current != nullptr && current->value == compare.value;
    }
    return false;
}

size_t bytes_of(const Txn& txn) {
    size_t total = bytes_of(txn.then_ops) + bytes_of(txn.else_ops);
    for (const Compare& compare : txn.compares) total += compare.key.size() + compare.value.size();
    return total;
}

Result<void> check_txn(const Txn& txn) {
    if (txn.compares.size() > txn_compares_max)
        return make_error(ErrorCode::TooLarge, "txn", "a transaction has at most 127 compares");
    TRY(check_ops(txn.then_ops));
    TRY(check_ops(txn.else_ops));
    if (bytes_of(txn) > txn_bytes_max)
        return make_error(ErrorCode::TooLarge, "txn", "a transaction has at most 1 MiB");
    return {};
}

}  // namespace tandem::store
