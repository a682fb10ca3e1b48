// A request as a client could make it, with what the store would answer: nothing may crash, and
// each request gets exactly one answer.
#include <cstdint>
#include <cstdlib>

#include "roles/web_gate/web_gate.h"
#include "store/catalog.h"

using namespace tandem;
using namespace tandem::roles::web_gate;

namespace {

std::string_view next_line(std::string_view& rest) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    return line;
}

// METHOD path / name: value ... / blank / body; "?name=value" lines are the query.
ports::HttpRequest request_from(std::string_view rest) {
    ports::HttpRequest request;
    const std::string_view start = next_line(rest);
    const size_t space = start.find(' ');
    request.method = start.substr(0, space);
    if (space != std::string_view::npos) request.path = start.substr(space + 1);
    request.headers.emplace_back("authorization", "Bearer token");
    while (!rest.empty()) {
        std::string_view line = next_line(rest);
        if (line.empty()) break;
        const bool query = line.starts_with('?');
        if (query) line.remove_prefix(1);
        const size_t cut = line.find(query ? '=' : ':');
        std::pair<std::string, std::string> item(line.substr(0, cut), "");
        if (cut != std::string_view::npos) item.second = trim(line.substr(cut + 1));
        (query ? request.query : request.headers).push_back(std::move(item));
    }
    request.body = rest;
    return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ports::Instance self{1};
    ports::Directory directory;
    directory.replace({{self, ports::RoleKind::WebGate},
                       {{2}, ports::RoleKind::Store},
                       {{3}, ports::RoleKind::CallState},
                       {{4}, ports::RoleKind::Registrar},
                       {{5}, ports::RoleKind::B2bua}});
    const store::Catalog catalog;
    const ports::TokenMint tokens({1, 2});
    SeededRng rng(1);
    const ports::Surroundings around{self, directory, catalog, tokens, rng};
    WebGate web(around, Gatekeeper("token", Bytes(32, 7)));
    const Now now{{1000s}, {1'790'000'000'000}};
    ports::Outbox out;
    ports::HttpRequest request = request_from(as_text({data, size}));
    const std::string body = request.body;
    web.on_letter(now, {ports::kHttp, self, 1, std::move(request)}, out);
    size_t responses = 0;
    for (int round = 0; round < 3; ++round) {
        for (const ports::Letter& letter : out.take()) {
            if (holds_alternative<ports::HttpResponse>(letter.payload)) {
                ++responses;
            } else if (round == 0 && holds_alternative<ports::StatusQuery>(letter.payload)) {
                web.on_letter(now, {letter.to, self, letter.request, ports::StatusReply{body}},
                              out);
            } else {
                web.on_letter(now, {letter.to, self, letter.request, ports::Unreachable{letter.to}},
                              out);
            }
        }
    }
    if (responses != 1) std::abort();
    return 0;
}
