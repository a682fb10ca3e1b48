#include "app/config/bootstrap.h"

#include <toml++/toml.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>

#include "base/net_address.h"

namespace tandem::app {
namespace {

constexpr uintmax_t kFileBytesMax = 1 << 20;  // a real one has 20 lines

std::string host_name() {
    char name[256] = "server1";
    gethostname(name, sizeof name - 1);
    return name;
}

// Reads the fields of one table and remembers the first thing that is wrong.
class Fields {
 public:
    Fields(const toml::table& table, std::string prefix, const std::string& file)
        : table_(table), prefix_(std::move(prefix)), file_(file) {}

    void text(std::string_view name, std::string& into) {
        known_[std::string(name)] = true;
        const toml::node* node = table_.get(name);
        if (node == nullptr) return;
        if (!node->is_string()) return wrong(*node, name, "must be a text in quotes");
        into = node->value_or(std::string());
    }
    // As text(), but neither empty nor longer than `max`.
    void name_text(std::string_view name, std::string& into, size_t max) {
        text(name, into);
        const toml::node* node = table_.get(name);
        if (node == nullptr || (!into.empty() && into.size() <= max)) return;
        wrong(*node, name, "must have 1 to " + std::to_string(max) + " characters");
    }
    void choice(std::string_view name, std::string& into,
                std::initializer_list<const char*> allowed) {
        text(name, into);
        std::string list;
        for (const char* value : allowed) {
            if (into == value) return;
            list += (list.empty() ? "" : ", ") + std::string(value);
        }
        if (const toml::node* node = table_.get(name))
            wrong(*node, name, "must be one of: " + list);
    }
    void flag(std::string_view name, bool& into) {
        known_[std::string(name)] = true;
        const toml::node* node = table_.get(name);
        if (node == nullptr) return;
        if (!node->is_boolean()) return wrong(*node, name, "must be true or false");
        into = node->value_or(false);
    }
    template <typename T>
    void number(std::string_view name, T& into, int64_t min, int64_t max) {
        known_[std::string(name)] = true;
        const toml::node* node = table_.get(name);
        if (node == nullptr) return;
        const auto value = node->value_exact<int64_t>();
        if (!value || *value < min || *value > max) {
            return wrong(*node, name,
                         "must be a whole number from " + std::to_string(min) + " to " +
                             std::to_string(max));
        }
        into = static_cast<T>(*value);
    }
    void table_field(std::string_view name) { known_[std::string(name)] = true; }
    void wrong(const toml::node& node, std::string_view name, std::string_view what) {
        if (error_) return;
        error_ = make_error(ErrorCode::OutOfRange, prefix_ + std::string(name),
                            file_ + ":" + std::to_string(node.source().begin.line) + ": " +
                                prefix_ + std::string(name) + " " + std::string(what));
    }
    // After all fields were read: those that nobody knows.
    std::optional<Error> finish() {
        std::string list;
        for (const auto& [name, used] : known_) list += (list.empty() ? "" : ", ") + name;
        for (const auto& [key, node] : table_) {
            if (known_.contains(std::string(key.str()))) continue;
            wrong(node, key.str(), "is not known here; allowed are: " + list);
        }
        return error_;
    }

