#include "border/source_table.h"

#include <algorithm>

#include "border/limits.h"

namespace tandem::border {

uint64_t SourceTable::key_of(const IpAddress& source) const {
    const size_t octets = source.family == AddressFamily::V4 ? 4 : 8;
    const uint64_t key = siphash(key_, {source.octets.data(), octets});
    return key == 0 ? 1 : key;
}

SourceTable::Entry* SourceTable::find(const IpAddress& source) {
    if (entries_.empty()) return nullptr;
    const uint64_t key = key_of(source);
    Entry* set = &entries_[(key % source_sets) * source_ways];
    for (size_t way = 0; way < source_ways; ++way) {
        if (set[way].key == key) return &set[way];
    }
    return nullptr;
}

SourceTable::Entry& SourceTable::entry_of(Instant now, const IpAddress& source,
                                          const SourceLimits* limits) {
    if (entries_.empty()) entries_.resize(source_sets * source_ways);
    if (Entry* known = find(source)) return *known;
    const uint64_t key = key_of(source);
    Entry* set = &entries_[(key % source_sets) * source_ways];
    // A banned source goes last, so that a flood of addresses does not wash its ban away.
    Entry* victim = std::min_element(set, set + source_ways, [now](const Entry& a, const Entry& b) {
        const bool a_banned = a.banned_until > now;
        const bool b_banned = b.banned_until > now;
        return a_banned != b_banned ? b_banned : a.seen < b.seen;
    });
    *victim = Entry{key, now, now, {}, limits ? static_cast<double>(limits->burst) : 0, 0};
    return *victim;
}

SourceTable::Verdict SourceTable::admit(Instant now, const IpAddress& source,
                                        const SourceLimits& limits) {
    if (limits.messages_per_s == 0 && limits.offences_max == 0) return Verdict::Admitted;
    Entry& entry = entry_of(now, source, &limits);
    if (entry.banned_until > now) return Verdict::Banned;
    const double elapsed_s = std::chrono::duration<double>(now - entry.seen).count();
    entry.seen = now;
    if (limits.messages_per_s == 0) return Verdict::Admitted;
    entry.tokens = std::min<double>(limits.burst, entry.tokens + elapsed_s * limits.messages_per_s);
    if (entry.tokens < 1) return Verdict::Limited;
    entry.tokens -= 1;
    return Verdict::Admitted;
}

bool SourceTable::offence(Instant now, const IpAddress& source, uint32_t weight,
                          const SourceLimits& limits) {
    if (limits.offences_max == 0) return false;
    Entry& entry = entry_of(now, source, &limits);
    if (now - entry.window_start > limits.offence_window) {
        entry.window_start = now;
        entry.offences = 0;
    }
    entry.offences += weight;
    if (entry.offences < limits.offences_max || entry.banned_until > now) return false;
    entry.banned_until = now + limits.ban;
    entry.offences = 0;
    ++bans_;
    return true;
}

void SourceTable::success(Instant now, const IpAddress& source) {
    if (Entry* entry = find(source)) {
        entry->offences = 0;
        entry->window_start = now;
    }
}

void SourceTable::pardon(const IpAddress& source) {
    if (Entry* entry = find(source)) *entry = Entry{};
}

}  // namespace tandem::border
