#include "store/backup_records.h"

#include "base/octets.h"

namespace tandem::store {
namespace {

void append_text(std::string& out, std::string_view text) {
    append_number(out, text.size(), 4);
    out += text;
}

std::optional<std::string_view> cut_text(std::string_view& rest) {
    if (rest.size() < 4) return std::nullopt;
    const size_t size = number_in(rest.substr(0, 4));
    rest.remove_prefix(4);
    if (rest.size() < size) return std::nullopt;
    const std::string_view text = rest.substr(0, size);
    rest.remove_prefix(size);
    return text;
}

}  // namespace

void append_record(std::string& out, BackupRecord::Kind kind, std::string_view key,
                   std::string_view value) {
    out += static_cast<char>(kind);
    append_text(out, key);
    append_text(out, value);
}

Result<std::optional<BackupRecord>> next_record(std::string_view& rest) {
    if (rest.empty()) return std::optional<BackupRecord>();
    const auto kind = static_cast<uint8_t>(rest.front());
    rest.remove_prefix(1);
    const auto key = cut_text(rest);
    const auto value = key ? cut_text(rest) : std::nullopt;
    if (!value) return make_error(ErrorCode::Malformed, "record", "a record is not whole");
    if (kind < static_cast<uint8_t>(BackupRecord::Kind::About) ||
        kind > static_cast<uint8_t>(BackupRecord::Kind::End)) {
        return make_error(ErrorCode::Unsupported, "record", "a record is of an unknown kind");
    }
    return std::optional<BackupRecord>(
        {static_cast<BackupRecord::Kind>(kind), std::string(*key), std::string(*value)});
}

}  // namespace tandem::store
