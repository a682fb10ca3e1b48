// What happened lately on the nodes of a site.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>
#include <thread>
#include <tuple>

#include "app/cli/commands.h"
#include "app/cli/show.h"

namespace tandem::cli {
namespace {

namespace json = boost::json;

constexpr uint64_t kPageItems = 1'000;  // as many as the API gives at once
constexpr auto kLook = std::chrono::milliseconds(500);
// Ids are times in microseconds. Clocks of servers may be 5 s apart: what one of them says later
// may have a lower id than what another has said.
constexpr uint64_t kOverlap = 10'000'000;

struct Wanted {
    uint64_t limit = 100;
    bool follow = false;
};

void print(Global& global, const json::value& event) {
    if (global.json) {
        std::printf("%s\n", json::serialize(event).c_str());
        return;
    }
    std::printf("%s  node %-3s %-11s  %s\n", cell(event, "time").c_str(),
                cell(event, "node").c_str(), cell(event, "kind").c_str(),
                cell(event, "text").c_str());
}

const std::string kEvents = "/api/v1/events?limit=";

// Ends with the program only: a node that is away for a while says later what it has seen.
void follow(Global& global, json::value page) {
    std::set<std::tuple<std::string, std::string, std::string>> seen;
    uint64_t since = 0;
    bool said_away = false;
    while (true) {
        const json::array& items = page.at("items").as_array();
        for (const json::value& each : items) {
            if (seen.emplace(cell(each, "id"), cell(each, "node"), cell(each, "shard")).second)
                print(global, each);
        }
        std::fflush(stdout);
        const auto newest = page.at("next").to_number<uint64_t>();
        const bool is_all = items.size() < kPageItems;
        since = std::max(since, is_all ? newest - std::min(newest, kOverlap) : newest);
        const std::string oldest = std::to_string(since);
        std::erase_if(seen, [&](const auto& one) {
            const std::string& id = std::get<0>(one);
            return id.size() < oldest.size() || (id.size() == oldest.size() && id <= oldest);
        });
        std::string newer = kEvents + std::to_string(kPageItems);
        newer.append("&since=").append(oldest);
        if (is_all) std::this_thread::sleep_for(kLook);
        auto next = fetch(global, newer);
        while (!next.has_value()) {
            if (next.error().code != ErrorCode::Unavailable &&
                next.error().code != ErrorCode::Timeout)
                return global.fail(next.error());
            if (!std::exchange(said_away, true))
                std::fprintf(stderr, "tandem: %s\n", next.error().message.c_str());
            std::this_thread::sleep_for(kLook);
            next = fetch(global, newer);
        }
        said_away = false;
        page = std::move(*next);
    }
}

void show_events(Global& global, const Wanted& wanted) {
    auto page = fetch(global, kEvents + std::to_string(wanted.limit));
    if (!page.has_value()) return global.fail(page.error());
    if (wanted.follow) return follow(global, std::move(*page));
    if (global.json) {
        std::printf("%s\n", json::serialize(*page).c_str());
        return;
    }
    for (const json::value& each : page->at("items").as_array()) print(global, each);
}

}  // namespace

void add_event_commands(CLI::App& app, Global& global) {
    static Wanted wanted;
    auto* events = app.add_subcommand(
        "events", "what happened lately: posts that moved, nodes that died, roles that started");
    events->add_option("--limit", wanted.limit, "how many of the newest (default: 100)")
        ->check(CLI::Range(uint64_t{1}, kPageItems));
    events->add_flag("--follow", wanted.follow, "go on, and print what happens from now on");
    events->callback([&] { show_events(global, wanted); });
}

}  // namespace tandem::cli
