#include "sim/world.h"

#include <algorithm>
#include <cstdio>

namespace tandem::sim {
namespace {

constexpr size_t kFailuresKept = 100;
constexpr uint64_t kPrime = 0x100000001b3;  // FNV-1a, 64 bits

uint64_t mixed(uint64_t hash, std::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * kPrime;
    return (hash ^ bytes.size()) * kPrime;
}

}  // namespace

World::World(uint64_t seed) : time_{Instant{1000s}}, rng_(seed) {}

Duration World::between(Duration least, Duration most) {
    const auto span = static_cast<uint64_t>((most - least).count());
    return span == 0 ? least : least + Duration(static_cast<int64_t>(rng_.below(span + 1)));
}

void World::at(Instant when, Event event) {
    heap_.push_back({std::max(when, time_), order_++, std::move(event)});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
}

void World::run_until(Instant end) {
    while (!heap_.empty() && heap_.front().when <= end) {
        std::pop_heap(heap_.begin(), heap_.end(), Later{});
        Entry next = std::move(heap_.back());
        heap_.pop_back();
        time_ = next.when;
        next.event();
    }
    time_ = std::max(time_, end);
}

std::optional<Instant> World::next_event() const {
    return heap_.empty() ? std::nullopt : std::optional<Instant>(heap_.front().when);
}

void World::mix(std::string_view what, std::string_view bytes) {
    const auto now = static_cast<uint64_t>(time_.since_epoch.count());
    hash_ = mixed((hash_ ^ now) * kPrime, what);
    hash_ = mixed(hash_, bytes);
}

void World::count(std::string_view what, uint64_t times) {
    const auto found = counts_.find(what);
    if (found != counts_.end()) {
        found->second += times;
    } else {
        counts_.emplace(what, times);
    }
}

void World::fail(std::string text) {
    trace("!!! " + text);
    if (failures_.size() < kFailuresKept) failures_.push_back(stamp() + "  " + std::move(text));
}

void World::trace(std::string_view line) {
    if (trace_) trace_(stamp() + "  " + std::string(line));
}

std::string World::stamp() const {
    char text[32];
    const double seconds = std::chrono::duration<double>(time_ - Instant{1000s}).count();
    std::snprintf(text, sizeof text, "%11.6f", seconds);
    return text;
}

}  // namespace tandem::sim
