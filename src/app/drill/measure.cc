#include "app/drill/measure.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace tandem::drill {

std::optional<Duration> switch_time(Instant harm, std::span<const Probe> probes) {
    const auto in_trouble = [](const Probe& probe) {
        return !probe.served || *probe.served - probe.asked > kPrompt;
    };
    const auto first = std::ranges::find_if(probes, in_trouble);
    std::optional<Duration> found;
    if (first == probes.end()) {
        for (const Probe& probe : probes) {
            found = std::max(found.value_or(Duration{0}), *probe.served - probe.asked);
        }
        return found;
    }
    const bool is_late = first != probes.begin() && std::prev(first)->asked > harm + kOnset;
    const Instant began = is_late ? std::prev(first)->asked : harm;
    for (auto probe = first; probe != probes.end(); ++probe) {
        if (!probe->served) continue;
        const Duration since = *probe->served - began;
        if (!found || since < *found) found = since;
    }
    return found;
}

Percentiles percentiles_of(std::vector<Duration> values) {
    if (values.empty()) return {};
    std::ranges::sort(values);
    // Nearest rank: the smallest value that so many of them do not exceed.
    const auto at = [&](double part) {
        const double rank = std::ceil(part * static_cast<double>(values.size()));
        return values[static_cast<size_t>(std::max(rank, 1.0)) - 1];
    };
    return {at(0.50), at(0.95), at(0.99), values.back()};
}

namespace {

std::string sentence(Instant harm, const CallSeen& call) {
    const auto at = [&](Instant when) {
        char text[32];
        std::snprintf(text, sizeof text, "%+.3f s",
                      std::chrono::duration<double>(when - harm).count());
        return when == Instant{} ? std::string("never") : std::string(text);
    };
    return "call " + call.call_id + (call.held ? " (held)" : "") + ", answered " +
           at(call.answered) + " after the harm, ended " + at(call.ended) + ": " + call.end;
}

}  // namespace

CallsJudged judge_calls(Instant harm, std::vector<CallSeen> calls) {
    constexpr Instant never;
    std::ranges::sort(calls, {}, &CallSeen::began);
    CallsJudged judged;
    std::optional<Instant> first_refused;
    for (const CallSeen& call : calls) {
        if (call.ended != never && call.ended <= harm) continue;
        if (call.answered != never) {
            ++judged.answered;
            if (!call.well) {
                ++judged.answered_lost;
                judged.lost.push_back(sentence(harm, call));
            }
        }
        const bool rang_then = call.rang != never && call.rang <= harm &&
                               (call.answered == never || call.answered > harm);
        if (rang_then) {
            ++judged.ringing;
            if (call.answered == never) ++judged.ringing_lost;
        }
        if (call.began < harm || call.held) continue;
        ++judged.placed;
        const bool rang = call.rang != never;
        judged.probes.push_back({call.began, rang ? std::optional(call.rang) : std::nullopt});
        if (call.answered != never) continue;
        ++judged.refused;
        ++judged.refused_with[call.status];
        if (!first_refused) first_refused = call.began;
        judged.refused_for = call.began - *first_refused;
    }
    return judged;
}

RecordsJudged judge_records(std::span<const CallSeen> calls,
                            const std::map<std::string, int>& records) {
    RecordsJudged judged;
    for (const CallSeen& call : calls) {
        if (call.answered == Instant{}) continue;
        ++judged.calls;
        const auto found = records.find(call.call_id);
        if (found == records.end()) ++judged.missing;
        if (found != records.end() && found->second > 1) ++judged.doubled;
    }
    return judged;
}

}  // namespace tandem::drill
