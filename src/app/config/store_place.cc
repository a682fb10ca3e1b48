#include "app/config/store_place.h"

#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "app/config/durable_file.h"
#include "base/net_address.h"

namespace tandem::app {
namespace {

// Members of one site; etcd advises seven at most.
constexpr size_t kEndpointsMax = 16;

std::string path_of(const std::string& data) {
    return data + "/store.toml";
}

Result<std::vector<std::string>> read_endpoints(const toml::table& table, const std::string& file) {
    const auto wrong = [&](const std::string& what) {
        return make_error(ErrorCode::OutOfRange, "endpoints", file + ": endpoints " + what);
    };
    const toml::array* list = table["endpoints"].as_array();
    if (list == nullptr || list->empty() || list->size() > kEndpointsMax) {
        return wrong("must be a list of 1 to 16 addresses");
    }
    std::vector<std::string> endpoints;
    for (const toml::node& node : *list) {
        std::string endpoint = node.value_or(std::string());
        if (!SocketAddress::parse(endpoint)) {
            return wrong("must hold addresses with ports, as \"192.0.2.1:7379\"");
        }
        endpoints.push_back(std::move(endpoint));
    }
    return endpoints;
}

Result<StorePlace> read_place(const toml::table& table, const std::string& file) {
    StorePlace place;
    const std::string kind = table["kind"].value_or(std::string());
    if (kind != "sqlite" && kind != "etcd") {
        return make_error(ErrorCode::OutOfRange, "kind",
                          file + ": kind must be one of: sqlite, etcd");
    }
    const int64_t generation = table["generation"].value_or(int64_t{0});
    if (generation < 1 || generation > UINT32_MAX) {
        return make_error(ErrorCode::OutOfRange, "generation",
                          file + ": generation must be a whole number from 1 to 4294967295");
    }
    place.generation = static_cast<uint32_t>(generation);
    if (kind == "sqlite") return place;
    place.kind = StorePlace::Kind::Etcd;
    place.endpoints = TRY(read_endpoints(table, file));
    place.cluster = table["cluster"].value_or(std::string());
    place.founder = table["founder"].value_or(std::string());
    place.tls_ca = table["tls_ca"].value_or(std::string());
    place.tls_certificate = table["tls_certificate"].value_or(std::string());
    place.tls_key = table["tls_key"].value_or(std::string());
    if (place.tls_ca.empty() != place.tls_certificate.empty() ||
        place.tls_ca.empty() != place.tls_key.empty()) {
        return make_error(ErrorCode::Missing, "tls_ca",
                          file + ": tls_ca, tls_certificate and tls_key belong together");
    }
    return place;
}

}  // namespace

Result<StorePlace> parse_store_place(const std::string& text, const std::string& file_name) {
    try {
        return read_place(toml::parse(text, file_name), file_name);
    } catch (const toml::parse_error& error) {
        return make_error(ErrorCode::Malformed, "",
                          file_name + ":" + std::to_string(error.source().begin.line) +
                              ": not valid TOML: " + std::string(error.description()));
    }
}

std::string to_text(const StorePlace& place) {
    const bool is_etcd = place.kind == StorePlace::Kind::Etcd;
    toml::table table;
    table.insert("kind", is_etcd ? "etcd" : "sqlite");
    table.insert("generation", int64_t{place.generation});
    if (is_etcd) {
        toml::array endpoints;
        for (const std::string& endpoint : place.endpoints) endpoints.push_back(endpoint);
        table.insert("endpoints", std::move(endpoints));
    }
    if (!place.cluster.empty()) {
        table.insert("cluster", place.cluster);
        table.insert("founder", place.founder);
    }
    if (is_etcd && !place.tls_ca.empty()) {
        table.insert("tls_ca", place.tls_ca);
        table.insert("tls_certificate", place.tls_certificate);
        table.insert("tls_key", place.tls_key);
    }
    std::ostringstream text;
    text << "# Which store is in force. Written by tandemd.\n" << table << '\n';
    return text.str();
}

Result<StorePlace> load_store_place(const std::string& data) {
    const std::string path = path_of(data);
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return StorePlace{};
    std::ifstream file(path, std::ios::binary);
    if (!file) return make_error(ErrorCode::NotFound, "", path + ": cannot be opened");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return parse_store_place(text, path);
}

Result<void> save_store_place(const std::string& data, const StorePlace& place) {
    return replace_file(path_of(data), to_text(place), 0644);
}

}  // namespace tandem::app
