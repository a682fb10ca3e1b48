#include "app/config/server_file.h"

#include <toml++/toml.h>
#include <unistd.h>

#include "app/config/site_keys.h"
#include "ports/address.h"

namespace tandem::app {
namespace {

std::string path_in(const std::string& data) {
    return data + "/server.toml";
}

Error damaged(const std::string& path, const std::string& why) {
    return make_error(ErrorCode::Malformed, "", path + ": " + why + "; restore it from a backup");
}

// Names and addresses have no characters that TOML would want escaped.
std::string line(std::string_view name, const std::string& value) {
    return std::string(name) + " = \"" + value + "\"\n";
}

bool is_node(int64_t number) {
    return number >= 1 && number <= ports::nodes_max;
}

Result<ServerFile> read_table(const toml::table& table, const std::string& path) {
    ServerFile file;
    file.name = table["name"].value_or(std::string());
    const int64_t node = table["node"].value_or(int64_t{0});
    if (!is_node(node)) return damaged(path, "node must be a number from 1 to 200");
    file.node = static_cast<uint16_t>(node);
    file.link_address = table["link_address"].value_or(std::string());
    const toml::array* neighbours = table["neighbour"].as_array();
    if (neighbours == nullptr) return file;
    for (const toml::node& entry : *neighbours) {
        const toml::table* each = entry.as_table();
        if (each == nullptr) return damaged(path, "neighbour must be a list of tables");
        const int64_t number = (*each)["node"].value_or(int64_t{0});
        const auto address = SocketAddress::parse((*each)["address"].value_or(std::string()));
        if (!is_node(number) || !address) {
            return damaged(path, "a neighbour needs a node and an address");
        }
        file.neighbours.push_back(
            {(*each)["server"].value_or(std::string()), static_cast<uint16_t>(number), *address});
    }
    return file;
}

}  // namespace

bool has_server_file(const std::string& data) {
    return access(path_in(data).c_str(), F_OK) == 0;
}

Result<ServerFile> read_server_file(const std::string& data) {
    if (!has_server_file(data)) return ServerFile{};
    const std::string path = path_in(data);
    try {
        return read_table(toml::parse_file(path), path);
    } catch (const toml::parse_error& error) {
        return damaged(path, "not valid TOML: " + std::string(error.description()));
    }
}

Result<void> write_server_file(const std::string& data, const ServerFile& file) {
    std::string text = "# Written by tandemd: who this server is in its system.\n";
    text += line("name", file.name) + "node = " + std::to_string(file.node) + "\n";
    text += line("link_address", file.link_address);
    for (const auto& each : file.neighbours) {
        text += "\n[[neighbour]]\n" + line("server", each.server);
        text += "node = " + std::to_string(each.node) + "\n";
        text += line("address", each.address.text());
    }
    return write_secret(path_in(data), text);
}

}  // namespace tandem::app