 private:
    const toml::table& table_;
    std::string prefix_;
    const std::string& file_;
    std::map<std::string, bool> known_;
    std::optional<Error> error_;
};

// Two listeners over TCP cannot have one port.
void check_distinct(Fields& fields, const toml::table& table, const FirstStart& ports) {
    const std::pair<std::string_view, uint16_t> over_tcp[] = {{"sip_port", ports.sip_port},
                                                              {"sips_port", ports.sips_port},
                                                              {"wss_port", ports.wss_port},
                                                              {"http_port", ports.http_port},
                                                              {"https_port", ports.https_port}};
    for (const auto& [name, port] : over_tcp) {
        for (const auto& [other, taken] : over_tcp) {
            const toml::node* node = table.get(name);
            if (node == nullptr || name == other || port != taken) continue;
            fields.wrong(*node, name, "must differ from " + std::string(other));
        }
    }
}

// As entity_rules.cc has it for a media gate: pairs, the even port for RTP (RFC 3550 11), and two
// of them at least. One that is left out is the default, and the other is measured by it.
void check_rtp_ports(Fields& fields, const toml::table& table, const FirstStart& ports) {
    const toml::node* min = table.get("rtp_port_min");
    const toml::node* max = table.get("rtp_port_max");
    const bool fits = ports.rtp_port_min + 3 <= ports.rtp_port_max;
    if (!fits && max != nullptr) {
        fields.wrong(*max, "rtp_port_max",
                     "must be at least rtp_port_min + 3, which is " +
                         std::to_string(ports.rtp_port_min + 3));
    } else if (!fits && min != nullptr) {
        fields.wrong(*min, "rtp_port_min",
                     "must be at most rtp_port_max - 3, which is " +
                         std::to_string(ports.rtp_port_max - 3) +
                         " while rtp_port_max is left out");
    }
    if (min != nullptr && ports.rtp_port_min % 2 != 0) {
        fields.wrong(*min, "rtp_port_min", "must be even: the first port of a pair");
    }
    if (max != nullptr && ports.rtp_port_max % 2 != 1) {
        fields.wrong(*max, "rtp_port_max", "must be odd: the second port of a pair");
    }
}

void read_ports(Fields& fields, const toml::table& table, FirstStart& into) {
    fields.number("sip_port", into.sip_port, 1, 65535);
    fields.number("sips_port", into.sips_port, 1, 65535);
    fields.number("wss_port", into.wss_port, 1, 65535);
    fields.number("http_port", into.http_port, 1, 65535);
    fields.number("https_port", into.https_port, 1, 65535);
    fields.number("rtp_port_min", into.rtp_port_min, 1024, 65534);
    fields.number("rtp_port_max", into.rtp_port_max, 1025, 65535);
    check_rtp_ports(fields, table, into);
    check_distinct(fields, table, into);
    std::string nodes = "one";
    fields.choice("nodes", nodes, {"one", "split"});
    into.split_nodes = nodes == "split";
}

void read_etcd(Fields& fields, const toml::table&, EtcdSettings& into) {
    fields.name_text("program", into.program, 4096);
    fields.flag("automatic", into.automatic);
}

// The table `name`, where it is there.
template <typename Read>
std::optional<Error> read_part(Fields& top, const toml::table& table, const std::string& name,
                               const std::string& file, Read read) {
    top.table_field(name);
    const toml::node* node = table.get(name);
    if (node == nullptr) return std::nullopt;
    if (!node->is_table()) {
        top.wrong(*node, name, "must be a table");
        return std::nullopt;
    }
    Fields fields(*node->as_table(), name + ".", file);
    read(fields, *node->as_table());
    return fields.finish();
}

void check_pair(Fields& fields, const toml::table& table) {
    const toml::node* certificate = table.get("tls_certificate");
    const toml::node* key = table.get("tls_key");
    if (certificate != nullptr && key == nullptr) {
        fields.wrong(*certificate, "tls_certificate", "needs tls_key beside it");
    }
    if (key != nullptr && certificate == nullptr) {
        fields.wrong(*key, "tls_key", "needs tls_certificate beside it");
    }
}

void check_link_address(Fields& fields, const toml::table& table, const std::string& text) {
    const auto address = SocketAddress::parse(text);
    if (address && address->port != 0 && !address->ip.is_unspecified()) return;
    fields.wrong(*table.get("link_address"), "link_address",
                 "must be an IP address and a port, like 192.0.2.7:7200");
}

Result<Bootstrap> read_table(const toml::table& table, const std::string& file) {
    Bootstrap bootstrap = default_bootstrap();
    Fields top(table, "", file);
    top.name_text("name", bootstrap.name, 63);
    top.text("address", bootstrap.address);
    if (!bootstrap.address.empty() && !IpAddress::parse(bootstrap.address)) {
        top.wrong(*table.get("address"), "address", "must be an IPv4 or IPv6 address");
    }
    top.text("link_address", bootstrap.link_address);
    if (!bootstrap.link_address.empty()) check_link_address(top, table, bootstrap.link_address);
    top.name_text("data", bootstrap.data, 4096);
    top.choice("log_level", bootstrap.log_level, {"trace", "debug", "info", "warn", "error"});
    top.choice("log_format", bootstrap.log_format, {"logfmt", "json"});
    top.text("log_file", bootstrap.log_file);
    top.text("tls_certificate", bootstrap.tls_certificate);
    top.text("tls_key", bootstrap.tls_key);
    check_pair(top, table);
    top.number("drain_max_s", bootstrap.drain_max_s, 0, 86400);
    top.flag("drills_allowed", bootstrap.drills_allowed);
    const auto first = [&](Fields& fields, const toml::table& part) {
        read_ports(fields, part, bootstrap.first_start);
    };
    if (auto error = read_part(top, table, "first_start", file, first)) return *error;
    const auto etcd = [&](Fields& fields, const toml::table& part) {
        read_etcd(fields, part, bootstrap.etcd);
    };
    if (auto error = read_part(top, table, "etcd", file, etcd)) return *error;
    if (auto error = top.finish()) return *error;
    return bootstrap;
}

}  // namespace

Bootstrap default_bootstrap() {
    Bootstrap bootstrap;
    bootstrap.name = host_name();
    const char* data = getenv("TANDEM_DATA");
    bootstrap.data = data != nullptr && *data != '\0' ? data : "./var";
    return bootstrap;
}

Result<Bootstrap> parse_bootstrap(const std::string& text, const std::string& file_name) {
    try {
        return read_table(toml::parse(text, file_name), file_name);
    } catch (const toml::parse_error& error) {
        return make_error(ErrorCode::Malformed, "",
                          file_name + ":" + std::to_string(error.source().begin.line) +
                              ": not valid TOML: " + std::string(error.description()));
    }
}

Result<Bootstrap> load_bootstrap(const std::string& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) {
        return make_error(ErrorCode::NotFound, "", path + ": cannot be read: " + error.message());
    }
    if (size > kFileBytesMax) {
        return make_error(ErrorCode::TooLarge, "", path + ": must have at most 1 MiB");
    }
    std::ifstream file(path, std::ios::binary);
    if (!file) return make_error(ErrorCode::NotFound, "", path + ": cannot be opened");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return parse_bootstrap(text, path);
}

}  // namespace tandem::app
