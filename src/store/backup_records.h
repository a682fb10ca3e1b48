// What a backup of a site consists of: a sequence of records, of which later ones overrule earlier
// ones of the same key. Pure. src/app/backup puts them into a file.
//
//   record = kind (1 byte)  key length (4, big-endian)  key  value length (4)  value
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tandem::store {

struct BackupRecord {
    enum class Kind : uint8_t {
        About = 1,   // the first one: {"format":1,"version":...,"made":...,"server":...}
        File = 2,    // key: a path in the data directory, value: what is in it
        Put = 3,     // key and value of the store
        Delete = 4,  // a key that went away while the others were read
        Cdr = 5,     // key: its id, value: the record of a call
        End = 6,     // the last one of the store: {"generation":1,"revision":...}
    };
    Kind kind = Kind::Put;
    std::string key;
    std::string value;

    friend bool operator==(const BackupRecord&, const BackupRecord&) = default;
};

void append_record(std::string& out, BackupRecord::Kind kind, std::string_view key,
                   std::string_view value);

// Reads the record at the beginning of `rest`, which is cut off. nullopt: there is no more. Unknown
// kinds are an error: what cannot be understood must not be left out.
Result<std::optional<BackupRecord>> next_record(std::string_view& rest);

}  // namespace tandem::store
