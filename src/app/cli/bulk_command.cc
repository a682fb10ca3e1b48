// Many creations from a file, in requests of some thousand lines.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "app/cli/commands.h"

namespace tandem::cli {
namespace {

// A request: below the gate's usual bound of 1 MiB, and answered in a few seconds.
constexpr size_t kLinesMost = 4'000;
constexpr size_t kBytesMost = 900u << 10;

struct Load {
    Global& global;
    Client client;
    std::string piece;
    std::vector<uint64_t> numbers;  // in the file, of the lines in `piece`
    uint64_t made = 0;
    uint64_t there = 0;
    uint64_t failed = 0;

    explicit Load(Global& g) : global(g), client(g.client()) {}

    void report(const boost::json::object& answer) {
        const int64_t status = answer.at("status").to_number<int64_t>();
        const auto line = answer.at("line").to_number<uint64_t>();
        if (status < 300) {
            ++made;
            return;
        }
        ++(status == 409 ? there : failed);
        const auto* field = answer.if_contains("field");
        const auto* detail = answer.if_contains("detail");
        std::fprintf(stderr, "line %llu: %lld %s%s%s\n",
                     static_cast<unsigned long long>(numbers.at(line - 1)),
                     static_cast<long long>(status), field ? field->as_string().c_str() : "",
                     field ? ": " : "", detail ? detail->as_string().c_str() : "");
    }
    bool send() {
        if (numbers.empty()) return true;
        const auto answer = client.call("POST", "/api/v1/bulk", piece);
        if (!answer.has_value()) {
            global.fail(answer.error());
            return false;
        }
        for (size_t begin = 0; begin < answer->body.size();) {
            const size_t end = answer->body.find('\n', begin);
            report(boost::json::parse(answer->body.substr(begin, end - begin)).as_object());
            begin = end == std::string::npos ? answer->body.size() : end + 1;
        }
        piece.clear();
        numbers.clear();
        return true;
    }
};

void load(Global& global, const std::string& path) {
    std::ifstream file;
    if (path != "-") file.open(path);
    if (path != "-" && !file)
        return global.fail(make_error(ErrorCode::NotFound, "file", path + " cannot be read"));
    std::istream& in = path == "-" ? std::cin : file;
    Load load(global);
    std::string line;
    for (uint64_t number = 1; std::getline(in, line); ++number) {
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        const bool is_full =
            load.numbers.size() >= kLinesMost || load.piece.size() + line.size() + 1 > kBytesMost;
        if (is_full && !load.send()) return;
        load.piece.append(line).push_back('\n');
        load.numbers.push_back(number);
    }
    if (!load.send()) return;
    std::printf("%llu made, %llu refused as conflicts, %llu failed\n",
                static_cast<unsigned long long>(load.made),
                static_cast<unsigned long long>(load.there),
                static_cast<unsigned long long>(load.failed));
    if (load.there + load.failed > 0) global.exit_code = kExitRefused;
}

}  // namespace

void add_bulk_command(CLI::App& app, Global& global) {
    static std::string path;
    auto* bulk = app.add_subcommand("bulk", "make many domains, accounts and others from a file");
    bulk->add_option("file", path, "a JSON object a line (docs/bulk.md); -: standard input")
        ->required();
    bulk->callback([&] { load(global, path); });
}

}  // namespace tandem::cli
