// Which store is in force for a server: <data>/store.toml, written by tandemd itself. Without the
// file it is SQLite, as at the first start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace tandem::app {

struct StorePlace {
    enum class Kind { Sqlite, Etcd };
    Kind kind = Kind::Sqlite;
    // Of the revisions that it gives out; rises when the data move.
    uint32_t generation = 1;
    // Of etcd: where its members are reached by clients, "192.0.2.1:7379".
    std::vector<std::string> endpoints;
    // Of the cluster that the servers of the site run themselves: what keeps it apart from others,
    // and whose member was the first. Empty: somebody else runs it.
    std::string cluster;
    std::string founder;
    // PEM files for an etcd that wants certificates. Empty: in clear.
    std::string tls_ca;
    std::string tls_certificate;
    std::string tls_key;

    friend bool operator==(const StorePlace&, const StorePlace&) = default;
};

// An error names the file, the field and what is allowed.
Result<StorePlace> parse_store_place(const std::string& text, const std::string& file_name);
std::string to_text(const StorePlace& place);

Result<StorePlace> load_store_place(const std::string& data);
// Whole or not at all, also when the machine goes down meanwhile.
Result<void> save_store_place(const std::string& data, const StorePlace& place);

}  // namespace tandem::app
