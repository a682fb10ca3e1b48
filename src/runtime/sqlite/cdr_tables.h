// How records of calls lie in their file.
//
// Each record has a key that sorts by its start:   key = start in ms (43 bits) | bits of its id
// (20) so every index that ends with the key gives records in the order of time, without sorting,
// and "older than this" is one number. A key that another record has goes up by one.
//
// `record` has what is asked for, in the order of domains and time, some 100 bytes a record, so
// that looking through a domain's calls reads pages that lie side by side; `record_body` the record
// itself. Domains have small numbers in this file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "model/generated/cdr.h"
#include "runtime/sqlite/database.h"

namespace tandem::runtime {

extern const char* const cdr_schema;

// Only calls that lasted longer are in the index of long calls; shorter ones are so many that
// looking through them finds enough.
inline constexpr int64_t cdr_long_ms = 600'000;

inline constexpr int cdr_key_bits = 20;
int64_t cdr_key_from(UtcTime start);  // the first one of its millisecond
int64_t cdr_key_of(UtcTime start, CdrId id);

// The numbers of domains in this file. Another process may give some, too.
class DomainNumbers {
 public:
    explicit DomainNumbers(Database& database) : database_(database) {}
    Result<void> load();
    const std::map<DomainId, int64_t>& all() const { return known_; }
    Result<std::optional<int64_t>> find(DomainId domain);
    Result<int64_t> give(DomainId domain);  // in a transaction
    // The transaction was undone, and with it perhaps a number that was given.
    void forget() { known_.clear(); }

 private:
    Database& database_;
    std::map<DomainId, int64_t> known_;
};

}  // namespace tandem::runtime
